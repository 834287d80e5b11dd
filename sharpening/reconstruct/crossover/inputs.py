"""What all cross-overs ask of base, source and mask."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.mask import check_mask
from sharpening.reconstruct.view import check_picture

__all__ = ["check_inputs"]


def check_inputs(base: Tensor, source: Tensor, mask: Tensor) -> None:
    """Refuse what cannot be crossed over.

    Args:
        base: `[3, H, W]`, RGB in [0, 1].
        source: the same shape.
        mask: `[1, H, W]`, floating point in [0, 1].

    Raises:
        ShapeError: if the three do not fit together.
        RangeError: for a mask that is not in [0, 1], NaN or infinity in a picture.
    """
    check_picture(base, "base")
    check_picture(source, "source")
    if source.shape != base.shape:
        advice = "Bring the source onto the base first: create_transfer(…)."
        raise ShapeError("source", list(source.shape), f"{list(base.shape)}, as the base", advice)
    if mask.shape != (1, *base.shape[1:]):
        raise ShapeError("mask", list(mask.shape), f"{[1, *base.shape[1:]]}", "It lies on the base, pixel by pixel.")
    check_mask(mask)
    for name, picture in (("base", base), ("source", source)):
        if not bool(torch.isfinite(picture).all()):
            raise RangeError(name, "NaN or infinity", "finite numbers in [0, 1]", "The step before it went wrong.")
