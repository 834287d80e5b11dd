"""The door of everything that compares two batches of pictures: checked once, as plain tensors of one type."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpening.errors import RangeError, ShapeError

__all__ = ["as_pair"]


def as_pair(pred: Tensor, target: Tensor, *, what: str = "pictures") -> tuple[Tensor, Tensor]:
    """Give both as plain floating tensors of the same type.

    Subclasses (fastai's `TensorImage`) become plain tensors, gradients kept; half precision becomes float32, in which squares of
    small errors do not vanish; the target takes the type and the device of the prediction.

    Args:
        pred: `[bs, ...]`, floating point.
        target: of the same shape.
        what: what the two are, for the error.

    Raises:
        ShapeError: when the shapes differ, or there is no batch axis.
        RangeError: when the prediction is not floating point.
    """
    if pred.shape != target.shape or pred.ndim < 2:
        raise ShapeError(f"pred and target ({what})", f"{list(pred.shape)} and {list(target.shape)}", "two equal shapes [bs, ...]")
    if not pred.is_floating_point():
        raise RangeError("pred", f"dtype {pred.dtype}", "floating point in [0, 1]", "Use imaging.convert.to_tensor first.")
    plain = pred.as_subclass(Tensor)
    if plain.dtype in (torch.float16, torch.bfloat16):
        plain = plain.float()
    return plain, target.as_subclass(Tensor).to(plain)
