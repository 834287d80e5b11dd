"""The loss on quality: how far a face is from being as usable as can be, for a recognition network."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from torch import Tensor

from sharpening.losses.base import PictureLoss, Reduction, reduce

__all__ = ["SerFiqLoss", "serfiq_loss"]


def serfiq_loss(scores: Tensor, *, goal: float = 1.0, reduction: Reduction = "mean") -> Tensor:
    """Squared distance of scores `[bs]` from the goal.

    Args:
        scores: of the predictions; higher is better.
        goal: what they shall become.
        reduction: "mean" or "sum" over the pictures, or "none" for `[bs]`.
    """
    return reduce((scores - goal).square(), reduction)


class SerFiqLoss(PictureLoss):
    """`serfiq_loss` of pictures. It does not look at the target: alone it may lead to a fine face of nobody in particular.

    Args:
        quality: pictures `[bs, 3, H, W]` in [0, 1] to scores `[bs]`, with gradient: `metrics.serfiq.SerFiq(network, m=10)`, or what
            `models.face_id.load_serfiq` gives.
        goal: the score to reach; the thesis rescales its scores so that it is 1.
        reduction: see `PictureLoss`.

    Source: the thesis, section 3.3, where the squared error of the rescaled score against 1.0 is the loss.
    """

    needs_target: ClassVar = False

    def __init__(self, quality: Callable[[Tensor], Tensor], goal: float = 1.0, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        self.quality, self.goal = quality, goal

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The one term, "serfiq"."""
        return {"serfiq": serfiq_loss(self.quality(pred), goal=self.goal, reduction="none")}
