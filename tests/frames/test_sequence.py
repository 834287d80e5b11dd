"""Sequences of frames."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from sharpening.errors import InputError, RangeError, ShapeError
from sharpening.frames.sequence import FrameSequence, choose_label, read_frames, read_sequence
from sharpening.imaging.files import write_picture


def numbered(n: int, side: int = 8) -> np.ndarray:
    """Frames that are grey as their number says."""
    return np.arange(n, dtype=np.uint8)[:, None, None, None].repeat(side, 1).repeat(side, 2).repeat(3, 3)


@pytest.fixture
def folder(tmp_path):
    for i, frame in enumerate(numbered(11)):
        write_picture(tmp_path / f"f{i}.png", frame)
    return tmp_path


@pytest.mark.parametrize(("n", "middle"), [(1, 0), (2, 1), (6, 3), (7, 3)])
def test_the_middle_is_n_halved(n, middle):
    sequence = FrameSequence(numbered(n))
    assert (sequence.n, sequence.middle, sequence.middle_frame[0, 0, 0]) == (n, middle, middle)


def test_the_stack_keeps_frame_after_frame(rng):
    frames = rng.integers(0, 256, (5, 6, 4, 3), dtype=np.uint8)
    stack = FrameSequence(frames).stack()
    assert stack.shape == (15, 6, 4)
    torch.testing.assert_close(stack.view(5, 3, 6, 4)[3, 1], torch.tensor(frames[3, :, :, 1]) / 255)


@pytest.mark.parametrize(
    ("centre", "n", "wanted"),
    [
        (3, 7, [0, 1, 2, 3, 4, 5, 6]),
        (0, 7, [0, 0, 0, 0, 1, 2, 3]),
        (6, 3, [5, 6, 6]),
        (2, 4, [0, 1, 2, 3]),
        (5, 1, [5]),
        (3, 11, [0, 0, 0, 1, 2, 3, 4, 5, 6, 6, 6]),
    ],
)
def test_a_window_has_its_centre_in_the_middle_and_repeats_the_ends(centre, n, wanted):
    whole = FrameSequence(numbered(7), "s", sources=tuple("abcdefg"))
    got = whole.window(centre, n)
    assert got.frames[:, 0, 0, 0].tolist() == wanted
    assert got.sources == tuple("abcdefg"[i] for i in wanted)
    assert got.middle_frame[0, 0, 0] == centre


def test_a_window_keeps_label_and_params_only_where_they_are_true():
    label = np.zeros((16, 16, 3), np.uint8)
    whole = FrameSequence(numbered(7), label=label, params={"seed": 1})
    assert whole.window(3, 5).label is label
    assert whole.window(3, 5).params is None
    assert whole.window(2, 7).label is None
    assert whole.window(3, 7).params == {"seed": 1}


def test_windows_that_cannot_be():
    with pytest.raises(RangeError, match="0 to 6"):
        FrameSequence(numbered(7)).window(7, 3)
    with pytest.raises(RangeError, match="at least 1"):
        FrameSequence(numbered(7)).window(3, 0)


@pytest.mark.parametrize(
    ("facts", "error"),
    [
        ({"frames": np.zeros((8, 8, 3), np.uint8)}, ShapeError),
        ({"frames": np.zeros((0, 8, 8, 3), np.uint8)}, ShapeError),
        ({"frames": np.zeros((2, 3, 8, 8), np.uint8)}, ShapeError),
        ({"frames": np.zeros((2, 8, 8, 3), np.float32)}, RangeError),
        ({"frames": numbered(2), "label": np.zeros((8, 8), np.uint8)}, ShapeError),
        ({"frames": numbered(2), "label": np.zeros((8, 8, 3))}, RangeError),
        ({"frames": numbered(2), "sources": ("a",)}, ShapeError),
    ],
)
def test_what_is_no_sequence(facts, error):
    with pytest.raises(error):
        FrameSequence(**facts)


def test_a_folder_is_read_in_natural_order(folder):
    got = read_sequence(folder)
    assert got.frames[:, 0, 0, 0].tolist() == list(range(11))
    assert got.name == folder.name
    assert got.sources[10].endswith("f10.png")
    assert got.label is None
    assert "11 frames 8×8, no label" in repr(got)


@pytest.mark.parametrize("name", ["label.png", "gt/x.png", "zzz.png", "aaa.png"])
def test_the_label_is_found_by_name_or_size(folder, name):
    label = np.full((32, 32, 3), 77, np.uint8)
    write_picture(folder / name, label)
    got = read_sequence(folder)
    assert got.n == 11
    assert np.array_equal(got.label, label)


def test_params_of_a_made_sequence(folder):
    (folder / "params.json").write_text(json.dumps({"seed": 5}))
    assert read_sequence(folder).params == {"seed": 5}
    (folder / "params.json").write_text("{half")
    with pytest.raises(InputError, match=r"params.json.*not valid JSON"):
        read_sequence(folder)


def test_mixed_sizes_name_the_files(folder):
    write_picture(folder / "f3.png", np.zeros((9, 8, 3), np.uint8))
    with pytest.raises(ShapeError, match=r"10 of 8×8, but f3.png 8×9"):
        read_sequence(folder)


def test_one_picture_is_a_sequence_of_one(tmp_path):
    write_picture(tmp_path / "only.png", np.zeros((8, 8, 3), np.uint8))
    assert read_sequence(tmp_path).n == 1


def test_a_broken_picture_is_named(folder):
    (folder / "f5.png").write_bytes(b"half a picture")
    with pytest.raises(InputError, match=r"f5\.png"):
        read_sequence(folder)


def test_given_pictures_keep_the_given_order(folder):
    got = read_frames([folder / "f7.png", folder / "f2.png"])
    assert got[:, 0, 0, 0].tolist() == [7, 2]
    with pytest.raises(InputError, match="nothing to read"):
        read_frames([])


def test_of_several_labels_the_preferred_or_the_largest():
    labels = [np.zeros((side, side, 3), np.uint8) for side in (64, 256, 128)]
    assert choose_label(labels).shape[0] == 128
    assert choose_label(labels, 64).shape[0] == 64
    assert choose_label(labels[:2]).shape[0] == 256
    assert choose_label([]) is None
