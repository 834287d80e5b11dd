"""The soft cross-over: a Gaussian on the mask, as wide as the part allows."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from sharpening.errors import RangeError
from sharpening.imaging.mask import check_mask, mix
from sharpening.reconstruct.crossover.inputs import check_inputs
from sharpening.reconstruct.crossover.parts import Part, grown, parts_of

__all__ = ["GROW", "SOFTNESS", "soft", "soft_mask", "soft_part"]

SOFTNESS = 0.15
"""Standard deviation of the Gaussian, as a share of the part's radius."""

GROW = 1.5
"""Padding of the mask before the Gaussian, in standard deviations: at 1.5 the source keeps 0.93 at a straight edge of the part."""

_ROUNDING = 1e-5
_REACH = 4  # standard deviations: a Gaussian has 3e-5 beyond


def soft(
    base: Tensor,
    source: Tensor,
    mask: Tensor,
    *,
    softness: float = SOFTNESS,
    grow: float = GROW,
    kernel: int | None = None,
    padding: float = 0,
) -> Tensor:
    """Put the source into the base with a soft border, see `soft_mask`.

    Args:
        base: `[3, H, W]`, RGB in [0, 1].
        source: the same shape, lying on the base; what lies around the mask is used too.
        mask: `[1, H, W]` in [0, 1], 1 = take from the source.
        softness: see `soft_mask`.
        grow: see `soft_mask`.
        kernel: see `soft_mask`.
        padding: see `soft_mask`.

    Returns:
        `[3, H, W]`.

    Raises:
        ShapeError, RangeError: see `check_inputs` and `soft_mask`.

    Source: the thesis, section 2.3.
    """
    check_inputs(base, source, mask)
    return mix(base, source, soft_mask(mask, softness=softness, grow=grow, kernel=kernel, padding=padding).to(base))


def soft_mask(
    mask: Tensor, *, softness: float = SOFTNESS, grow: float = GROW, kernel: int | None = None, padding: float = 0
) -> Tensor:
    """Soften a mask; every connected part of it by its own measure, so that an eye keeps a narrow border and a cheek gets a wide one.

    Args:
        mask: `[1, H, W]` in [0, 1]; values from 0.5 belong to a part, lower ones stay where nothing higher comes.
        softness: standard deviation of the Gaussian, as a share of the radius of the largest circle in the part.
        grow: by how many standard deviations the part is padded before, so that the border lies outside of it.
        kernel: side of one fixed Gaussian kernel for all parts [px], odd, as in the thesis; `softness` and `grow` then count for nothing.
        padding: of the fixed kernel [px].

    Returns:
        float32 `[1, H, W]` in [0, 1].

    Raises:
        RangeError: for impossible settings, and see `check_mask`.

    Source: the thesis, section 2.3, which fixed the kernel and wished for one that adapts.
    """
    check_mask(mask)
    if min(softness, grow, padding) < 0:
        raise RangeError("softness, grow, padding", (softness, grow, padding), "0 or more")
    if kernel is not None and (kernel < 1 or kernel % 2 == 0):
        raise RangeError("kernel", kernel, "an odd number of pixels", "Leave it out for a kernel that adapts to each part.")
    found = np.where(mask[0].detach().cpu().numpy() < 0.5, mask[0].detach().cpu().numpy(), 0).astype(np.float32)
    for part in parts_of(mask):
        one = soft_part(part, softness, grow) if kernel is None else _fixed(part, kernel, padding)
        np.maximum(found, one, out=found)
    return torch.from_numpy(found)[None]


def soft_part(part: Part, softness: float = SOFTNESS, grow: float = GROW) -> np.ndarray:
    """One part, padded and softened by its own radius: float32 `[H, W]`."""
    sigma = softness * part.radius
    return _blurred(part, grow * sigma, (0, 0), sigma, _REACH * sigma)


def _fixed(part: Part, kernel: int, padding: float) -> np.ndarray:
    # OpenCV's own rule for the deviation that belongs to a kernel.
    return _blurred(part, padding, (kernel, kernel), 0.3 * ((kernel - 1) * 0.5 - 1) + 0.8, kernel / 2)


def _blurred(part: Part, padding: float, kernel: tuple[int, int], sigma: float, reach: float) -> np.ndarray:
    found = np.zeros(part.shape.shape, np.float32)
    window = part.window(padding + reach + 1)
    wide = grown(part.shape[window], padding)
    # A part that reaches the picture's border goes on behind it.
    if sigma > 0:
        wide = np.asarray(cv2.GaussianBlur(wide, kernel, sigma, borderType=cv2.BORDER_REPLICATE), np.float32)
    # Rounding must not touch what is wholly inside or outside.
    found[window] = np.select([wide < _ROUNDING, wide > 1 - _ROUNDING], [0, 1], wide)
    return found
