"""The soft mask: as wide as each part allows, and the part itself still taken."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError
from sharpening.reconstruct.crossover import create_crossover
from sharpening.reconstruct.crossover.parts import grown, parts_of
from sharpening.reconstruct.crossover.soft import soft_mask


def disc(side: int, radius: float, x: float = 0.5, y: float = 0.5) -> torch.Tensor:
    rows, columns = np.mgrid[:side, :side]
    inside = (rows - y * (side - 1)) ** 2 + (columns - x * (side - 1)) ** 2 <= radius**2
    return torch.from_numpy(inside.astype(np.float32))[None]


def fall(mask: torch.Tensor, row: int, start: int) -> float:
    """Pixels to the right of `start` over which the mask falls from 0.9 to 0.1."""
    line = mask[0, row, start:].numpy()
    return float(np.argmax(line < 0.1) - np.argmax(line < 0.9))


@pytest.mark.parametrize("radius", [5, 12, 30])
def test_the_part_is_taken_and_the_border_scales_with_it(radius: int) -> None:
    mask = disc(160, radius)
    soft = soft_mask(mask)
    assert soft.shape == mask.shape
    assert soft.dtype == torch.float32
    assert float(soft[disc(160, 0.9 * radius).bool()].min()) > 0.9
    assert float(soft[mask.bool()].min()) > 0.8
    assert float(soft[disc(160, 2.2 * radius) == 0].max()) == 0
    assert 0.2 * radius < fall(soft, 80, 80) < 0.65 * radius


def test_parts_of_different_size_get_their_own_kernels() -> None:
    both = torch.maximum(disc(160, 6, 0.2), disc(160, 28, 0.7))
    soft = soft_mask(both)
    small, large = soft_mask(disc(160, 6, 0.2)), soft_mask(disc(160, 28, 0.7))
    assert torch.allclose(soft, torch.maximum(small, large), atol=1e-5)
    assert fall(soft, 80, 111) > 2.5 * fall(soft, 80, 32)


def test_the_same_face_at_another_size_has_the_same_mask() -> None:
    one = soft_mask(disc(128, 15))
    four = torch.nn.functional.avg_pool2d(soft_mask(disc(512, 60))[None], 4)[0]
    assert float((one - four).abs().max()) < 0.15
    assert float((one - four).abs().mean()) < 0.01


def test_a_fixed_kernel_as_in_the_thesis() -> None:
    mask = torch.maximum(disc(128, 6, 0.2), disc(128, 24, 0.7))
    fixed = soft_mask(mask, kernel=9)
    assert abs(fall(fixed, 64, 89) - fall(fixed, 64, 25)) <= 1  # both parts alike
    row = fixed[0, 64]
    assert abs(float(row[[112, 113]].mean()) - 0.5) < 0.1  # without padding, the border itself is half
    padded = soft_mask(mask, kernel=9, padding=6)
    assert float(padded[mask.bool()].min()) > 0.99
    assert torch.equal(soft_mask(mask, kernel=1), mask)


def test_a_straight_edge_is_the_gaussians_integral() -> None:
    mask = torch.zeros(1, 64, 200)
    mask[:, :, :100] = 1
    sigma = 4.0
    radius = next(iter(parts_of(mask))).radius
    soft = soft_mask(mask, softness=sigma / radius, grow=0)[0, 32]
    wanted = 0.5 * (1 - torch.erf((torch.arange(200) - 99.5) / (sigma * 2**0.5)))
    assert float((soft - wanted)[80:120].abs().max()) < 0.01
    assert torch.equal(soft[:60], torch.ones(60))  # and no fall at the picture's own border


def test_softness_0_and_low_values_stay() -> None:
    mask = 0.3 * disc(64, 20) + 0.0
    assert torch.equal(soft_mask(mask), mask)
    assert torch.equal(soft_mask(disc(64, 12), softness=0), disc(64, 12))


def test_what_is_softened_is_a_mask_again() -> None:
    soft = soft_mask(disc(160, 40))
    assert 0 <= float(soft.min()) <= float(soft.max()) <= 1
    assert torch.equal(soft[disc(160, 20).bool()], torch.ones(int(disc(160, 20).sum())))


def test_impossible_settings() -> None:
    mask = disc(64, 12)
    for settings in ({"softness": -0.1}, {"grow": -1}, {"kernel": 8}, {"kernel": 0}, {"padding": -1}):
        with pytest.raises(RangeError):
            soft_mask(mask, **settings)
    with pytest.raises(RangeError, match="kernel"):
        create_crossover("soft", kernel=4)(torch.rand(3, 64, 64), torch.rand(3, 64, 64), mask)


def test_parts_know_their_radius() -> None:
    bar = torch.zeros(1, 64, 64)
    bar[:, 30:36, 4:60] = 1
    parts = list(parts_of(torch.maximum(bar, disc(64, 8, 0.5, 0.15))))
    assert [round(part.radius) for part in parts] in ([3, 8], [8, 3])
    assert len(list(parts_of(torch.zeros(1, 8, 8)))) == 0
    full = next(iter(parts_of(torch.ones(1, 32, 32))))
    assert full.radius == pytest.approx(32 / np.pi**0.5)


def test_a_torn_mask_is_one_part(generator) -> None:
    torn = (torch.rand(1, 96, 96, generator=generator) > 0.9).float()
    assert len(list(parts_of(torn))) == 1
    assert float(soft_mask(torn)[torn.bool()].min()) > 0.2


def test_growing_counts_pixels() -> None:
    shape = np.zeros((41, 41), bool)
    shape[20, 20] = True
    assert grown(shape, 0).sum() == 1
    assert grown(shape, 3)[20].tolist() == [0.0] * 17 + [1.0] * 7 + [0.0] * 17
    assert grown(shape, 1.5)[20, 22] == pytest.approx(0.5)
    assert not grown(np.zeros((4, 4), bool), 2).any()
