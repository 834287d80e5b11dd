"""The loss of a net that puts parts of a source into a base: like the source inside the mask, like the base outside."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from sharpening.errors import RangeError
from sharpening.imaging.mask import mix, unpack_pair
from sharpening.imaging.pairs import as_pair
from sharpening.losses.base import PictureLoss, Reduction, picture_means, reduce

__all__ = ["InpaintLoss", "seam_loss"]


def seam_loss(pred: Tensor, source: Tensor, mask: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """How much the steps across the mask's border differ from those that the source makes there.

    The source is whole on both sides of the border, so what it does there is what a picture without a seam does.

    Args:
        pred: `[bs, 3, H, W]`, float in [0, 1].
        source: the same shape.
        mask: `[bs, 1, H, W]` in [0, 1]; a border is where neighbours differ.
        reduction: "mean" or "sum" over the pictures, or "none" for `[bs]`.

    Returns:
        The mean squared difference of the steps, over the border's pairs of neighbours; 0 for a mask without a border.

    Source: after the guidance field of Pérez et al., "Poisson image editing", 2003, doi:10.1145/882262.882269.
    """
    pred, source = as_pair(pred, source)
    total, weight = pred.new_zeros(len(pred)), pred.new_zeros(len(pred))
    for axis in (2, 3):
        border = mask.diff(dim=axis).abs()
        steps = (pred.diff(dim=axis) - source.diff(dim=axis)).square().mean(dim=1, keepdim=True)
        total, weight = total + (border * steps).flatten(1).sum(dim=1), weight + border.flatten(1).sum(dim=1)
    return reduce(total / weight.clamp(min=1), reduction)


class InpaintLoss(PictureLoss):
    """Mean squared error against the source inside the mask and against the base outside, and what one adds to it.

    With equal weights and nothing added it is the mean squared error against the sharp cross-over of the thesis's equation 2.1.
    Called without the inputs it takes the target for both pictures: an ordinary loss.

    Args:
        inside: weight of the source inside the mask.
        outside: weight of the base outside.
        seam: weight of `seam_loss`.
        truth: weight of the mean squared error against the target, the true picture; the thesis has none.
        features: a loss through a network, such as `FeatureLoss`, on the prediction against the sharp cross-over.
        feature: its weight.
        reduction: see `PictureLoss`.

    Raises:
        RangeError: for a negative weight, or if all are 0.

    Source: the thesis, equation 2.1 and section 2.3.
    """

    needs_inputs: ClassVar = True
    """Whether a Learner should give it what the network was given, after the target."""

    def __init__(
        self,
        inside: float = 1.0,
        outside: float = 1.0,
        *,
        seam: float = 0.0,
        truth: float = 0.0,
        features: PictureLoss | None = None,
        feature: float = 1.0,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(reduction)
        self.weights = {"inside": inside, "outside": outside, "seam": seam, "truth": truth}
        self.weights["feature"] = 0.0 if features is None else feature
        if min(self.weights.values()) < 0 or not any(self.weights.values()):
            raise RangeError("weights", self.weights, "0 or more, and not all of them 0")
        self.features = features

    def forward(self, pred: Tensor, target: Tensor, inputs: Tensor | None = None) -> Tensor:
        """The loss.

        Args:
            pred: `[bs, 3, H, W]`, float in [0, 1].
            target: the true picture, of the same shape.
            inputs: what the network was given, `[bs, 9 or 7, H, W]`: base, source and mask, see `imaging.mask.pack_pair`.

        Returns:
            One number, or `[bs]` for "none".

        Raises:
            ShapeError: when the shapes do not fit together.
            RangeError: when the prediction is not floating point.
        """
        pred, target = as_pair(pred, target)
        base, source, mask = (target, target, torch.zeros_like(target[:, :1]))
        if inputs is not None:
            base, source, mask = unpack_pair(inputs.as_subclass(Tensor).to(pred))
            as_pair(pred, base)
        with torch.autocast(device_type=pred.device.type, enabled=False):
            terms = self._weighted(pred, target, base, source, mask)
        self.parts = {name: value.detach().mean() for name, value in terms.items()}
        return reduce(torch.stack(list(terms.values())).sum(dim=0), self.reduction)

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The terms of an ordinary loss, where base and source are the target."""
        return self._weighted(pred, target, target, target, torch.zeros_like(target[:, :1]))

    def _weighted(self, pred: Tensor, target: Tensor, base: Tensor, source: Tensor, mask: Tensor) -> dict[str, Tensor]:
        terms = {
            "inside": picture_means(mask * (pred - source).square()),
            "outside": picture_means((1 - mask) * (pred - base).square()),
        }
        if self.weights["seam"]:
            terms["seam"] = seam_loss(pred, source, mask, reduction="none")
        if self.weights["truth"]:
            terms["truth"] = picture_means((pred - target).square())
        found = {name: self.weights[name] * value for name, value in terms.items()}
        if self.features is not None and self.weights["feature"]:
            parts = self.features.terms(pred, mix(base, source, mask))
            found |= {name: self.weights["feature"] * value for name, value in parts.items()}
        return found
