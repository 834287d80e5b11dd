"""A weighted sum of losses whose parts stay visible."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from sharpening.errors import RangeError
from sharpening.losses.base import PictureLoss, Reduction

__all__ = ["WeightedLoss"]


class WeightedLoss(PictureLoss):
    """The sum of losses, each times its weight.

    After a call `.parts` holds each weighted part (a mean over the pictures, without gradient); together they are the loss.
    A loss with several terms has a part for each, "name.term".

    >>> from sharpening.losses.pixel import L1Loss, MSELoss
    >>> import torch
    >>> loss = WeightedLoss({"square": (MSELoss(), 1.0), "absolute": (L1Loss(), 0.5)})
    >>> float(loss(torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), 0.5)))
    0.5
    >>> {name: float(part) for name, part in loss.parts.items()}
    {'square': 0.25, 'absolute': 0.25}

    Args:
        losses: for each name the loss and its weight.
        reduction: see `PictureLoss`; those of the parts play no role.

    Raises:
        RangeError: when there is nothing to sum, or a weight is negative.
    """

    def __init__(self, losses: Mapping[str, tuple[PictureLoss, float]], reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        negative = {name: weight for name, (_, weight) in losses.items() if weight < 0}
        if not losses or negative:
            raise RangeError("losses", negative or "none", "at least one, with weights of at least 0")
        self.losses = nn.ModuleDict({name: loss for name, (loss, _) in losses.items()})
        self.weights = {name: float(weight) for name, (_, weight) in losses.items()}

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The weighted terms of all parts."""
        found: dict[str, Tensor] = {}
        for name, loss in self.losses.items():
            terms = loss.terms(pred, target)  # type: ignore[operator]
            for term, value in terms.items():
                found[name if len(terms) == 1 else f"{name}.{term}"] = self.weights[name] * value
        return found
