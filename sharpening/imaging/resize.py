"""Resizing, by OpenCV for pictures and by torch for tensors, with one set of method names."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import RangeError, ShapeError

__all__ = ["resize", "resize_tensor"]

_CV2 = {
    "area": cv2.INTER_AREA,
    "bicubic": cv2.INTER_CUBIC,
    "bilinear": cv2.INTER_LINEAR,
    "lanczos": cv2.INTER_LANCZOS4,
    "nearest": cv2.INTER_NEAREST_EXACT,
}
_TORCH = {"area": "area", "bicubic": "bicubic", "bilinear": "bilinear", "nearest": "nearest-exact"}


def resize(picture: NDArray[np.uint8], size: int | tuple[int, int], method: str = "area") -> NDArray[np.uint8]:
    """Resize a picture; the pixel grid keeps its outer borders (pixel centres at half integers).

    Args:
        picture: uint8 `[H, W, 3]`.
        size: height and width [px], or one number for a square.
        method: `area` (mean of what is covered; right for shrinking), `bicubic`, `bilinear`, `lanczos` (right for
            enlarging; without a low-pass filter, so they alias when they shrink) or `nearest`.

    Returns:
        uint8 `[h, w, 3]`; a copy even where the size stays.

    Raises:
        ShapeError, RangeError: not such a picture, an impossible size, an unknown method.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ShapeError("picture", list(picture.shape), "[H, W, 3]")
    if picture.dtype != np.uint8:
        raise RangeError("picture", f"dtype {picture.dtype}", "uint8 (0–255)")
    height, width = _pair(size)
    flag = _choose(_CV2, method)
    if picture.shape[:2] == (height, width):
        return picture.copy()
    return np.asarray(cv2.resize(picture, (width, height), interpolation=flag), np.uint8)


def resize_tensor(x: Tensor, size: int | tuple[int, int], method: str = "bicubic") -> Tensor:
    """Resize a batch; `bicubic` and `bilinear` filter first when they shrink (antialias), `align_corners` is off.

    Bicubic may overshoot [0, 1]; the result is not clamped.

    Args:
        x: floating point `[bs, c, h, w]`.
        size: height and width [px], or one number for a square.
        method: `bicubic`, `bilinear`, `area` or `nearest`.

    Returns:
        `[bs, c, size, size]`, the same type; differentiable.

    Raises:
        ShapeError, RangeError: not such a batch, an impossible size, an unknown method.
    """
    if x.ndim != 4:
        raise ShapeError("x", list(x.shape), "[bs, c, h, w]")
    height, width = _pair(size)
    mode = _choose(_TORCH, method)
    if mode not in ("bicubic", "bilinear"):
        return F.interpolate(x, (height, width), mode=mode)
    shrinks = height < x.shape[-2] or width < x.shape[-1]
    # torch's antialiased bicubic has another kernel (a = -0.5, not -0.75), so it is used only where it is needed.
    return F.interpolate(x, (height, width), mode=mode, align_corners=False, antialias=shrinks)


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise RangeError("size", size, "at least 1 pixel a side")
    return int(height), int(width)


def _choose(table: dict[str, Any], method: str) -> Any:
    if method not in table:
        raise RangeError("method", repr(method), f"one of {', '.join(sorted(table))}")
    return table[method]
