"""Between uint8 pictures and float tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.convert import to_tensor, to_uint8


def test_every_grey_level_survives_the_round_trip():
    picture = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, -1)
    assert np.array_equal(to_uint8(to_tensor(picture)), picture)


def test_layout_range_and_type(rng):
    picture = rng.integers(0, 256, (2, 5, 4, 3), dtype=np.uint8)
    got = to_tensor(picture)
    assert got.shape == (2, 3, 5, 4)
    assert got.dtype == torch.float32
    assert got[1, 2, 3, 1] == pytest.approx(picture[1, 3, 1, 2] / 255)
    assert np.array_equal(to_uint8(got), picture)


def test_the_tensor_has_memory_of_its_own_even_of_read_only_pictures(astronaut_face):
    got = to_tensor(astronaut_face)
    got.zero_()
    assert astronaut_face.any()
    single = np.zeros((1, 1, 3), np.uint8)
    to_tensor(single).fill_(1)
    assert not single.any()


def test_values_outside_are_clamped_and_gradients_let_go():
    x = torch.tensor([-0.2, 0.5, 1.7]).view(3, 1, 1).requires_grad_()
    assert to_uint8(x).ravel().tolist() == [0, 128, 255]


def test_half_precision():
    assert to_uint8(torch.full((3, 2, 2), 1.0, dtype=torch.bfloat16)).max() == 255


@pytest.mark.parametrize("shape", [(4, 4), (3, 4, 4), (4, 4, 4), (1, 2, 4, 4, 3)])
def test_pictures_of_other_shapes_are_refused(shape):
    with pytest.raises(ShapeError, match="Channels go last"):
        to_tensor(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("shape", [(4, 4), (1, 4, 4), (4, 4, 3), (2, 21, 4, 4)])
def test_tensors_of_other_shapes_are_refused(shape):
    with pytest.raises(ShapeError, match="Channels go first"):
        to_uint8(torch.zeros(shape))


def test_other_types_and_broken_numbers_are_refused():
    with pytest.raises(RangeError, match="float64"):
        to_tensor(np.zeros((2, 2, 3)))
    with pytest.raises(RangeError, match="uint8"):
        to_uint8(torch.zeros(3, 2, 2, dtype=torch.uint8))
    for value in (torch.nan, torch.inf):
        with pytest.raises(RangeError, match="NaN or infinity"):
            to_uint8(torch.full((3, 2, 2), value))
