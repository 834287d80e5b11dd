"""Local structural similarity: the map behind the SSIM metric and the SSIM loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from sharpening.errors import ShapeError

__all__ = ["ssim_map"]

_WINDOW = 11
_SIGMA = 1.5


def ssim_map(pred: Tensor, target: Tensor, *, data_range: float = 1.0) -> Tensor:
    """Structural similarity round each pixel whose 11×11 window (Gaussian, sigma 1.5) lies wholly inside, each channel by itself.

    Args:
        pred: floating point `[bs, c, H, W]`.
        target: the same shape and type.
        data_range: the largest value that the pictures can take (1 or 255).

    Returns:
        `[bs, c, H - 10, W - 10]` in [-1, 1]. Constants: C1 = (0.01 data_range)², C2 = (0.03 data_range)².

    Raises:
        ShapeError: when it is no batch of pictures, or they are smaller than the window.

    Source: Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004,
        doi:10.1109/TIP.2003.819861.
    """
    if pred.ndim != 4 or min(pred.shape[-2:]) < _WINDOW:
        raise ShapeError(
            "pred", list(pred.shape), f"[bs, c, H, W] with sides of at least {_WINDOW} px", "Enlarge smaller pictures."
        )
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    # Spreads do not change with brightness; taken round the middle they lose less to rounding.
    middle = target.mean(dim=(2, 3), keepdim=True)
    p, t = pred - middle, target - middle
    mean_p, mean_t, square_p, square_t, product = _blurred(torch.cat([p, t, p * p, t * t, p * t], dim=1)).chunk(5, dim=1)
    variances = square_p - mean_p**2 + square_t - mean_t**2
    covariance = product - mean_p * mean_t
    mean_p, mean_t = mean_p + middle, mean_t + middle
    likeness = (2 * mean_p * mean_t + c1) * (2 * covariance + c2)
    return likeness / ((mean_p**2 + mean_t**2 + c1) * (variances + c2))


def _blurred(x: Tensor) -> Tensor:
    """Gaussian mean over the window, without a border: rows first, then columns."""
    places = torch.arange(_WINDOW, dtype=x.dtype, device=x.device) - _WINDOW // 2
    taps = torch.exp(-0.5 * (places / _SIGMA) ** 2)
    taps = (taps / taps.sum()).expand(x.shape[1], 1, 1, _WINDOW)
    across = F.conv2d(x, taps, groups=x.shape[1])
    return F.conv2d(across, taps.transpose(2, 3), groups=x.shape[1])
