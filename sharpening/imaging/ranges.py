"""The value ranges of the world outside, by name.

Inside the package a picture is in [0, 1]; nothing guesses a range from content.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sharpening.errors import ShapeError

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "from_byte_range",
    "from_imagenet",
    "from_signed",
    "to_byte_range",
    "to_imagenet",
    "to_signed",
]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of the ImageNet training pictures in [0, 1], for R, G, B."""

IMAGENET_STD = (0.229, 0.224, 0.225)
"""Standard deviation of the ImageNet training pictures in [0, 1], for R, G, B."""


def to_imagenet(x: Tensor) -> Tensor:
    """From [0, 1] to zero mean and unit deviation over ImageNet.

    Args:
        x: floating point `[..., 3, H, W]`, RGB in [0, 1].

    Returns:
        The same shape, about −2.1…2.6.

    Raises:
        ShapeError: the third axis from the end is not 3 long (view a stack as `[bs, n, 3, H, W]` first).
    """
    mean, std = _imagenet(x)
    return (x - mean) / std


def from_imagenet(x: Tensor) -> Tensor:
    """The way back of `to_imagenet`: normalised `[..., 3, H, W]` to RGB in [0, 1]; not clamped."""
    mean, std = _imagenet(x)
    return x * std + mean


def _imagenet(x: Tensor) -> tuple[Tensor, Tensor]:
    if x.ndim < 3 or x.shape[-3] != 3:
        raise ShapeError("x", list(x.shape), "[..., 3, H, W]", "View a stack [bs, 3·n, H, W] as [bs, n, 3, H, W] first.")
    mean = torch.tensor(IMAGENET_MEAN, dtype=x.dtype, device=x.device).view(3, 1, 1)
    std = torch.tensor(IMAGENET_STD, dtype=x.dtype, device=x.device).view(3, 1, 1)
    return mean, std


def to_byte_range(x: Tensor) -> Tensor:
    """From [0, 1] to 0–255, any shape; still floating point."""
    return x * 255


def from_byte_range(x: Tensor) -> Tensor:
    """From 0–255 (floating point) to [0, 1], any shape."""
    return x / 255


def to_signed(x: Tensor) -> Tensor:
    """From [0, 1] to −1…1, any shape."""
    return x * 2 - 1


def from_signed(x: Tensor) -> Tensor:
    """From −1…1 to [0, 1], any shape."""
    return (x + 1) / 2
