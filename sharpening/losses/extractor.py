"""What the losses on the maps inside a network share. The network comes from outside: this floor knows none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor

from sharpening.errors import RangeError
from sharpening.losses.base import PictureLoss, Reduction, picture_means

__all__ = ["COURSE_WEIGHTS", "Base", "Extractor", "ExtractorLoss", "map_distances"]

Base = Literal["l1", "mse"]

COURSE_WEIGHTS = (5.0, 15.0, 2.0)
"""Weights of the three maps in the fast.ai course on super-resolution (course-v3, lesson 7)."""


class Extractor(Protocol):
    """A network whose inner maps can be had: `models.face_id.DlibResNet29`, `models.face_id.Vgg16Extractor` or the user's own."""

    def features(self, pictures: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Maps `[bs, c, h, w]` of pictures `[bs, 3, H, W]` in [0, 1], one for each name in `layers`."""
        ...


def map_distances(pred: Sequence[Tensor], target: Sequence[Tensor], base: Base = "l1") -> list[Tensor]:
    """Mean absolute ("l1") or squared ("mse") difference of each pair of maps `[bs, ...]`: `[bs]` for each.

    Raises:
        RangeError: for another word.
    """
    if base not in ("l1", "mse"):
        raise RangeError("base", repr(base), '"l1" or "mse"')
    differences = [a - b for a, b in zip(pred, target, strict=True)]
    return [picture_means(d.abs() if base == "l1" else d.square()) for d in differences]


class ExtractorLoss(PictureLoss):
    """Base of the losses on inner maps: the settings, and the run of both pictures through the network.

    Args:
        extractor: gives the maps; freeze it before.
        layers: names that it knows.
        weights: one for each layer.
        base: "l1" or "mse".
        reduction: see `PictureLoss`.

    Raises:
        RangeError: when the counts of layers and weights differ.
    """

    def __init__(
        self,
        extractor: Extractor,
        layers: Sequence[str],
        weights: Sequence[float] = COURSE_WEIGHTS,
        base: Base = "l1",
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(reduction)
        if len(layers) != len(weights):
            raise RangeError("weights", list(weights), f"{len(layers)} numbers, one for each of {', '.join(layers)}")
        self.extractor, self.layers, self.weights, self.base = extractor, tuple(layers), tuple(weights), base

    def maps(self, pred: Tensor, target: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """Maps of both pictures, those of the target without gradient."""
        with torch.no_grad():
            wanted = self.extractor.features(target, self.layers)
        return self.extractor.features(pred, self.layers), wanted

    def named(self, kind: str, factors: Sequence[float], distances: Sequence[Tensor]) -> dict[str, Tensor]:
        """The distances `[bs]` times the factors, as "kind_layer"."""
        rows = zip(self.layers, factors, distances, strict=True)
        return {f"{kind}_{layer}": factor * distance for layer, factor, distance in rows}
