"""Resizing of pictures and tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.convert import to_tensor
from sharpening.imaging.resize import resize, resize_tensor

METHODS = ("area", "bicubic", "bilinear", "lanczos", "nearest")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(10, 24), (16, 16), (40, 50)])
def test_size_is_height_then_width(made_face, method, size):
    assert resize(made_face(16), size, method).shape == (*size, 3)


def test_area_is_the_mean_of_what_is_covered(rng):
    picture = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    means = picture.reshape(2, 4, 2, 4, 3).mean((1, 3))
    assert np.abs(resize(picture, 2, "area") - means).max() <= 0.51


def test_nearest_repeats_pixels(rng):
    picture = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    assert np.array_equal(resize(picture, 12, "nearest"), picture.repeat(3, 0).repeat(3, 1))


@pytest.mark.parametrize("method", METHODS)
def test_the_grid_keeps_its_borders(method):
    """A picture that equals its mirror image stays so: no method shifts by part of a pixel."""
    half = np.random.default_rng(0).integers(0, 256, (12, 6, 3), dtype=np.uint8)
    picture = np.concatenate([half, half[:, ::-1]], 1)
    big = resize(picture, 48, method).astype(int)
    assert np.abs(big - big[:, ::-1]).max() <= 1


def test_the_same_size_gives_a_copy(made_face):
    face = made_face(32)
    same = resize(face, 32)
    assert np.array_equal(same, face)
    assert not np.shares_memory(same, face)


@pytest.mark.parametrize("method", ["bicubic", "bilinear"])
def test_opencv_and_torch_agree_on_enlarging(made_face, method):
    face = made_face(32)
    theirs = resize(face, 128, method) / 255
    ours = resize_tensor(to_tensor(face)[None], 128, method)[0].clamp(0, 1).permute(1, 2, 0).numpy()
    assert np.abs(theirs - ours).max() < 2.1 / 255


def test_shrinking_tensors_does_not_alias():
    stripes = torch.zeros(1, 3, 60, 60)
    stripes[..., ::2] = 1  # finer than 20 pixels can show: the right answer is flat grey, picking every third column is not
    for method in ("bicubic", "bilinear", "area"):
        small = resize_tensor(stripes, 20, method)
        assert (small[..., 2:-2] - 0.5).abs().max() < 0.2


def test_tensor_resize_has_gradients_and_keeps_the_size_asked(generator):
    x = torch.rand(2, 21, 8, 8, generator=generator, requires_grad=True)
    y = resize_tensor(x, (32, 24))
    y.sum().backward()
    assert y.shape == (2, 21, 32, 24)
    assert x.grad.abs().sum() > 0


def test_wrong_arguments():
    with pytest.raises(ShapeError):
        resize(np.zeros((4, 4), np.uint8), 8)
    with pytest.raises(RangeError, match="uint8"):
        resize(np.zeros((4, 4, 3), np.float32), 8)
    with pytest.raises(RangeError, match="at least 1 pixel"):
        resize(np.zeros((4, 4, 3), np.uint8), 0)
    with pytest.raises(RangeError, match="area, bicubic"):
        resize(np.zeros((4, 4, 3), np.uint8), 8, "cubic")
    with pytest.raises(ShapeError):
        resize_tensor(torch.zeros(3, 4, 4), 8)
    with pytest.raises(RangeError, match="one of"):
        resize_tensor(torch.zeros(1, 3, 4, 4), 8, "lanczos")
