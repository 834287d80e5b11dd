"""Metrics of damaged areas against slow ones."""

import numpy as np
import pytest
import torch

from sharpening.evaluation.inside import framed_by, measure_inside
from sharpening.imaging.structure import ssim_map


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(0)
    label = torch.rand(2, 3, 40, 40, generator=generator)
    return (label + 0.1 * torch.randn(label.shape, generator=generator)).clamp(0, 1), label


@pytest.fixture
def mask():
    area = torch.zeros(2, 1, 40, 40, dtype=torch.bool)
    area[0, 0, 8:20, 10:30] = True
    area[1, 0, 0:9, 0:9] = True
    return area


def test_errors_are_those_of_the_pixels_inside(pair, mask):
    pred, label = pair
    found = measure_inside(pred, label, mask)
    for i in range(2):
        pixels = [(pred[i, :, y, x] - label[i, :, y, x]).square().mean() for y in range(40) for x in range(40) if mask[i, 0, y, x]]
        wanted = float(torch.stack(pixels).mean())
        assert float(found["mse_inside"][i]) == pytest.approx(wanted, rel=1e-5)
        assert float(found["psnr_inside"][i]) == pytest.approx(-10 * np.log10(wanted), rel=1e-5)
        values = ssim_map(pred, label)[i].mean(0)
        places = [(y, x) for y in range(5, 35) for x in range(5, 35) if mask[i, 0, y, x]]
        wanted = np.mean([float(values[y - 5, x - 5]) for y, x in places])
        assert float(found["ssim_inside"][i]) == pytest.approx(wanted, rel=1e-4)


def test_what_happens_outside_does_not_count(pair, mask):
    pred, label = pair
    other = torch.where(mask, pred, torch.zeros(()))
    for name in ("mse_inside", "psnr_inside"):
        torch.testing.assert_close(measure_inside(other, label, mask)[name], measure_inside(pred, label, mask)[name])
    torch.testing.assert_close(framed_by(pred, label, mask), framed_by(other, label, mask))
    assert measure_inside(framed_by(label, pred, mask), label, mask)["mse_inside"].eq(0).all()


def test_empty_areas_have_no_figures(pair):
    found = measure_inside(*pair, torch.zeros(2, 1, 40, 40, dtype=torch.bool))
    assert all(values.isnan().all() for values in found.values())
