"""How visible the border of a mask is in a picture: the steps across it against those across parallel lines on both sides.

It needs a mask and no true picture, so it is a function and no `Metric` of the table.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.mask import check_mask

__all__ = ["seam"]

Array = NDArray[np.float64]

_RINGS = (0.2, 0.7)  # distance from the border of the lines that it is compared with, as a share of the part's radius
_NEAREST = 2.0  # px
_UNSEEN = 0.5 / 255  # added to both: half a grey level, so that flat pictures without a seam have 1


def seam(pictures: Tensor, mask: Tensor) -> Tensor:
    """Mean step across the mask's border, divided by the mean step across parallel lines inside and outside.

    Args:
        pictures: `[bs, 3, H, W]`, float in [0, 1].
        mask: `[bs, 1, H, W]` in [0, 1], or `[1, 1, H, W]` for all; the border is where it passes 0.5.

    Returns:
        `[bs]`: 1 when the border is like its surroundings, above 1 when there are steps at it, below when it is smoother; NaN for a mask
        without a border. Natural edges that happen to lie on the border or beside it move single pictures by some tenths, so compare means,
        or with the true picture's value.

    Raises:
        ShapeError: when pictures and mask do not fit together.
        RangeError: when they are not floating point, or the mask is not in [0, 1].

    Source: ours.
    """
    if pictures.ndim != 4 or pictures.shape[1] != 3:
        raise ShapeError("pictures", list(pictures.shape), "[bs, 3, H, W]", "RGB in [0, 1], channels first.")
    if not pictures.is_floating_point():
        raise RangeError("pictures", f"dtype {pictures.dtype}", "floating point in [0, 1]", "Use imaging.convert.to_tensor first.")
    n = len(pictures)
    if mask.ndim != 4 or mask.shape[0] not in (1, n) or mask.shape[1:] != (1, *pictures.shape[2:]):
        wanted = f"[{n}, 1, {pictures.shape[2]}, {pictures.shape[3]}]"
        raise ShapeError("mask", list(mask.shape), wanted, "It lies on the pictures, pixel by pixel.")
    check_mask(mask)
    seen = pictures.detach().as_subclass(Tensor).cpu().double().numpy()
    shapes = mask.detach().as_subclass(Tensor).cpu().numpy()[:, 0] >= 0.5
    scores = [_score(picture, shapes[i % len(shapes)]) for i, picture in enumerate(seen)]
    dtype = torch.float64 if pictures.dtype == torch.float64 else torch.float32
    return torch.tensor(scores, dtype=dtype, device=pictures.device)


def _score(picture: Array, shape: NDArray[np.bool_]) -> float:
    if shape.all() or not shape.any():
        return float("nan")
    depth, radius = _depths(shape)
    at, inside, outside = (_Sum() for _ in range(3))
    for axis in (1, 2):
        steps = np.abs(np.diff(picture, axis=axis)).mean(axis=0)
        pair = [np.take(depth, range(start, depth.shape[axis - 1] + start - 1), axis - 1) for start in (0, 1)]
        # Pairs of neighbours count by how straight they lead across the lines of equal depth.
        level, across = (pair[0] + pair[1]) / 2, np.abs(pair[0] - pair[1]).clip(0, 1)
        size = np.take(radius, range(depth.shape[axis - 1] - 1), axis - 1)
        near, far = np.maximum(_NEAREST, _RINGS[0] * size), np.maximum(_NEAREST + 2, _RINGS[1] * size)
        at.add(steps, across * (np.sign(pair[0]) != np.sign(pair[1])))
        inside.add(steps, across * ((level >= near) & (level <= far)))
        outside.add(steps, across * ((-level >= near) & (-level <= far)))
    around = [line.mean for line in (inside, outside) if line.weight > 0]
    if not around:
        return float("nan")
    return (at.mean + _UNSEEN) / (float(np.mean(around)) + _UNSEEN)


def _depths(shape: NDArray[np.bool_]) -> tuple[Array, Array]:
    """How far inside the shape each pixel lies (negative outside) [px], and the radius of the connected part that it is nearest to."""
    inner = cv2.distanceTransform(shape.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outer, nearest = cv2.distanceTransformWithLabels((~shape).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP)
    radii = np.zeros(nearest.max() + 1)
    np.maximum.at(radii, nearest[shape].astype(np.int64), inner[shape].astype(np.float64))
    return np.where(shape, inner - 0.5, 0.5 - outer).astype(np.float64), radii[nearest]


class _Sum:
    """A weighted mean that grows."""

    def __init__(self) -> None:
        self.total = self.weight = 0.0

    def add(self, values: Array, weights: Array) -> None:
        self.total, self.weight = self.total + float((values * weights).sum()), self.weight + float(weights.sum())

    @property
    def mean(self) -> float:
        return self.total / self.weight if self.weight else float("nan")
