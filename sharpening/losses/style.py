"""The loss on style, region by region: the Gram matrices of each facial part by itself, so that hair is compared with hair.

Two forms are about, which differ by orders of magnitude; name the one you used:

=========  =========================================================================================================================
published  the code of PSFR-GAN: three levels of VGG-19, Grams over C · (pixels of the region), mean squared error over all of them
paper      its paper: five levels, Grams over the pixels of the region alone, the norm of the difference, summed over the regions
=========  =========================================================================================================================

Which pixel belongs to which region comes from outside, as one-hot masks; without them the whole picture is one region.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError
from sharpening.losses.base import Reduction, reduce
from sharpening.losses.extractor import Extractor, ExtractorLoss

__all__ = ["STYLE_LAYERS", "StyleForm", "StyleLoss", "region_grams", "semantic_style_loss"]

StyleForm = Literal["published", "paper"]

STYLE_LAYERS: dict[StyleForm, tuple[str, ...]] = {
    "published": ("relu3_4", "relu4_4", "conv5_4"),
    "paper": ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
}
"""Maps of VGG-19 in each form. The last published one is meant to be relu5_4, but the code takes it before the activation."""

_EPS = 1e-8


def region_grams(maps: Tensor, masks: Tensor) -> Tensor:
    """Products of the channels of a map with each other inside each region, over the number of its pixels.

    Args:
        maps: `[bs, c, h, w]`.
        masks: `[bs, n_classes, H, W]` in [0, 1], brought to the size of the map by nearest neighbour.

    Returns:
        `[bs, n_classes, c, c]`; 0 for a region without pixels.
    """
    small = F.interpolate(masks, size=maps.shape[-2:], mode="nearest")
    grams = []
    for mask in small.unbind(dim=1):
        rows = (maps * mask[:, None]).flatten(2)
        grams.append(rows @ rows.transpose(1, 2) / (mask.sum(dim=(1, 2)) + _EPS)[:, None, None])
    return torch.stack(grams, dim=1)


def semantic_style_loss(
    pred: Sequence[Tensor], target: Sequence[Tensor], masks: Tensor, *, form: StyleForm = "published", reduction: Reduction = "mean"
) -> Tensor:
    """Sum over levels of the distance between the Grams of the regions.

    Args:
        pred: maps `[bs, c, h, w]` of the prediction, one for each level.
        target: maps of the target, of the same shapes.
        masks: one-hot regions of the target, `[bs, n_classes, H, W]`; the same regions serve both pictures.
        form: "published" or "paper", see the head of this module.
        reduction: "mean" or "sum" over the pictures, or "none" for `[bs]`.

    Raises:
        ShapeError: when the masks are no batch of one-hot pictures, or of another batch.
        RangeError: when the masks leave [0, 1], or for another form.

    Source: Chen et al., "Progressive semantic-aware style transformation for blind face restoration", 2021, arXiv:2009.08709.
    """
    return reduce(torch.stack(_level_distances(pred, target, masks, form)).sum(dim=0), reduction)


def _level_distances(pred: Sequence[Tensor], target: Sequence[Tensor], masks: Tensor, form: StyleForm) -> list[Tensor]:
    if form not in STYLE_LAYERS:
        raise RangeError("form", repr(form), '"published" or "paper"')
    distances = []
    for a, b in zip(pred, target, strict=True):
        regions = _checked(masks, a)
        difference = region_grams(a, regions) - region_grams(b, regions)
        if form == "published":
            distances.append((difference / a.shape[1]).square().flatten(1).mean(dim=1))
        else:
            distances.append(torch.linalg.vector_norm(difference, dim=(2, 3)).sum(dim=1))
    return distances


def _checked(masks: Tensor, maps: Tensor) -> Tensor:
    if masks.ndim != 4 or len(masks) != len(maps):
        advice = "Turn labels [bs, H, W] into one-hot masks: F.one_hot(labels, n_classes).permute(0, 3, 1, 2)."
        raise ShapeError("masks", list(masks.shape), f"[{len(maps)}, n_classes, H, W]", advice)
    regions = masks.detach().as_subclass(Tensor).to(maps)
    if bool(((regions < 0) | (regions > 1)).any()):
        raise RangeError("masks", f"{float(regions.min()):g} to {float(regions.max()):g}", "0 to 1")
    return regions


class StyleLoss(ExtractorLoss):
    """`semantic_style_loss` between the maps of both pictures; a term a layer, "style_<layer>".

    Args:
        extractor: gives the maps, such as `models.face_id.vgg19.Vgg19Extractor`; freeze it before.
        segment: pictures `[bs, 3, H, W]` in [0, 1] to their regions, one-hot `[bs, n_classes, H, W]`; it is asked about the
            target. Without it the picture is one region, and this is the plain style loss.
        form: "published" or "paper".
        layers: names that the extractor knows; those of `STYLE_LAYERS` when left out.
        enlarge_to: pictures narrower than this are enlarged to it before [px]; the published code does so to 224.
        reduction: see `PictureLoss`.

    Raises:
        RangeError: for another form.
    """

    def __init__(
        self,
        extractor: Extractor,
        segment: Callable[[Tensor], Tensor] | None = None,
        form: StyleForm = "published",
        layers: Sequence[str] | None = None,
        enlarge_to: int | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        if form not in STYLE_LAYERS:
            raise RangeError("form", repr(form), '"published" or "paper"')
        names = STYLE_LAYERS[form] if layers is None else tuple(layers)
        super().__init__(extractor, names, (1.0,) * len(names), reduction=reduction)
        self.segment, self.form, self.enlarge_to = segment, form, enlarge_to

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """A term for each layer."""
        with torch.no_grad():
            masks = torch.ones_like(target[:, :1]) if self.segment is None else self.segment(target)
        got, wanted = self.maps(self._enlarged(pred), self._enlarged(target))
        return self.named("style", self.weights, _level_distances(got, wanted, masks, self.form))

    def _enlarged(self, pictures: Tensor) -> Tensor:
        if self.enlarge_to is None or pictures.shape[-1] >= self.enlarge_to:
            return pictures
        height = round(pictures.shape[-2] * self.enlarge_to / pictures.shape[-1])
        return F.interpolate(pictures, size=(height, self.enlarge_to), mode="bilinear", align_corners=False)
