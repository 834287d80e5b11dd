"""What all losses share: one number a picture, three ways to bring them together, parts that can be looked at."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from sharpening.errors import RangeError
from sharpening.imaging.pairs import as_pair

__all__ = ["PictureLoss", "Reduction", "picture_means", "reduce"]

Reduction = Literal["mean", "sum", "none"]


def reduce(values: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Bring the losses of the pictures `[bs]` together: their "mean", their "sum", or "none" to leave them as they are.

    Raises:
        RangeError: for any other word.
    """
    if reduction == "mean":
        return values.mean()
    if reduction == "sum":
        return values.sum()
    if reduction == "none":
        return values
    raise RangeError("reduction", repr(reduction), '"mean", "sum" or "none"')


def picture_means(values: Tensor) -> Tensor:
    """Mean over everything but the first axis: `[bs, ...]` to `[bs]`."""
    return values.flatten(1).mean(dim=1)


class PictureLoss(nn.Module):
    """Base of the losses on pictures; a new one writes `terms` only.

    Losses are counted a picture: "none" gives `[bs]`. They work in float32 or better, under automatic mixed precision too, and on
    subclasses of tensors such as fastai's `TensorImage`.

    Attributes:
        reduction: "mean", "sum" or "none"; fastai switches it in `get_preds(with_loss=True)`.
        parts: mean over the pictures of each term in the last call, without gradient; together they are the loss.
    """

    needs_target: ClassVar = True
    """Whether it compares with the target; one that does not need not be 0 at it."""

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.reduction: Reduction = reduction
        self.parts: dict[str, Tensor] = {}

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The addends of the loss by name, `[bs]` each, for two plain tensors of the same shape and type."""
        raise NotImplementedError(f"{type(self).__name__} must define terms(pred, target)")

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """The loss of `pred` `[bs, 3, H, W]` in [0, 1] against `target` of the same shape: one number, or `[bs]` for "none".

        Raises:
            ShapeError: when the shapes differ.
            RangeError: when the prediction is not floating point.
        """
        pred, target = as_pair(pred, target)
        # Gram matrices and squares overflow or vanish in half precision.
        with torch.autocast(device_type=pred.device.type, enabled=False):
            terms = self.terms(pred, target)
        self.parts = {name: value.detach().mean() for name, value in terms.items()}
        return reduce(torch.stack([value.to(pred.dtype) for value in terms.values()]).sum(dim=0), self.reduction)
