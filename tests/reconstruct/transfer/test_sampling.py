"""Taking pixels along fields."""

from __future__ import annotations

import numpy as np
import torch

from sharpening.reconstruct.transfer.sampling import affine_field, compose, pixel_grid, sample


def test_the_grid_gives_the_picture_back(rng):
    picture = torch.from_numpy(rng.random((3, 20, 30), np.float32))
    moved = sample(picture, pixel_grid(20, 30))
    assert torch.allclose(moved.picture, picture, atol=1e-6)
    assert moved.valid.all()


def test_a_shift_by_whole_pixels(rng):
    picture = torch.from_numpy(rng.random((3, 20, 30), np.float32))
    moved = sample(picture, affine_field(np.array([[1.0, 0, 4], [0, 1.0, -3]]), 20, 30))
    assert torch.allclose(moved.picture[:, 3:, :26], picture[:, :17, 4:], atol=1e-6)
    assert moved.valid[0, 3:, :26].all()
    assert not moved.valid[0, :3].any()
    assert not moved.valid[0, :, 26:].any()


def test_compose_goes_through_both():
    outer = np.array([[2.0, 0.5, 1], [-0.5, 2, 3]])
    inner = affine_field(np.array([[1.0, 0, 7], [0, 1, -2]]), 5, 6)
    both = np.vstack([outer, [0, 0, 1]]) @ np.array([[1.0, 0, 7], [0, 1, -2], [0, 0, 1]])
    assert np.allclose(compose(outer, inner), affine_field(both[:2], 5, 6), atol=1e-5)


def test_shrinking_averages(rng):
    """Four times smaller on an aligned grid: block means, where plain sampling would take single pixels."""
    picture = torch.from_numpy(rng.random((3, 64, 64), np.float32))
    moved = sample(picture, affine_field(np.array([[4.0, 0, 1.5], [0, 4.0, 1.5]]), 16, 16))
    assert torch.allclose(moved.picture, torch.nn.functional.avg_pool2d(picture[None], 4)[0], atol=1e-5)


def test_shrinking_keeps_the_place():
    """A slope's values are its places; whatever the factor, they are those of the field."""
    slope = torch.linspace(0, 1, 90).expand(3, 90, 90)
    field = affine_field(np.array([[1.7, 0, 5.2], [0, 1.7, 4.0]]), 40, 40)
    moved = sample(slope, field)
    assert np.allclose(moved.picture[0].numpy(), field[0] / 89, atol=2e-3)
