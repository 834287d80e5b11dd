"""The loss on the maps inside a network: what is there, and where."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sharpening.losses.base import Reduction, reduce
from sharpening.losses.extractor import COURSE_WEIGHTS, Base, ExtractorLoss, map_distances

__all__ = ["FeatureLoss", "feature_loss"]


def feature_loss(
    pred: Sequence[Tensor],
    target: Sequence[Tensor],
    *,
    weights: Sequence[float] = COURSE_WEIGHTS,
    base: Base = "l1",
    reduction: Reduction = "mean",
) -> Tensor:
    """Weighted sum of the distances between maps.

    Args:
        pred: maps `[bs, c, h, w]` of the prediction.
        target: maps of the target, of the same shapes.
        weights: one for each map.
        base: "l1" or "mse".
        reduction: "mean" or "sum" over the pictures, or "none" for `[bs]`.

    Source: Johnson et al., "Perceptual losses for real-time style transfer and super-resolution", 2016, arXiv:1603.08155.
    """
    parts = [w * d for w, d in zip(weights, map_distances(pred, target, base), strict=True)]
    return reduce(torch.stack(parts).sum(dim=0), reduction)


class FeatureLoss(ExtractorLoss):
    """`feature_loss` between the maps of both pictures; a term a layer, "feature_<layer>". Arguments: see `ExtractorLoss`."""

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """A term for each layer."""
        return self.named("feature", self.weights, map_distances(*self.maps(pred, target), self.base))
