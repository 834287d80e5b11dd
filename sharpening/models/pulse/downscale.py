"""PULSE's way down from a large picture to a small one: a separable cubic, written as one small matrix for each direction.

A matrix product does what padding and a strided filter with thousands of taps would do, only faster, and its gradient is as cheap.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import RangeError, ShapeError

__all__ = ["cubic_taps", "downscale"]

_A = -0.5  # of the cubic: the one that reproduces quadratic functions


def cubic_taps(factor: int) -> NDArray[np.float64]:
    """Weights of the 4 · factor pixels that make one small pixel; their sum is 1.

    Args:
        factor: by which the side shrinks, at least 1.

    Raises:
        RangeError: for a smaller factor.

    >>> [float(tap) for tap in cubic_taps(2)[:4]]
    [-0.01171875, -0.03515625, 0.11328125, 0.43359375]
    """
    if factor < 1:
        raise RangeError("factor", factor, "at least 1")
    x = np.abs((np.arange(4 * factor) - 2 * factor + 0.5) / factor)
    near = (_A + 2) * x**3 - (_A + 3) * x**2 + 1
    far = _A * x**3 - 5 * _A * x**2 + 8 * _A * x - 4 * _A
    taps = np.where(x <= 1, near, np.where(x < 2, far, 0.0))
    return np.asarray(taps / taps.sum(), np.float64)


def downscale(pictures: Tensor, factor: int) -> Tensor:
    """Shrink as PULSE does.

    Args:
        pictures: `[bs, c, H, W]`, both sides multiples of the factor, and at least twice as long.
        factor: by which each side shrinks; 1 changes nothing.

    Returns:
        `[bs, c, H / factor, W / factor]`; cubics may leave the range a little.

    Raises:
        ShapeError: when the sides do not fit the factor.
        RangeError: for a factor under 1.

    Source: Menon et al. 2020, arXiv:2003.03808 (the filter of the published code).
    """
    if factor < 1:
        raise RangeError("factor", factor, "at least 1")
    if pictures.ndim != 4 or (factor > 1 and any(side % factor or side < 2 * factor for side in pictures.shape[2:])):
        raise ShapeError("pictures", list(pictures.shape), f"[bs, c, H, W], sides at least twice {factor} and multiples of it")
    if factor == 1:
        return pictures
    down, across = (torch.from_numpy(_rows(side, factor)).to(pictures) for side in pictures.shape[2:])
    return down @ pictures @ across.T


@functools.lru_cache(maxsize=8)
def _rows(side: int, factor: int) -> NDArray[np.float64]:
    """What each small pixel takes of each large one, `[side / factor, side]`, the mirrored border included."""
    before = 3 * factor // 2
    places = np.arange(side // factor)[:, None] * factor + np.arange(4 * factor) - before
    places = np.abs(places)
    places = np.where(places >= side, 2 * (side - 1) - places, places)
    rows = np.zeros((side // factor, side))
    np.add.at(rows, (np.arange(len(rows))[:, None], places), cubic_taps(factor))
    return rows
