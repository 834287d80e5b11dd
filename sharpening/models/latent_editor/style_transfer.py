"""Local style transfer: an area of an embedded face takes the style of an area of another picture."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from sharpening.errors import RangeError
from sharpening.models.latent_editor.embed import LR
from sharpening.models.latent_editor.features import Features, usable
from sharpening.models.latent_editor.losses import MaskedLoss, MaskedStyle, Terms
from sharpening.models.latent_editor.optimise import (
    Code,
    Embedded,
    LatentStep,
    check_mask_of,
    check_picture_of,
    finish,
    optimise,
    paint,
)
from sharpening.models.stylegan import StyleGan

__all__ = ["TRANSFER_STEPS", "style_transfer", "style_transfer_steps"]

TRANSFER_STEPS = 500


def style_transfer(
    gan: StyleGan,
    code: Code,
    style: Tensor,
    mask: Tensor,
    *,
    style_mask: Tensor | None = None,
    strength: float = 1.0,
    features: Features = None,
    steps: int = TRANSFER_STEPS,
    lr: float = LR,
) -> Embedded:
    """Move a code until an area has another picture's style; outside of the area the face shall stay what it was.

    Style is how much of each feature of VGG-16's conv4_2 goes with each other, in the area, wherever there.

    Args:
        gan: the generator.
        code: of the face before; `Embedded.code`.
        style: `[3, R, R]`, RGB in [0, 1].
        mask: `[1, R, R]` in [0, 1], 1 where the face takes the style.
        style_mask: the same shape, 1 where the style lies in its picture; `mask` when left out.
        strength: factor of the style.
        features: VGG-16; None loads the one called `vgg16`.
        steps: number of changes.
        lr: Adam's rate.

    Returns:
        The best.

    Raises:
        ShapeError, RangeError: picture or masks do not fit the generator, features that are "pixels", or impossible settings.
        WeightsMissing: `features` is None and there is no `vgg16`.

    Source: after Abdal et al. 2020, arXiv:1911.11544; map and Gram matrix are those of the StyleGAN editor's exchange.
    """
    return finish(
        style_transfer_steps(
            gan, code, style, mask, steps=steps, lr=lr, style_mask=style_mask, strength=strength, features=features
        )
    )


def style_transfer_steps(
    gan: StyleGan,
    code: Code,
    style: Tensor,
    mask: Tensor,
    *,
    style_mask: Tensor | None = None,
    strength: float = 1.0,
    features: Features = None,
    steps: int = TRANSFER_STEPS,
    lr: float = LR,
) -> Iterator[LatentStep]:
    """The same step by step; arguments and errors as `style_transfer`."""
    if not strength >= 0:
        raise RangeError("strength", strength, "0 or more")
    taken, area = check_picture_of(gan, style, "style"), check_mask_of(gan, mask)
    area_there = area if style_mask is None else check_mask_of(gan, style_mask, "style_mask")
    network = usable(features, taken)
    if network is None:
        raise RangeError("features", '"pixels"', "a VGG-16", "A style is nothing that pixels alone have.")
    with torch.no_grad():
        before = paint(gan, code)
    kept, styled = MaskedLoss(network, before, 1 - area), MaskedStyle(network, taken, area_there, area)

    def measure(code: Code) -> Terms:
        painted = paint(gan, code)
        return {**kept(painted), "style": strength * styled(painted)["style"]}

    return optimise(gan, code, measure, steps=steps, lr=lr)
