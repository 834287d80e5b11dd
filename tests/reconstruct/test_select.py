"""The base is the frontal and sharp frame; parts come from frames that clearly show more of them, and from few frames."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from sharpening.errors import NoFaceFound
from sharpening.reconstruct.quality import Quality
from sharpening.reconstruct.select import choose_base, choose_sources

PARTS = ("left_eye", "right_eye", "nose", "mouth")
FRONTAL = SimpleNamespace(yaw=0.0, pitch=0.0, roll=0.0, away=0.0)


def turned(yaw: float) -> SimpleNamespace:
    return SimpleNamespace(yaw=yaw, pitch=0.0, roll=0.0, away=abs(yaw))


def quality(score: list[list[float]], likeness: float | list[list[float]] = 0.95) -> Quality:
    values = np.array(score, float)
    return Quality(PARTS, values, np.broadcast_to(np.array(likeness, float), values.shape), np.full(4, 0.5))


def chosen(rated: Quality, poses=None, **more) -> dict[str, int]:
    poses = [FRONTAL] * len(rated.score) if poses is None else poses
    return {pick.part: pick.frame for pick in choose_sources(rated, 0, poses, **more)}


def test_the_base_is_the_most_frontal_frame() -> None:
    base, why = choose_base([turned(30), turned(2), turned(-25)], np.array([1.5, 0.8, 1.4]), 0)
    assert base == 1
    assert "2°" in why


def test_of_equally_frontal_frames_the_sharpest_is_the_base_and_of_equals_the_middle() -> None:
    poses = [turned(1), turned(3), turned(2), turned(4)]
    assert choose_base(poses, np.array([0.5, 1.4, 0.9, 0.6]), 3)[0] == 1
    assert choose_base(poses, np.array([1.0, 1.0, 1.02, 0.99]), 3)[0] == 3
    assert choose_base([None, turned(9), None], np.array([np.nan, 0.2, np.nan]), 0)[0] == 1
    with pytest.raises(NoFaceFound):
        choose_base([None, None], np.array([np.nan, np.nan]), 0)


def test_a_part_comes_from_the_frame_that_shows_clearly_more() -> None:
    found = chosen(quality([[1, 1, 0.3, 1], [1.1, 1, 1.0, 1.15], [1, 1, 1.6, 1]]))
    assert found == {"left_eye": 0, "right_eye": 0, "nose": 2, "mouth": 0}


def test_both_eyes_come_from_one_frame_where_that_costs_little() -> None:
    found = chosen(quality([[0.3, 0.3, 1, 1], [1.5, 1.42, 1, 1], [1.4, 1.5, 1, 1]]))
    assert found["left_eye"] == found["right_eye"]
    apart = chosen(quality([[0.3, 0.3, 1, 1], [1.5, 0.5, 1, 1], [0.5, 1.5, 1, 1]]))
    assert (apart["left_eye"], apart["right_eye"]) == (1, 2)


def test_few_sources_are_better_than_many() -> None:
    found = chosen(quality([[1, 1, 0.2, 0.3], [1, 1, 1.5, 1.38], [1, 1, 1.0, 1.45]]))
    assert found["nose"] == found["mouth"] == 1


def test_turned_heads_and_other_looks_are_no_sources() -> None:
    given = quality([[1, 1, 0.3, 1], [1, 1, 1.5, 1], [1, 1, 1.0, 1]])
    assert chosen(given, [FRONTAL, turned(35), turned(5)])["nose"] == 2
    assert chosen(given, [FRONTAL, None, FRONTAL])["nose"] == 2
    closed = quality([[1, 1, 0.3, 1], [1, 1, 1.5, 1], [1, 1, 1.0, 1]], [[1, 1, 1, 1], [1, 1, 0.2, 1], [1, 1, 0.9, 1]])
    assert chosen(closed)["nose"] == 2
    picks = choose_sources(given, 0, [FRONTAL, turned(35), turned(-30)])
    nose = next(pick for pick in picks if pick.part == "nose")
    assert nose.frame == 0
    assert nose.why.startswith("frame 1 shows 5.0 times the detail, but is turned elsewhere")


def test_reasons_name_frames_by_their_numbers() -> None:
    """A sequence of a long clip does not begin with its frame 0."""
    given = quality([[1, 1, 0.3, 1], [1, 1, 1.5, 1], [1, 1, 1.0, 1]])
    picks = choose_sources(given, 0, [FRONTAL, turned(35), turned(-30)], names=(40, 45, 50))
    assert next(pick.why for pick in picks if pick.part == "nose").startswith("frame 45 shows")


def test_however_bad_the_base_is_no_frame_is_taken_that_must_not_be() -> None:
    """Detail opposite to that of the others gives a score below nothing."""
    worst = quality([[-1.6, -1.6, -1.6, -1.6], [1, 1, 1.2, 1], [np.nan, 1, 1, 1.1]], 0.3)
    assert set(chosen(worst).values()) == {0}
    alike = [[0.95] * 4, [0.95, 0.3, 0.3, 0.3], [0.95] * 4]
    found = chosen(quality([[-1.6, -1.6, -1.6, np.nan], [np.nan, 1, 1.2, 1], [np.nan, 1, 0.9, 1.1]], alike))
    assert found == {"left_eye": 0, "right_eye": 2, "nose": 2, "mouth": 2}


def test_frames_that_do_not_show_a_part_are_no_sources() -> None:
    assert chosen(quality([[1, 1, 0.3, 1], [1, 1, np.nan, 1]]))["nose"] == 0


def test_what_was_chosen_by_hand_stays_and_the_rest_is_found() -> None:
    rated = quality([[1, 1, 0.3, 0.3], [1, 1, 1.5, 1.5], [1, 1, 1.0, 1.0]])
    assert chosen(rated, given={"mouth": 2}) == {"left_eye": 0, "right_eye": 0, "nose": 1, "mouth": 2}
    assert chosen(rated, given={"mouth": 2}, rest="base") == {"left_eye": 0, "right_eye": 0, "nose": 0, "mouth": 2}
    picks = choose_sources(rated, 0, [FRONTAL] * 3, given={"mouth": 2})
    assert [pick.part for pick in picks if pick.by_hand] == ["mouth"]
    assert not any(pick.by_hand for pick in choose_sources(rated, 0, [FRONTAL] * 3, given={"mouth": 2}, hand=()))


def test_a_part_that_cannot_be_rated_can_be_chosen_all_the_same() -> None:
    picks = choose_sources(quality([[1, 1, 1, 1], [1, 1, 1, 1]]), 0, [FRONTAL] * 2, given={"hair": 1}, rest="base")
    assert [(pick.part, pick.frame) for pick in picks if pick.frame] == [("hair", 1)]


def test_how_clear_is_clear_is_a_setting() -> None:
    given = quality([[1, 1, 1, 1], [1, 1, 1.15, 1]])
    assert chosen(given)["nose"] == 0
    assert chosen(given, clearly=1.1)["nose"] == 1


def test_skin_goes_along_with_the_parts_that_lie_in_it() -> None:
    parts = ("nose", "mouth", "left_cheek", "chin")
    score = np.array([[0.3, 0.3, 1.0, 1.0], [1.5, 1.5, 1.05, 0.8], [1.0, 1.0, 1.1, 1.1]])
    given = Quality(parts, score, np.full(score.shape, 0.95), np.full(4, 0.5))
    assert chosen(given) == {"nose": 1, "mouth": 1, "left_cheek": 1, "chin": 0}


def test_a_frame_that_is_as_good_as_the_same_picture_is_not_turned() -> None:
    given, poses = quality([[1, 1, 0.3, 1], [1, 1, 1.5, 1]]), [FRONTAL, turned(35)]
    assert chosen(given, poses, alike=[1.0, 0.99])["nose"] == 1
    assert chosen(given, poses, alike=[1.0, 0.8])["nose"] == 0


def test_another_expression_is_not_a_poor_picture() -> None:
    given = quality([[1, 1, 1, 0.95], [1, 1, 1, 1.2]])
    assert chosen(given)["mouth"] == 1
    rich = given._replace(own=np.array([1.0, 1.0, 1.0, 1.05]))
    assert chosen(rich)["mouth"] == 0
    covered = quality([[1, 1, 1, 0.2], [1, 1, 1, 1.2]])._replace(own=rich.own)
    assert chosen(covered)["mouth"] == 1
