"""The four maps of VGG-16 that the StyleGAN editor compares pictures by, and how pictures are brought to the side of its input.

As published, the pictures go in as they are, in [0, 1], although the network learned from normalised ones.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from sharpening.errors import RangeError, WeightsMissing
from sharpening.models.basic_blocks.layered import LayeredExtractor
from sharpening.models.face_id.vgg import Vgg16Extractor, vgg16_extractor
from sharpening.weights.store import find

__all__ = ["LAYERS", "SIDE", "Features", "editor_maps", "halved_to", "load_features", "shrink_by_halves", "shrink_once", "usable"]

LAYERS = ("relu1_1", "relu1_2", "relu3_2", "relu4_2")
"""The maps, from the finest."""

SIDE = 256
"""Largest side of the pictures that the network sees [px]."""

Features = LayeredExtractor | Literal["pixels"] | None
"""What pictures are compared by beside their pixels: a VGG-16; `"pixels"` for nothing; None for the one called `vgg16`."""

_NAME = "vgg16"
_ADVICE = (
    "Get torchvision's download.pytorch.org/models/vgg16-397923af.pth, then: sharpening weights import FILE --as vgg16. "
    'Or say that pixels alone shall count: features="pixels" (--pixels); faces are then found less well.'
)
_SMALLEST = 8  # px: three poolings lie before the last map


def load_features(weights: str | Path | None = None, *, pretrained: str | Path | None = None) -> Vgg16Extractor:
    """The frozen VGG-16.

    Args:
        weights: name or path; `vgg16` when left out.
        pretrained: folder to search names in first.

    Raises:
        WeightsMissing: it is nowhere; the message says where to get it.
        WeightsMismatch: the file is no VGG-16.
    """
    try:
        path = find(_NAME if weights is None else weights, pretrained)
    except WeightsMissing as error:
        raise WeightsMissing(error.name, error.searched, f"The StyleGAN editor compares pictures by VGG-16. {_ADVICE}") from error
    return vgg16_extractor(path)


def usable(features: Features, like: Tensor) -> LayeredExtractor | None:
    """The network that was asked for, or None for pixels alone.

    Args:
        features: a network, which stays where it is; None loads `vgg16` onto the device of `like`; or "pixels".
        like: a tensor of the generator.

    Raises:
        RangeError: for another word, or a network without the four maps.
        WeightsMissing: there is no `vgg16`.
    """
    if features is None:
        return load_features().to(like.device)
    if isinstance(features, LayeredExtractor):
        if lacking := [name for name in LAYERS if name not in features.layers]:
            raise RangeError("features", f"a network without {', '.join(lacking)}", "a VGG-16", "`load_features` gives it.")
        return features
    if features != "pixels":
        raise RangeError("features", repr(features), 'a VGG-16 (`load_features`), None for the one called vgg16, or "pixels"')
    return None


def editor_maps(network: LayeredExtractor, pictures: Tensor) -> list[Tensor]:
    """The four maps of pictures, without any normalisation before.

    Args:
        network: a VGG-16.
        pictures: `[bs, 3, S, S]`, RGB in [0, 1], S from 8 px.

    Returns:
        `[bs, c, s, s]` for s = S, S, S/4, S/8.

    Raises:
        RangeError: for smaller pictures.

    Source: Abdal et al., "Image2StyleGAN: How to embed images into the StyleGAN latent space?", ICCV 2019, arXiv:1904.03189.
    """
    if min(pictures.shape[-2:]) < _SMALLEST:
        wanted = f"at least {_SMALLEST} px a side"
        raise RangeError("pictures for VGG-16", list(pictures.shape[-2:]), wanted, 'A smaller generator is compared by "pixels".')
    places = [network.layers[name] for name in LAYERS]
    found: dict[int, Tensor] = {}
    x = pictures.to(next(network.parameters()).dtype)
    for place, module in enumerate(network.body[: max(places) + 1]):
        x = module(x)
        found[place] = x
    return [found[place] for place in places]


def shrink_once(pictures: Tensor, side: int = SIDE) -> Tensor:
    """Bring square pictures to a side in one bilinear step without filter, as the embedding does; smaller ones stay.

    From 1024 to 256 px that is the mean of the central 2×2 of every 4×4.

    Args:
        pictures: `[bs, c, S, S]`.
        side: wanted [px].
    """
    if pictures.shape[-1] <= side:
        return pictures
    return F.interpolate(pictures, size=(side, side), mode="bilinear", align_corners=False)


def shrink_by_halves(pictures: Tensor, side: int = SIDE) -> Tensor:
    """The same by halving, as cross-over and exchange do: from 1024 to 256 px the mean of every whole 4×4; smaller ones stay."""
    return halved_to(pictures, side) if pictures.shape[-1] > side else pictures


def halved_to(pictures: Tensor, side: int) -> Tensor:
    """Halve square maps until they have a side.

    Args:
        pictures: `[bs, c, S, S]`, S = `side` · 2^k.
        side: wanted [px].

    Raises:
        RangeError: halving does not lead there.
    """
    steps = math.log2(pictures.shape[-1] / side)
    if steps < 0 or not steps.is_integer():
        raise RangeError("side", side, f"{pictures.shape[-1]} px or a half, a quarter … of it")
    for _ in range(int(steps)):
        pictures = F.interpolate(pictures, scale_factor=0.5, mode="bilinear", align_corners=False)
    return pictures
