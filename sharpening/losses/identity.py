"""The loss on the person: the angle between the descriptors of two faces."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from sharpening.imaging.pairs import as_pair
from sharpening.losses.base import PictureLoss, Reduction, reduce

__all__ = ["IdentityLoss", "identity_loss"]


def identity_loss(pred: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """1 - cosine between descriptors: 0 for equal directions, at most 2.

    Args:
        pred: descriptors `[bs, d]` of the faces in the predictions.
        target: descriptors of the true faces.
        reduction: "mean" or "sum" over the pictures, or "none" for `[bs]`.
    """
    pred, target = as_pair(pred, target, what="descriptors")
    return reduce(1 - F.cosine_similarity(pred, target, dim=1), reduction)


class IdentityLoss(PictureLoss):
    """`identity_loss` between pictures, through a face net.

    Args:
        network: chips to descriptors `[bs, d]`; freeze it before.
        align: pictures `[bs, 3, H, W]` to the chips that the network wants, the same cut for both pictures and with gradient;
            None when the pictures are such chips.
        reduction: see `PictureLoss`.
    """

    def __init__(
        self, network: Callable[[Tensor], Tensor], align: Callable[[Tensor], Tensor] | None = None, reduction: Reduction = "mean"
    ) -> None:
        super().__init__(reduction)
        self.network, self.align = network, align

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The one term, "identity"."""
        with torch.no_grad():
            wanted = self._descriptors(target)
        return {"identity": identity_loss(self._descriptors(pred), wanted, reduction="none")}

    def _descriptors(self, pictures: Tensor) -> Tensor:
        return self.network(pictures if self.align is None else self.align(pictures))
