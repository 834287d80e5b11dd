"""Between pictures as they lie on disk (uint8, channels last) and as networks want them (float in [0, 1], channels first)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import RangeError, ShapeError

__all__ = ["to_tensor", "to_uint8"]


def to_tensor(picture: NDArray[np.uint8]) -> Tensor:
    """Turn one picture or a row of pictures into a tensor.

    Args:
        picture: uint8 `[H, W, 3]` or `[n, H, W, 3]`, RGB, 0–255.

    Returns:
        float32 `[3, H, W]` or `[n, 3, H, W]` in [0, 1], in memory of its own.

    Raises:
        ShapeError, RangeError: another shape or type.

    >>> to_tensor(np.full((2, 2, 3), 255, np.uint8)).shape
    torch.Size([3, 2, 2])
    """
    if picture.ndim not in (3, 4) or picture.shape[-1] != 3:
        raise ShapeError("picture", list(picture.shape), "[H, W, 3] or [n, H, W, 3]", "Channels go last here.")
    if picture.dtype != np.uint8:
        raise RangeError("picture", f"dtype {picture.dtype}", "uint8 (0–255)")
    # Our own copy: torch warns on read-only memory, and a view would let a change here reach the caller's picture.
    first = np.moveaxis(picture, -1, -3).copy(order="C")
    return torch.from_numpy(first).float().div_(255)


def to_uint8(tensor: Tensor) -> NDArray[np.uint8]:
    """Turn a float picture or a batch into uint8; values outside [0, 1] are clamped, the rest is rounded to the nearest.

    Args:
        tensor: floating point `[3, H, W]` or `[bs, 3, H, W]`, nominally in [0, 1], on any device.

    Returns:
        uint8 `[H, W, 3]` or `[bs, H, W, 3]`, RGB.

    Raises:
        ShapeError: another shape.
        RangeError: not floating point, or NaN or infinity in it.

    >>> to_uint8(torch.full((3, 1, 1), 0.5)).ravel().tolist()
    [128, 128, 128]
    """
    if tensor.ndim not in (3, 4) or tensor.shape[-3] != 3:
        raise ShapeError("tensor", list(tensor.shape), "[3, H, W] or [bs, 3, H, W]", "Channels go first here.")
    if not tensor.is_floating_point():
        raise RangeError("tensor", f"dtype {tensor.dtype}", "floating point in [0, 1]")
    values = tensor.detach().as_subclass(Tensor).float()
    if not bool(torch.isfinite(values).all()):
        raise RangeError("tensor", "NaN or infinity", "finite values in [0, 1]", "The network that made it has diverged.")
    whole = values.clamp(0, 1).mul(255).round().to(torch.uint8).cpu()
    return np.ascontiguousarray(whole.movedim(-3, -1).numpy())
