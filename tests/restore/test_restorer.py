"""Frames in, picture out: kinds of input, numbers of frames, batches."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

import sharpening
from sharpening.errors import InputError, NoFaceFound, RangeError, ShapeError, WeightsMismatch, WeightsMissing
from sharpening.frames.sequence import FrameSequence
from sharpening.frames.video import write_film
from sharpening.imaging.files import write_picture
from sharpening.restore import Restored, Restorer
from tests.restore_helpers import crops, face_frames, write_weights


def test_public_names() -> None:
    assert sharpening.Restorer is Restorer
    assert sharpening.Restored is Restored


@pytest.mark.parametrize("n", [1, 2, 6, 7])
def test_any_number_of_cropped_frames(quiet, n) -> None:
    restored = quiet(list(crops(n)))
    assert restored.picture.shape == restored.bicubic.shape == (128, 128, 3)
    assert restored.picture.dtype == np.float32
    assert restored.picture.min() >= 0
    assert restored.picture.max() <= 1
    assert len(restored.weights) == n
    assert 0.5 < sum(restored.weights) <= 1.0001
    assert restored.report["frames"]["middle"] == n // 2
    assert np.array_equal(restored.frames, crops(n))


def test_result_is_the_networks_own(quiet) -> None:
    frames = crops()
    stack = FrameSequence(frames).stack()[None]
    with torch.no_grad():
        wanted = quiet.trained.network(stack).clamp(0, 1)[0].movedim(0, -1).numpy()
    np.testing.assert_allclose(quiet(frames).picture, wanted, atol=1e-5)
    assert np.abs(wanted - quiet(frames).bicubic).max() > 0.01  # the tiny network does something


def test_one_frame_says_that_it_is_one(quiet) -> None:
    restored = quiet([crops(1)[0]])
    assert restored.report["frames"]["single_frame"] is True
    assert any("one frame" in words for words in restored.warnings)


def test_more_frames_than_the_network_takes(quiet) -> None:
    frames = crops(12)
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 2.0) for frame in frames])
    blurred[8] = frames[8]
    restored = quiet(list(blurred))
    used = [row["index"] for row in restored.report["frames"]["used"]]
    assert used == [5, 6, 7, 8, 9, 10, 11]
    assert restored.report["frames"]["middle"] == 8
    assert "sharpest" in restored.report["frames"]["why_middle"]


def test_middle_of_the_users_choice(quiet) -> None:
    restored = quiet(list(crops(12)), middle=0)
    used = [row["index"] for row in restored.report["frames"]["used"]]
    assert used == [1, 2, 3, 0, 4, 5, 6]
    assert np.array_equal(restored.frames[3], crops(12)[0])


def test_middle_that_is_not_there(quiet) -> None:
    with pytest.raises(InputError, match="nearest that can is frame 6"):
        quiet(list(crops(7)), middle=9)


def test_start_and_stop(quiet) -> None:
    used = [row["index"] for row in quiet(list(crops(9)), start=2, stop=5).report["frames"]["used"]]
    assert used == [2, 3, 4]
    with pytest.raises(RangeError, match="start"):
        quiet(list(crops(3)), start=3)
    with pytest.raises(RangeError, match="start < stop"):
        quiet(list(crops(3)), start=2, stop=2)


def test_number_of_frames_of_the_users_choice(quiet) -> None:
    assert len(quiet(crops(12), n_frames=11).frames) == 11
    restored = quiet(crops(12), n_frames=1)
    assert restored.report["frames"]["single_frame"]
    with pytest.raises(RangeError, match="n_frames"):
        quiet(crops(3), n_frames=0)


def test_kinds_of_input_agree(quiet, tmp_path) -> None:
    frames = crops()
    paths = [write_picture(tmp_path / f"f{i}.png", frame) for i, frame in enumerate(frames)]
    wanted = quiet(frames).picture
    inputs = [list(frames), FrameSequence(frames), paths, [str(path) for path in paths], tmp_path, str(tmp_path)]
    for each in inputs:
        assert np.array_equal(quiet(each).picture, wanted)


def test_frames_of_another_size_are_brought_to_the_networks(quiet) -> None:
    large = crops(3, side=128)
    restored = quiet(list(large), cropped=True)
    assert restored.frames.shape == (3, 64, 64, 3)  # the most that the network is given
    assert restored.picture.shape == (256, 256, 3)
    wanted = cv2.resize(large[1], (64, 64), interpolation=cv2.INTER_AREA)
    assert np.array_equal(restored.frames[1], wanted)
    assert quiet(list(crops(3, side=24)), cropped=True).frames.shape == (3, 32, 32, 3)


def test_many_equals_one_by_one(quiet, film_frames) -> None:
    inputs = [
        crops(7, seed=1),
        list(crops(3, seed=2)),
        film_frames[:3],
        FrameSequence(crops(7, seed=3)),
        crops(1, seed=4),
        crops(7, seed=5),
    ]
    for bs in (1, 4, 16):
        together = quiet.many(inputs, bs=bs)
        assert len(together) == len(inputs)
        for each, frames in zip(together, inputs, strict=True):
            alone = quiet(frames)
            np.testing.assert_allclose(each.picture, alone.picture, atol=2e-5)
            assert np.array_equal(each.frames, alone.frames)
            np.testing.assert_allclose(each.weights, alone.weights, atol=1e-5)


def test_many_of_nothing_and_bad_batch_size(quiet) -> None:
    assert quiet.many([]) == []
    with pytest.raises(RangeError, match="bs"):
        quiet.many([crops()], bs=0)


def test_film_with_a_moving_face(restorer, film_frames, tmp_path) -> None:
    film = write_film(tmp_path / "walk.mp4", film_frames, crf=20)
    restored = restorer(film)
    frames = restored.report["frames"]
    squares = np.array([row["square"] for row in frames["used"]])
    assert frames["n_used"] == 7
    assert restored.report["input"]["kind"] == "film"
    assert len(set(squares[:, 2])) == 1
    assert np.abs(np.diff(squares[:, 0]) - 1.2).max() < 0.6
    # The face's own pixels are kept: its square is larger than the 32 px of the card.
    side = restored.report["face"]["side_cut"]
    assert side == -(-squares[0, 2] // 4) * 4 > 32
    assert restored.picture.shape == (4 * side, 4 * side, 3)
    assert restored.report["identity_agreement"]["measured"]


def test_film_in_memory_equals_lossless_folder(quiet, film_frames, tmp_path) -> None:
    for i, frame in enumerate(film_frames):
        write_picture(tmp_path / f"{i}.png", frame)
    assert np.array_equal(quiet(film_frames).picture, quiet(tmp_path).picture)


def test_frames_without_a_face_are_skipped_and_reported(quiet, film_frames) -> None:
    empty = np.full_like(film_frames[0], 120)
    frames = [*[empty] * 6, *film_frames[:3]]
    restored = quiet(frames)
    report = restored.report["frames"]
    assert [row["index"] for row in report["used"]] == [6, 7, 8]
    assert [row["index"] for row in report["skipped"]] == [0, 1, 2, 3, 4, 5]
    assert all(row["why"] for row in report["skipped"])
    assert any("left out" in words for words in restored.warnings)


def test_middle_without_a_face_names_the_nearest(quiet, film_frames) -> None:
    empty = np.full_like(film_frames[0], 120)
    with pytest.raises(InputError, match="nearest that can is frame 6"):
        quiet([*[empty] * 6, *film_frames[:3]], middle=1)


def test_no_face_anywhere(quiet) -> None:
    with pytest.raises(NoFaceFound, match=r"--cropped.*--box") as caught:
        quiet([np.full((64, 80, 3), 99, np.uint8)] * 2, name="wall")
    assert caught.value.where == "wall"


def test_two_faces_take_the_larger_and_say_so(quiet, astronaut_face) -> None:
    frames = [np.hstack([a, b]) for a, b in zip(_small(astronaut_face, 48), _small(astronaut_face[:, ::-1], 66), strict=True)]
    restored = quiet(frames)
    assert all(row["square"][0] > 128 for row in restored.report["frames"]["used"])
    assert any("2 faces" in words and "--face" in words for words in restored.warnings)
    left = quiet(frames, face=0)
    assert all(row["square"][0] < 128 for row in left.report["frames"]["used"])
    boxed = quiet(frames, box=(10, 5, 70, 80))
    assert all(row["square"][0] < 128 for row in boxed.report["frames"]["used"])


def _small(face: np.ndarray, side: int) -> list[np.ndarray]:
    return face_frames(face, 3, side=side)


def test_box_where_no_face_is_found_is_cut_out_itself(quiet) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(90, 120, (60, 80, 3), dtype=np.uint8) for _ in range(3)]
    restored = quiet(frames, box=(10, 12, 32, 32))
    assert np.array_equal(restored.frames[1], frames[1][12:44, 10:42])
    assert any("box" in words for words in restored.warnings)


def test_pictures_of_different_sizes_each_with_its_face(quiet, astronaut_face) -> None:
    pictures = [astronaut_face, cv2.resize(astronaut_face, (200, 200)), np.pad(astronaut_face, ((10, 30), (40, 0), (0, 0)), "edge")]
    restored = quiet(pictures)
    assert restored.report["frames"]["n_used"] == 3
    sides = [row["square"][2] for row in restored.report["frames"]["used"]]
    assert sides[1] / sides[0] == pytest.approx(1.25, rel=0.05)


def test_network_of_a_fixed_number_gets_the_edge_frames_again(tmp_path) -> None:
    settings = {"n_frames": 5, "encoder": "resnet18", "width": 8}
    card = {"n_frames": 5, "size_in": 64, "size_out": 64, "normalisation": "imagenet", "settings": settings}
    path = write_weights(tmp_path, "net", "unet", **card)
    restore = Restorer.from_weights(path, device="cpu", judge=False)
    frames = crops(2)
    restored = restore(frames)
    assert restored.picture.shape == (64, 64, 3)
    assert restored.weights == ()
    assert restored.report["frames"]["n_used"] == 2
    again = restore(frames[[0, 0, 1, 1, 1]])
    np.testing.assert_allclose(restored.picture, again.picture, atol=1e-5)
    with pytest.raises(RangeError, match="at most 5"):
        restore(frames, n_frames=7)


@pytest.mark.parametrize(
    ("frames", "error"),
    [
        ([], InputError),
        ([np.zeros((32, 32), np.uint8)], ShapeError),
        ([np.zeros((32, 32, 4), np.uint8)], ShapeError),
        ([np.zeros((32, 32, 3), np.float32)], RangeError),
        ([np.zeros((32, 32, 3), np.uint16)], RangeError),
        ([None], ShapeError),
        ([np.zeros((32, 32, 3), np.uint8), "a.png"], InputError),
        ("no/such/film.mp4", InputError),
    ],
)
def test_things_that_are_no_frames(quiet, frames, error) -> None:
    with pytest.raises(error):
        quiet(frames)


def test_cropped_frames_of_mixed_sizes(quiet) -> None:
    with pytest.raises(ShapeError, match="one size"):
        quiet([*crops(3), *crops(2, side=30)], cropped=True)
    with pytest.raises(ShapeError, match="square"):
        quiet([np.zeros((32, 48, 3), np.uint8)], cropped=True)
    with pytest.raises(RangeError, match="cropped"):
        quiet(list(crops(3)), cropped=True, face=0)


def test_label_of_a_data_set_is_no_frame(quiet, tmp_path) -> None:
    for i, frame in enumerate(crops(7)):
        write_picture(tmp_path / f"{i}.png", frame)
    write_picture(tmp_path / "x.png", crops(1, side=128)[0])
    restored = quiet(tmp_path)
    assert restored.report["frames"]["n_used"] == 7
    assert [row["index"] for row in restored.report["frames"]["skipped"]] == [7]


def test_missing_weights_name_all_places(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SHARPENING_PRETRAINED", str(tmp_path / "variable"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(WeightsMissing) as caught:
        Restorer.from_weights("no_such_weights", pretrained=tmp_path / "argument")
    assert len(caught.value.searched) >= 4
    for place in ("argument", "variable", "cache"):
        assert str(tmp_path / place) in str(caught.value)


def test_tampered_weights(tmp_path) -> None:
    path = write_weights(tmp_path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsMismatch, match="sha256"):
        Restorer.from_weights(path)


def test_card_of_a_network_that_cannot_be_built(tmp_path) -> None:
    path = write_weights(tmp_path)
    card = path.with_suffix(".json")
    card.write_text(card.read_text().replace('"tiny"', '"huge"'))
    with pytest.raises(WeightsMismatch, match="cannot be built"):
        Restorer.from_weights(path)


def test_unknown_device(weights_folder) -> None:
    with pytest.raises(RangeError, match="device"):
        Restorer.from_weights(pretrained=weights_folder, device="abacus")
