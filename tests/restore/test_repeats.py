"""Frames that repeat others: found, left out, replaced, told; never called evidence."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest

from sharpening.frames.video import write_film
from sharpening.restore import Restorer
from sharpening.restore.locate import locate
from sharpening.restore.located import Choice
from sharpening.restore.repeats import (
    LEAST_LIMIT,
    MOST_LIMIT,
    STEPS,
    FilmRepeats,
    Repeat,
    Repeats,
    apart,
    limit_of,
    without_repeats,
)
from sharpening.restore.source import open_source
from tests.restore_helpers import crops, face_frames, scene


def jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    done = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.ascontiguousarray(cv2.imdecode(done, cv2.IMREAD_COLOR)[..., ::-1])


def numbers(restored) -> list[int]:
    return [row["index"] for row in restored.report["frames"]["used"]]


def test_copies_of_one_frame_are_no_evidence(astronaut_face) -> None:
    face = jpeg(cv2.resize(astronaut_face, (32, 32), interpolation=cv2.INTER_AREA), 40)
    restore = Restorer.from_weights(device="cpu", judge=False)
    once, often = restore([face], cropped=True), restore([face] * 7, cropped=True)
    np.testing.assert_array_equal(often.picture, once.picture)
    assert {region.verdict for region in often.evidence.regions} <= {"mixed", "habit"}
    assert often.evidence.facts()["error_68"] == once.evidence.facts()["error_68"]
    assert often.report["frames"]["single_frame"]
    assert often.report["frames"]["middle"] == 3
    assert often.report["frames"]["n_distinct"] == 1
    assert [row["index"] for row in often.report["frames"]["repeats"]] == [0, 1, 2, 4, 5, 6]
    assert {row["of"] for row in often.report["frames"]["repeats"]} == {3}
    assert any("6 of 7 frames are repeats of others and add nothing" in words for words in often.warnings)
    assert any("Only one frame was used" in words for words in often.warnings)
    assert not any("left out; the first is" in words for words in often.warnings)
    assert once.report["frames"]["repeats"] == []
    assert not any("repeat" in words for words in once.warnings)


def test_frames_of_a_film_are_held_against_the_last_that_differed() -> None:
    """In a slow motion each frame is near the next one, and yet not one."""
    watch, picture, shows = FilmRepeats(), np.zeros((5, 5, 3), np.uint8), []
    for i in range(10):
        picture = picture.copy()
        picture[i % 5] += 1  # a fifth of a grey level
        shows.append(watch.shows(i, 0, picture, (2.0, 2.0, 5.0), picture))
    assert shows == [0, 0, 2, 2, 4, 4, 6, 6, 8, 8]


@pytest.mark.parametrize("cut", [False, True])
def test_a_still_scene_after_a_lively_one_is_no_frozen_film(rng, cut) -> None:
    watch, square = FilmRepeats(), (3.5, 3.5, 8.0)
    shows = []
    for i in range(120):
        picture = rng.integers(100, 140 if i < 20 else 103, (8, 8, 3)).astype(np.uint8)
        shows.append(watch.shows(i, int(cut and i >= 20), picture, square, picture))
    repeats = [i for i, of in enumerate(shows) if of != i]
    assert len(repeats) <= (0 if cut else STEPS // 2 + 1)
    assert all(20 <= i < 20 + STEPS for i in repeats)


def test_a_frame_repeats_nothing_beyond_a_cut_nor_without_a_face() -> None:
    watch, picture = FilmRepeats(), np.zeros((8, 8, 3), np.uint8)
    runs = [0, 0, 1, 1, -1, -1, 2]
    assert [watch.shows(i, run, picture, (3.5, 3.5, 8.0), picture) for i, run in enumerate(runs)] == [0, 0, 2, 2, 4, 5, 6]


def test_in_a_film_that_moves_coding_may_change_a_repeat_a_little_more(rng) -> None:
    watch, square = FilmRepeats(), (3.5, 3.5, 8.0)
    pictures = [rng.integers(0, 256, (8, 8, 3)).astype(np.uint8) // 16 for _ in range(8)]
    for i, each in enumerate(pictures):
        assert watch.shows(2 * i, 0, each, square, each) == 2 * i
        changed = each.copy()
        changed[:4] += 1  # half a grey level in the mean
        assert watch.shows(2 * i + 1, 0, changed, square, changed) == (2 * i if i else 1)


def test_next_frames_take_the_places_of_repeats(quiet) -> None:
    frames = np.repeat(crops(7), 2, axis=0)  # 0 0 1 1 2 2 …, as by a change of the rate
    restored = quiet(list(frames), middle=6)
    used = numbers(restored)
    assert used[3] == 6
    assert sorted(i // 2 for i in used) == list(range(7))
    assert len(restored.report["frames"]["repeats"]) == 6
    assert any("6 of 13 frames are repeats" in words and "took their place" in words for words in restored.warnings)


def test_only_the_middle_of_its_copies_is_kept(quiet) -> None:
    frames = crops(5)
    restored = quiet([*frames[:2], frames[2], frames[2], *frames[3:]], middle=3)
    assert numbers(restored) == [0, 1, 3, 4, 5]
    assert restored.report["frames"]["repeats"] == [{"index": 2, "of": 3, "difference": 0.0}]
    assert any("1 of 6 frames is a repeat of others and adds nothing" in words for words in restored.warnings)
    assert restored.report["frames"]["skipped"] == [{"index": 2, "why": "it repeats frame 3"}]


def test_a_long_frozen_film_ends_soon() -> None:
    source = open_source([crops(1)[0]] * 100)
    located = locate(source, Choice(middle=50), n=7, size=32)
    calls = Counter()

    def again(without):
        calls["again"] += 1
        return first(without)

    first = located.again
    found, repeats = without_repeats(replace(located, again=again), source)
    assert found.indexes == (50,)
    assert found.sequence.n == 1
    assert found.sequence.sources == ("frame 50",)
    assert calls["again"] == 6
    assert len(repeats) == 42


def test_noise_of_coding_makes_no_new_frame_and_noise_of_a_camera_does(rng) -> None:
    still = crops(1)[0]
    coded = np.stack([still] * 7)
    coded[2:, :8, :8] += 2  # one block of sixteen
    source = open_source(list(coded))
    found, _ = without_repeats(locate(source, Choice(), n=7, size=32), source)
    assert found.sequence.n == 1
    noisy = np.clip(still + rng.normal(0, 1.0, (7, 32, 32, 3)), 0, 255).round().astype(np.uint8)
    source = open_source(list(noisy))
    found, repeats = without_repeats(locate(source, Choice(), n=7, size=32), source)
    assert found.sequence.n == 7
    assert not repeats


def test_repeats_of_a_moving_face_in_a_film_are_found(quiet, astronaut_face) -> None:
    # The smooth path has two places for the two copies, so their cuts differ.
    frames = [frame for frame in face_frames(astronaut_face, 9) for _ in range(2)]
    restored = quiet(frames, middle=8)
    assert len({i // 2 for i in numbers(restored)}) == len(numbers(restored)) == 7
    assert 8 in numbers(restored)


def test_slow_motion_is_no_repeat_of_a_repeat() -> None:
    far = np.abs(np.subtract.outer(np.arange(7.0), np.arange(7.0))) * 0.2
    assert limit_of(far) == LEAST_LIMIT
    assert limit_of(far * 100) == MOST_LIMIT
    assert LEAST_LIMIT < limit_of(np.full((7, 7), 3.0)) < MOST_LIMIT
    assert limit_of(np.zeros((1, 1))) == LEAST_LIMIT


def test_frames_are_held_against_each_other_at_both_places() -> None:
    looks = np.zeros((2, 2, 4, 4, 3), np.uint8)
    looks[1, 1] = 8  # alike where the face of the first is, not where that of the second is
    assert apart(looks)[0, 1] == apart(looks)[1, 0] == 8
    assert apart(np.array([0, 3], np.uint8).reshape(2, 1, 1, 1, 1).repeat(3, axis=4))[0, 1] == 3


def test_copies_stay_out_when_strangers_are_left_out(restore) -> None:
    frames = scene("aaaabaaaaaaa")
    frames[6] = frames[5]
    restored = restore()(list(frames), middle=5)
    assert 6 not in numbers(restored)
    assert 4 not in numbers(restored)
    assert len(numbers(restored)) == 7
    assert restored.report["identity_guard"]["left_out"] == [4]
    assert [row["index"] for row in restored.report["frames"]["repeats"]] == [6]


def test_a_copy_that_would_stand_in_for_a_stranger_is_left_out(restore) -> None:
    frames = scene("aaabaaaaa")
    frames[7] = frames[6]
    restored = restore()(list(frames), middle=4)
    assert 7 not in numbers(restored)
    assert numbers(restored)[len(numbers(restored)) // 2] == 4


def test_frozen_h264_film_is_one_frame(quiet, astronaut_face, tmp_path) -> None:
    film = write_film(tmp_path / "frozen.mp4", [face_frames(astronaut_face, 1)[0]] * 9, crf=28)
    restored = quiet(film)
    assert restored.report["frames"]["single_frame"]
    assert any("repeats" in words for words in restored.warnings)


@pytest.mark.parametrize(("stand_ins", "words"), [(True, "others took their place"), (False, "left out.")])
def test_words(stand_ins: bool, words: str) -> None:
    assert Repeats({}, 7).warnings() == []
    assert words in Repeats({3: Repeat(2, 0.1), 4: Repeat(2, 0.0)}, 5, stand_ins).warnings()[0]
    assert "2 of 7 frames are repeats of others" in Repeats({3: Repeat(2, 0.1), 4: Repeat(2, 0.0)}, 5).warnings()[0]
