"""Cutting an upright square out of a picture at any place and size, between pixels too."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpening.errors import RangeError, ShapeError

__all__ = ["Square", "crop_square"]

Square = tuple[float, float, float]
"""Centre x, centre y, side [px]; the centre of the first pixel is (0, 0)."""


def crop_square(picture: NDArray[np.uint8], cx: float, cy: float, side: float, size: int) -> NDArray[np.uint8]:
    """Cut a square out and bring it to `size` pixels; beyond the border the edge pixels are repeated.

    A square larger than `size` is averaged over the area of each new pixel, a smaller one is enlarged by bicubic interpolation. With whole
    pixels and without a change of size the pixels are copied unchanged.

    Args:
        picture: uint8 `[H, W, 3]`.
        cx: centre, counted so that the centre of the first pixel is 0 [px].
        cy: centre [px].
        side: side of the square in the picture [px].
        size: side of the result [px].

    Returns:
        uint8 `[size, size, 3]`.

    Raises:
        ShapeError: not such a picture.
        RangeError: a centre that is no number, a side that is not above 0, or a size under 1.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or 0 in picture.shape:
        raise ShapeError("picture", f"{picture.dtype} {list(picture.shape)}", "uint8 [H, W, 3]")
    if not (math.isfinite(cx) and math.isfinite(cy) and math.isfinite(side) and side > 0):
        raise RangeError("square", (cx, cy, side), "finite centre, side above 0")
    if size < 1:
        raise RangeError("size", size, "at least 1 pixel")
    # For shrinking, sample at least once a source pixel, then average whole blocks: exact area means on an aligned grid.
    fine = max(1, math.ceil(side / size - 1e-9))
    step = side / (size * fine)
    first_x, first_y = cx - side / 2 + step / 2, cy - side / 2 + step / 2
    matrix = np.array([[step, 0, first_x], [0, step, first_y]])
    flags = (cv2.INTER_CUBIC if fine == 1 else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(picture, matrix, (size * fine, size * fine), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen if fine == 1 else cv2.resize(seen, (size, size), interpolation=cv2.INTER_AREA), np.uint8)
