"""The figures are right: by hand, against scikit-image, and never against each other."""

import math

import numpy as np
import pytest
import torch

from sharpening.errors import ShapeError
from sharpening.metrics.error import mse, mse_255, psnr, psnr_of_mse
from sharpening.metrics.ssim import ssim


def noisy_pairs(seed=0, bs=6, size=(64, 57)):
    """Pairs of very different quality, float64 in [0, 1]."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0 : size[0], 0 : size[1]] / 12
    target = np.stack([0.5 + 0.4 * np.sin((i + 1) * x + y + c) for i in range(bs) for c in range(3)]).reshape(bs, 3, *size)
    pred = target + random.normal(0, 1, target.shape) * np.geomspace(0.005, 0.4, bs)[:, None, None, None]
    return torch.from_numpy(pred.clip(0, 1)), torch.from_numpy(target)


def test_two_by_two_by_hand():
    target = torch.tensor([[[[0.0, 0.5], [1.0, 0.2]]]])
    pred = torch.tensor([[[[0.1, 0.5], [0.8, 0.2]]]])
    assert float(mse(pred, target)) == pytest.approx((0.01 + 0.04) / 4)
    assert float(mse_255(pred, target)) == pytest.approx((25.5**2 + 51**2) / 4, rel=1e-5)
    assert float(psnr(pred, target)) == pytest.approx(-10 * math.log10(0.0125), rel=1e-6)


def test_psnr_of_the_byte_scale_is_the_same():
    pred, target = noisy_pairs()
    assert torch.allclose(psnr(pred, target), psnr(pred * 255, target * 255, data_range=255))
    assert torch.allclose(psnr(pred, target), psnr_of_mse(mse_255(pred, target), data_range=255))


def test_mean_of_psnrs_is_never_below_psnr_of_the_mean_error():
    for seed in range(5):
        pred, target = noisy_pairs(seed)
        of_the_mean = float(psnr_of_mse(mse_255(pred, target).mean(), data_range=255))
        assert float(psnr(pred, target).mean()) > of_the_mean
    same = pred[:1].expand(3, -1, -1, -1), target[:1].expand(3, -1, -1, -1)
    assert float(psnr(*same).mean()) == pytest.approx(float(psnr_of_mse(mse(*same).mean())))


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_psnr_and_mse_equal_scikit_image(dtype, tolerance):
    from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

    pred, target = noisy_pairs()
    ours = torch.stack([mse_255(pred.to(dtype), target.to(dtype)), psnr(pred.to(dtype), target.to(dtype))], dim=1)
    for row, a, b in zip(ours.tolist(), pred.numpy(), target.numpy(), strict=True):
        wanted = [mean_squared_error(255 * b, 255 * a), peak_signal_noise_ratio(b, a, data_range=1)]
        assert row == pytest.approx(wanted, rel=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("size", [(64, 57), (11, 11), (128, 128)])
@pytest.mark.parametrize("scale", [1, 255])
def test_ssim_equals_scikit_image(dtype, tolerance, size, scale):
    from skimage.metrics import structural_similarity

    pred, target = noisy_pairs(size=size)
    ours = ssim((pred * scale).to(dtype), (target * scale).to(dtype), data_range=scale)
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 0}
    for got, a, b in zip(ours.tolist(), pred.numpy(), target.numpy(), strict=True):
        wanted = structural_similarity(b * scale, a * scale, data_range=scale, **settings)
        assert got == pytest.approx(wanted, abs=tolerance)


def test_ssim_of_a_photograph_equals_scikit_image(astronaut_face, rng):
    from skimage.metrics import structural_similarity

    noisy = (astronaut_face + rng.normal(0, 15, astronaut_face.shape)).clip(0, 255).round().astype(np.uint8)
    pair = [torch.tensor(p).permute(2, 0, 1)[None].float() / 255 for p in (noisy, astronaut_face)]
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2, "data_range": 255}
    assert float(ssim(*pair)) == pytest.approx(structural_similarity(astronaut_face, noisy, **settings), abs=1e-4)


def test_ssim_of_flat_pictures_by_hand():
    dark, bright = torch.full((1, 1, 12, 12), 0.2, dtype=torch.float64), torch.full((1, 1, 12, 12), 0.6, dtype=torch.float64)
    assert float(ssim(dark, bright)) == pytest.approx((2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4))


def test_ssim_is_symmetric_and_negative_for_the_opposite():
    pred, target = noisy_pairs()
    assert torch.allclose(ssim(pred, target), ssim(target, pred))
    # The texture is turned round, the brightness kept.
    fine = 0.5 + 0.3 * torch.rand((1, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert float(ssim(fine, 1.3 - fine)) < -0.5


def test_too_small_for_the_window():
    with pytest.raises(ShapeError, match="11 px"):
        ssim(torch.zeros(1, 3, 10, 32), torch.zeros(1, 3, 10, 32))
