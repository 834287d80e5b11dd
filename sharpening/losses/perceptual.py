"""Features and Grams together, from one run through the network."""

from __future__ import annotations

from torch import Tensor

from sharpening.losses.extractor import map_distances
from sharpening.losses.gram import GramLoss

__all__ = ["PerceptualLoss"]


class PerceptualLoss(GramLoss):
    """The loss of the fast.ai course on super-resolution, which the thesis follows, without its pixel term.

    Terms: w · distance of the maps ("feature_<layer>") and w² · factor · distance of their Gram matrices ("gram_<layer>").
    The course takes base "l1", the thesis "mse". Arguments: see `GramLoss`. The pixel term is added in `models.critics`.
    """

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Two terms for each layer."""
        got, wanted = self.maps(pred, target)
        return self.named("feature", self.weights, map_distances(got, wanted, self.base)) | self.gram_terms(got, wanted)
