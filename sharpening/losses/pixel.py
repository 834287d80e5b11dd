"""Losses on single pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpening.imaging.pairs import as_pair
from sharpening.losses.base import PictureLoss, Reduction, picture_means, reduce

__all__ = ["CharbonnierLoss", "L1Loss", "MSELoss", "PSNRLoss", "charbonnier", "l1", "mse", "psnr_loss"]


def mse(pred: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Mean squared error, the base of the thesis's losses.

    Args:
        pred: `[bs, c, H, W]`, float in [0, 1].
        target: the same shape.
        reduction: "mean" or "sum" over the pictures, or "none" for `[bs]`.
    """
    pred, target = as_pair(pred, target)
    return reduce(picture_means((pred - target).square()), reduction)


def l1(pred: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Mean absolute error; arguments as for `mse`."""
    pred, target = as_pair(pred, target)
    return reduce(picture_means((pred - target).abs()), reduction)


def charbonnier(pred: Tensor, target: Tensor, *, eps: float = 1e-3, reduction: Reduction = "mean") -> Tensor:
    """Mean of sqrt(error² + eps²) - eps: like the absolute error, but smooth at 0, and 0 for equal pictures.

    Args:
        pred: `[bs, c, H, W]`, float in [0, 1].
        target: the same shape.
        eps: errors well below it count squared.
        reduction: "mean" or "sum" over the pictures, or "none" for `[bs]`.

    Source: Charbonnier et al., 1994, doi:10.1109/ICIP.1994.413553; eps as in Lai et al., 2017, doi:10.1109/CVPR.2017.618.
    """
    pred, target = as_pair(pred, target)
    return reduce(picture_means(torch.sqrt((pred - target).square() + eps**2) - eps), reduction)


def psnr_loss(pred: Tensor, target: Tensor, *, eps: float = 1e-5, reduction: Reduction = "mean") -> Tensor:
    """ln(mse + eps) - ln(eps) of each picture, times 0.025: what the mean PSNR over pictures asks for, and 0 for equal pictures.

    A picture counts by the share of its error that goes, not by the error: one that is hard because its frames are poor does not outweigh
    the others. The factor gives it about the slope of `charbonnier` on ×4 faces, so that both fit beside the same other losses.

    Args:
        pred: `[bs, c, H, W]`, float in [0, 1].
        target: the same shape.
        eps: mean squared errors well below it (50 dB) no longer count.
        reduction: "mean" or "sum" over the pictures, or "none" for `[bs]`.

    Source: the loss of Chen et al., 2022, arXiv 2204.04676 (NAFNet), of which this is a multiple but for `eps`.
    """
    return reduce(0.025 * torch.log1p(mse(pred, target, reduction="none") / eps), reduction)


class MSELoss(PictureLoss):
    """`mse` as a module."""

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The one term, "mse"."""
        return {"mse": mse(pred, target, reduction="none")}


class L1Loss(PictureLoss):
    """`l1` as a module."""

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The one term, "l1"."""
        return {"l1": l1(pred, target, reduction="none")}


class CharbonnierLoss(PictureLoss):
    """`charbonnier` as a module.

    Args:
        eps: errors well below it count squared.
        reduction: see `PictureLoss`.
    """

    def __init__(self, eps: float = 1e-3, reduction: Reduction = "mean") -> None:
        super().__init__(reduction)
        self.eps = eps

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The one term, "charbonnier"."""
        return {"charbonnier": charbonnier(pred, target, eps=self.eps, reduction="none")}


class PSNRLoss(PictureLoss):
    """`psnr_loss` as a module."""

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The one term, "psnr"."""
        return {"psnr": psnr_loss(pred, target, reduction="none")}
