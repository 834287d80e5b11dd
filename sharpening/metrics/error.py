"""Mean squared error on both usual scales, and PSNR.

All three come from one float error tensor, picture by picture, so that they can never contradict each other: the mean of the PSNRs
is never below the PSNR of the mean error (Jensen). Nothing is clamped or rounded; give pictures as they would be written.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sharpening.imaging.pairs import as_pair
from sharpening.metrics.metric import Metric

__all__ = ["MSE", "MSE_255", "PSNR", "mse", "mse_255", "psnr", "psnr_of_mse"]


def mse(pred: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of each picture on the scale of the pictures.

    Args:
        pred: `[bs, c, H, W]`, float in [0, 1].
        target: the same shape.

    Returns:
        `[bs]`, at least 0.
    """
    pred, target = as_pair(pred, target)
    return (pred - target).square().flatten(1).mean(dim=1)


def mse_255(pred: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of each picture `[bs]` in squared grey levels of 0–255, for pictures `[bs, c, H, W]` in [0, 1]."""
    return mse(pred, target) * 255**2


def psnr_of_mse(error: Tensor, *, data_range: float = 1.0) -> Tensor:
    """Peak signal-to-noise ratio [dB] of mean squared errors of any shape; infinite where the error is 0."""
    return 10 * torch.log10(data_range**2 / error)


def psnr(pred: Tensor, target: Tensor, *, data_range: float = 1.0) -> Tensor:
    """Peak signal-to-noise ratio of each picture.

    Args:
        pred: `[bs, c, H, W]`, float.
        target: the same shape.
        data_range: the largest value that the pictures can take (1 or 255).

    Returns:
        `[bs]` [dB]; infinite for equal pictures.
    """
    return psnr_of_mse(mse(pred, target), data_range=data_range)


MSE = Metric("MSE", "-", "lower", (0.0, 1.0), needs_target=True, fn=mse, decimals=5)
MSE_255 = Metric("MSE (0–255)", "-", "lower", (0.0, 255.0**2), needs_target=True, fn=mse_255, decimals=2)
PSNR = Metric("PSNR", "dB", "higher", (0.0, float("inf")), needs_target=True, fn=psnr, decimals=2)
