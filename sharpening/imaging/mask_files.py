"""Masks as PNG files in the thesis's form: 0 = take this pixel from the source, 255 = keep the base.

Inside the package it is the other way round (1 = take from the source). This is the only place that turns the one into the other.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sharpening.errors import InputError, ShapeError
from sharpening.imaging.files import atomic_write
from sharpening.imaging.mask import check_mask
from sharpening.imaging.reading import read_picture

__all__ = ["read_mask", "write_mask"]


def read_mask(path: str | Path) -> Tensor:
    """Read a mask in the thesis's form.

    Args:
        path: a grey picture, 0 = take from the source, 255 = keep; greys between mix.

    Returns:
        float32 `[1, H, W]` in 0 … 1, 1 = take from the source.

    Raises:
        InputError: the file is absent, is no picture, or has colours.

    Source: the thesis, sections 2.3 and 2.3.2.
    """
    picture = read_picture(path)
    if (picture != picture[..., :1]).any():
        advice = "Save it in greys: 0 where the source is to be taken, 255 where the base is to be kept."
        raise InputError(path, "is no mask: it has colours.", advice)
    return 1 - torch.from_numpy(picture[..., 0].astype(np.float32))[None] / 255


def write_mask(path: str | Path, mask: Tensor) -> Path:
    """Write a mask in the thesis's form, whole or not at all.

    Args:
        path: where to, with the suffix `.png`.
        mask: floating point `[1, H, W]` or `[H, W]` in 0 … 1, 1 = take from the source.

    Returns:
        The path.

    Raises:
        ShapeError, RangeError: it is no such mask.
        InputError: another suffix; a lossy file would make the mask's border dirty.
        WriteError: the disk is full, or the place cannot be written to.

    Source: the thesis, sections 2.3 and 2.3.2.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise InputError(path, f"has the suffix {path.suffix!r}.", "Masks are written as .png.")
    plane = mask[0] if mask.ndim == 3 and mask.shape[0] == 1 else mask
    if plane.ndim != 2 or 0 in plane.shape:
        raise ShapeError("mask", list(mask.shape), "[1, H, W]")
    check_mask(plane)
    greys = (1 - plane.detach().cpu().double()).mul(255).round().numpy().astype(np.uint8)
    with atomic_write(path) as temporary:
        Image.fromarray(greys).save(temporary)
    return path
