"""Metrics of the places that were damaged: what a whole picture's mean would hide."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpening.imaging.structure import ssim_map
from sharpening.metrics.error import psnr_of_mse

__all__ = ["INSIDE", "framed_by", "measure_inside"]

# The error, structure and person inside the areas, and how far their border shows.
INSIDE = ("mse_inside", "psnr_inside", "ssim_inside", "identity_inside", "identity_inside_centred", "identity_centred", "seam")


def measure_inside(pred: Tensor, label: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Errors and likeness inside an area.

    Args:
        pred: `[bs, 3, H, W]` in [0, 1].
        label: the same shape.
        mask: bool `[bs, 1, H, W]`, True inside.

    Returns:
        "mse_inside" and "psnr_inside" [dB] of one error tensor, and "ssim_inside", the mean of the SSIM map inside; each `[bs]`, NaN
        where the area is empty, or for SSIM wholly within 5 px of the picture's border.
    """
    error = _mean((pred - label).square(), mask)
    likeness = ssim_map(pred, label)
    border = (mask.shape[-1] - likeness.shape[-1]) // 2
    inner = mask[..., border : mask.shape[-2] - border, border : mask.shape[-1] - border]
    return {"mse_inside": error, "psnr_inside": psnr_of_mse(error), "ssim_inside": _mean(likeness, inner)}


def framed_by(pred: Tensor, label: Tensor, mask: Tensor) -> Tensor:
    """The picture inside the area, the truth outside: who is seen in it tells what the area alone does to the person."""
    return torch.where(mask, pred, label)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of `[bs, c, H, W]` over channels and the pixels inside `[bs, 1, H, W]`."""
    inside = mask.to(values)
    return (values.mean(dim=1, keepdim=True) * inside).flatten(1).sum(dim=1) / inside.flatten(1).sum(dim=1)
