"""Cross-over in latent space: one face that is like the source inside a mask and like the base outside of it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from sharpening.models.latent_editor.embed import LR
from sharpening.models.latent_editor.features import Features, usable
from sharpening.models.latent_editor.losses import CrossoverLoss
from sharpening.models.latent_editor.noise import NOISE_LR, then_noise
from sharpening.models.latent_editor.optimise import (
    Embedded,
    LatentStep,
    Start,
    check_mask_of,
    check_picture_of,
    finish,
    optimise,
    paint,
    start_code,
)
from sharpening.models.stylegan import StyleGan

__all__ = ["CROSSOVER_STEPS", "crossover", "crossover_steps"]

CROSSOVER_STEPS = 1500


def crossover(
    gan: StyleGan,
    base: Tensor,
    source: Tensor,
    mask: Tensor,
    *,
    features: Features = None,
    steps: int = CROSSOVER_STEPS,
    lr: float = LR,
    start: Start = "zeros",
    noise_steps: int = 0,
    noise_lr: float = NOISE_LR,
    generator: torch.Generator | None = None,
) -> Embedded:
    """Find one code whose picture is the source inside the mask and the base outside.

    Args:
        gan: the generator.
        base: `[3, R, R]`, RGB in [0, 1].
        source: the same shape, lying on the base.
        mask: `[1, R, R]` in [0, 1], 1 = take from the source; soft borders are wanted.
        features: VGG-16; None loads the one called `vgg16`, "pixels" leaves the term out.
        steps: number of changes.
        lr: Adam's rate.
        start: as for `embed`.
        noise_steps: changes of the noise after that, as Image2StyleGAN++ has them; none as published for Image2StyleGAN.
        noise_lr: Adam's rate for the noise.
        generator: as for `embed`.

    Returns:
        The best; the generator painted all of the picture, the outside too.

    Raises:
        ShapeError, RangeError: pictures or mask do not fit the generator, or impossible settings.
        WeightsMissing: `features` is None and there is no `vgg16`.

    Source: Abdal et al. 2019, arXiv:1904.03189, and 2020, arXiv:1911.11544; thesis section 2.3 for the mask.
    """
    states = crossover_steps(
        gan,
        base,
        source,
        mask,
        features=features,
        steps=steps,
        lr=lr,
        start=start,
        generator=generator,
        noise_steps=noise_steps,
        noise_lr=noise_lr,
    )
    return finish(states)


def crossover_steps(
    gan: StyleGan,
    base: Tensor,
    source: Tensor,
    mask: Tensor,
    *,
    features: Features = None,
    steps: int = CROSSOVER_STEPS,
    lr: float = LR,
    start: Start = "zeros",
    noise_steps: int = 0,
    noise_lr: float = NOISE_LR,
    generator: torch.Generator | None = None,
) -> Iterator[LatentStep]:
    """The same step by step; arguments and errors as `crossover`."""
    outer, inner = check_picture_of(gan, base, "base"), check_picture_of(gan, source, "source")
    shape = check_mask_of(gan, mask)
    code = start_code(gan, start, generator=generator)
    loss = CrossoverLoss(usable(features, outer), outer, inner, shape)
    states = optimise(gan, code, lambda code: loss(paint(gan, code)), steps=steps, lr=lr)
    return then_noise(gan, states, source, mask=mask, outside=base, steps=noise_steps, lr=noise_lr)
