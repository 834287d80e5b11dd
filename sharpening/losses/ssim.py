"""The loss on structural similarity."""

from __future__ import annotations

from torch import Tensor

from sharpening.imaging.pairs import as_pair
from sharpening.imaging.structure import ssim_map
from sharpening.losses.base import PictureLoss, Reduction, picture_means, reduce

__all__ = ["SSIMLoss", "ssim_loss"]


def ssim_loss(pred: Tensor, target: Tensor, *, data_range: float = 1.0, reduction: Reduction = "mean") -> Tensor:
    """1 - SSIM (11×11 Gaussian window, no border): 0 for equal pictures, at most 2.

    Args:
        pred: `[bs, c, H, W]`, float, sides of at least 11 px.
        target: the same shape.
        data_range: the largest value that the pictures can take.
        reduction: "mean" or "sum" over the pictures, or "none" for `[bs]`.

    Source: Wang et al., 2004, doi:10.1109/TIP.2003.819861.
    """
    pred, target = as_pair(pred, target)
    return reduce(1 - picture_means(ssim_map(pred, target, data_range=data_range)), reduction)


class SSIMLoss(PictureLoss):
    """`ssim_loss` as a module.

    Args:
        data_range: the largest value that the pictures can take.
        reduction: see `PictureLoss`.
    """

    def __init__(self, data_range: float = 1.0, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        self.data_range = data_range

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The one term, "ssim"."""
        return {"ssim": ssim_loss(pred, target, data_range=self.data_range, reduction="none")}
