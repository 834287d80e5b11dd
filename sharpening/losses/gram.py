"""The loss on Gram matrices: how much of each feature goes with each other, wherever it is (style)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sharpening.errors import ShapeError
from sharpening.losses.base import Reduction, reduce
from sharpening.losses.extractor import COURSE_WEIGHTS, Base, Extractor, ExtractorLoss, map_distances

__all__ = ["GRAM_FACTOR", "GramLoss", "gram_loss", "gram_matrix"]

GRAM_FACTOR = 5e3
"""Factor before the Gram terms in the fast.ai course, beside the square of the map's weight."""


def gram_matrix(x: Tensor) -> Tensor:
    """Products of the channels of maps with each other, x xᵀ / (c h w): `[bs, c, h, w]` to `[bs, c, c]`.

    Raises:
        ShapeError: when it is no batch of maps.
    """
    if x.ndim != 4:
        raise ShapeError("x", list(x.shape), "[bs, c, h, w]")
    rows = x.flatten(2)
    return rows @ rows.transpose(1, 2) / x[0].numel()


def gram_loss(
    pred: Sequence[Tensor],
    target: Sequence[Tensor],
    *,
    weights: Sequence[float] = COURSE_WEIGHTS,
    factor: float = GRAM_FACTOR,
    base: Base = "l1",
    reduction: Reduction = "mean",
) -> Tensor:
    """Sum of w² · factor · distance of the Gram matrices over pairs of maps.

    Args:
        pred: maps `[bs, c, h, w]` of the prediction.
        target: maps of the target; height and width may differ.
        weights: w for each map.
        factor: before all terms.
        base: "l1" or "mse".
        reduction: "mean" or "sum" over the pictures, or "none" for `[bs]`.

    Source: Gatys et al., "A neural algorithm of artistic style", 2015, arXiv:1508.06576; weights as in the fast.ai course.
    """
    distances = map_distances([gram_matrix(x) for x in pred], [gram_matrix(x) for x in target], base)
    parts = [w**2 * factor * d for w, d in zip(weights, distances, strict=True)]
    return reduce(torch.stack(parts).sum(dim=0), reduction)


class GramLoss(ExtractorLoss):
    """`gram_loss` between the maps of both pictures; a term a layer, "gram_<layer>".

    Args:
        extractor: gives the maps; freeze it before.
        layers: names that it knows.
        weights: w for each layer.
        base: "l1" or "mse".
        factor: before all terms.
        reduction: see `PictureLoss`.
    """

    def __init__(
        self,
        extractor: Extractor,
        layers: Sequence[str],
        weights: Sequence[float] = COURSE_WEIGHTS,
        base: Base = "l1",
        factor: float = GRAM_FACTOR,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(extractor, layers, weights, base, reduction)
        self.factor = factor

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """A term for each layer."""
        return self.gram_terms(*self.maps(pred, target))

    def gram_terms(self, pred: Sequence[Tensor], target: Sequence[Tensor]) -> dict[str, Tensor]:
        """The terms of maps that are already there."""
        distances = map_distances([gram_matrix(x) for x in pred], [gram_matrix(x) for x in target], self.base)
        return self.named("gram", [w**2 * self.factor for w in self.weights], distances)
