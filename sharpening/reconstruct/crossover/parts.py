"""The connected parts of a mask, and how large each one is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Part", "grown", "parts_of"]

Window = tuple[slice, slice]
_MOST_PARTS = 32  # a mask in more pieces than this is torn, and is treated as one piece


class Part(NamedTuple):
    """One connected part of a mask.

    Attributes:
        shape: bool `[H, W]`.
        radius: of the largest circle that fits in [px], at most that of the circle of the same area.
    """

    shape: NDArray[np.bool_]
    radius: float

    def window(self, reach: float) -> Window:
        """Rows and columns of the part and `reach` px around it, as far as the picture goes."""
        found = []
        for axis, side in enumerate(self.shape.shape):
            places = np.flatnonzero(self.shape.any(axis=1 - axis))
            around = int(np.ceil(reach))
            found.append(slice(max(0, places[0] - around), min(side, places[-1] + 1 + around)))
        return found[0], found[1]


def parts_of(mask: Tensor) -> Iterator[Part]:
    """The parts of a mask `[1, H, W]`, from left to right in the order of their first rows; values from 0.5 belong to one."""
    whole = mask[0].detach().cpu().numpy() >= 0.5
    n, labels = cv2.connectedComponents(whole.astype(np.uint8), connectivity=8)
    shapes = (labels == i for i in range(1, n)) if n <= _MOST_PARTS + 1 else iter([whole])
    for shape in shapes:
        depth = float(cv2.distanceTransform(shape.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max())
        # Where the part fills the picture there is no edge to be distant from.
        yield Part(shape, min(depth, float(np.sqrt(shape.sum() / np.pi))))


def grown(shape: NDArray[np.bool_], by: float) -> NDArray[np.float32]:
    """A shape with `by` px added all around, `[H, W]` in 0 … 1; fractions of a pixel become values between."""
    if not shape.any():
        return np.zeros(shape.shape, np.float32)
    away = cv2.distanceTransform((~shape).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.clip(by + 1 - away, 0, 1)
