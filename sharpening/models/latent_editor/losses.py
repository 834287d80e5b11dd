"""What the StyleGAN editor holds against a painted picture: closeness everywhere, closeness under a mask, content and style.

Each loss is made once for its target, whose maps do not change, and called with what the generator paints in every step. It gives its
terms by name; their sum is what is made smaller. All weights are 1.

Source: Abdal et al., "Image2StyleGAN: How to embed images into the StyleGAN latent space?", ICCV 2019, arXiv:1904.03189; Abdal et al.,
"Image2StyleGAN++: How to edit the embedded images?", CVPR 2020, arXiv:1911.11544.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from sharpening.models.basic_blocks.layered import LayeredExtractor
from sharpening.models.latent_editor.features import editor_maps, halved_to, shrink_by_halves, shrink_once

__all__ = ["CrossoverLoss", "EmbedLoss", "ExchangeLoss", "MaskedLoss", "MaskedStyle", "Terms", "masked_gram", "total"]

Terms = dict[str, Tensor]
"""Losses by name, each one number."""


def total(terms: Terms) -> Tensor:
    """Their sum."""
    return torch.stack([each.reshape(()) for each in terms.values()]).sum()


class EmbedLoss:
    """Mean squared error of the pixels, and of the four maps of both pictures shrunk in one step.

    Args:
        network: VGG-16; None for the pixels alone.
        target: `[1, 3, R, R]` in [0, 1].
    """

    def __init__(self, network: LayeredExtractor | None, target: Tensor) -> None:
        self.network, self.target = network, target
        self.maps = _maps(network, shrink_once(target))

    def __call__(self, pictures: Tensor) -> Terms:
        """Terms "pixels" and "features" of painted pictures `[1, 3, R, R]`."""
        terms = {"pixels": F.mse_loss(pictures, self.target)}
        if self.network is not None:
            painted = editor_maps(self.network, shrink_once(pictures))
            terms["features"] = _sum_of_errors(painted, self.maps)
        return terms


class MaskedLoss:
    """The same under a mask, which multiplies pixels and maps; the means go over all pixels, so a small mask weighs little.

    The maps come of the whole pictures, shrunk by halving, so at the mask's border they see what lies outside.

    Args:
        network: VGG-16; None for the pixels alone.
        target: `[1, 3, R, R]` in [0, 1].
        mask: `[1, 1, R, R]`, 1 where the picture shall be as the target.
        name: before the names of the terms.
    """

    def __init__(self, network: LayeredExtractor | None, target: Tensor, mask: Tensor, name: str = "") -> None:
        self.network, self.mask, self.name = network, mask, name
        self.target = target * mask
        self.masks, self.maps = [], []
        for each in _maps(network, shrink_by_halves(target)):
            self.masks.append(halved_to(mask, each.shape[-1]))
            self.maps.append(each * self.masks[-1])

    def __call__(self, pictures: Tensor) -> Terms:
        """Terms "…pixels" and "…features" of painted pictures `[1, 3, R, R]`."""
        return self.terms(pictures, [] if self.network is None else editor_maps(self.network, shrink_by_halves(pictures)))

    def terms(self, pictures: Tensor, found: Sequence[Tensor]) -> Terms:
        """The same with maps that are already there, none without a network."""
        terms = {f"{self.name}pixels": F.mse_loss(pictures * self.mask, self.target)}
        if self.network is not None:
            painted = [each * mask for each, mask in zip(found, self.masks, strict=True)]
            terms[f"{self.name}features"] = _sum_of_errors(painted, self.maps)
        return terms


class CrossoverLoss:
    """The source under the mask and the base under the rest of it.

    Args:
        network: VGG-16; None for the pixels alone.
        base: `[1, 3, R, R]` in [0, 1].
        source: the same shape.
        mask: `[1, 1, R, R]`, 1 = as the source.
    """

    def __init__(self, network: LayeredExtractor | None, base: Tensor, source: Tensor, mask: Tensor) -> None:
        self.network = network
        self.parts = MaskedLoss(network, source, mask, "source "), MaskedLoss(network, base, 1 - mask, "base ")

    def __call__(self, pictures: Tensor) -> Terms:
        """Terms "source pixels", "source features", "base pixels" and "base features" of painted pictures `[1, 3, R, R]`."""
        maps = [] if self.network is None else editor_maps(self.network, shrink_by_halves(pictures))
        return {name: each for part in self.parts for name, each in part.terms(pictures, maps).items()}


class ExchangeLoss:
    """Content of one picture, by all four maps, and style of another, by the products of the last one's channels.

    Args:
        network: VGG-16.
        content: `[1, 3, R, R]` in [0, 1].
        style: the same shape.
    """

    def __init__(self, network: LayeredExtractor, content: Tensor, style: Tensor) -> None:
        self.network = network
        self.maps = _maps(network, shrink_by_halves(content))
        self.gram = masked_gram(_maps(network, shrink_by_halves(style))[-1])

    def __call__(self, pictures: Tensor) -> Terms:
        """Terms "content" and "style" of painted pictures `[1, 3, R, R]`."""
        painted = editor_maps(self.network, shrink_by_halves(pictures))
        style = F.mse_loss(masked_gram(painted[-1]), self.gram)
        return {"content": _sum_of_errors(painted, self.maps), "style": style}


class MaskedStyle:
    """Style of one picture's area for an area of the painted one; both may have any size and place.

    Args:
        network: VGG-16.
        style: `[1, 3, R, R]` in [0, 1].
        style_mask: `[1, 1, R, R]`, 1 where the style is taken from.
        mask: `[1, 1, R, R]`, 1 where it is wanted.
    """

    def __init__(self, network: LayeredExtractor, style: Tensor, style_mask: Tensor, mask: Tensor) -> None:
        self.network = network
        wanted = _maps(network, shrink_by_halves(style))[-1]
        self.gram = masked_gram(wanted, halved_to(style_mask, wanted.shape[-1]))
        self.mask = halved_to(mask, wanted.shape[-1])

    def __call__(self, pictures: Tensor) -> Terms:
        """The term "style" of painted pictures `[1, 3, R, R]`."""
        painted = editor_maps(self.network, shrink_by_halves(pictures))[-1]
        return {"style": F.mse_loss(masked_gram(painted, self.mask), self.gram)}


def masked_gram(maps: Tensor, mask: Tensor | None = None) -> Tensor:
    """Products of the channels of a map with each other, per pixel of the mask and per channel.

    Args:
        maps: `[1, c, h, w]`.
        mask: `[1, 1, h, w]`; all when left out.

    Returns:
        `[c, c]`; zeros under an empty mask.
    """
    mask = torch.ones_like(maps[:, :1]) if mask is None else mask.to(maps)
    rows = (maps * mask)[0].flatten(1)
    area = mask.square().sum().clamp(min=torch.finfo(maps.dtype).tiny)
    return rows @ rows.T / (len(rows) * area)


@torch.no_grad()
def _maps(network: LayeredExtractor | None, pictures: Tensor) -> list[Tensor]:
    return [] if network is None else editor_maps(network, pictures)


def _sum_of_errors(painted: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    return torch.stack([F.mse_loss(a, b) for a, b in zip(painted, wanted, strict=True)]).sum()
