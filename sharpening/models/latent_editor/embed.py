"""Embedding: find the styles from which a generator paints a given picture (Image2StyleGAN)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from sharpening.models.latent_editor.features import Features, usable
from sharpening.models.latent_editor.losses import EmbedLoss
from sharpening.models.latent_editor.optimise import (
    Embedded,
    LatentStep,
    Start,
    check_picture_of,
    finish,
    optimise,
    paint,
    start_code,
)
from sharpening.models.stylegan import StyleGan

__all__ = ["LR", "STEPS", "embed", "embed_steps"]

STEPS = 1000
LR = 0.01


def embed(
    gan: StyleGan,
    picture: Tensor,
    *,
    features: Features = None,
    steps: int = STEPS,
    lr: float = LR,
    start: Start = "zeros",
    generator: torch.Generator | None = None,
) -> Embedded:
    """Find the styles of a picture. The noise stays as it is.

    Args:
        gan: the generator.
        picture: `[3, R, R]`, RGB in [0, 1], R the generator's side; a face in the form that it learned, FFHQ's.
        features: VGG-16; None loads the one called `vgg16`, "pixels" leaves the term out.
        steps: number of changes; the script has 1000, the paper 5000.
        lr: Adam's rate.
        start: "zeros" as in the script, "mean" as in the paper for faces, "uniform" as there for all else, or a code.
        generator: dice for "uniform", and for the noise where the generator has none of its own; the same every time when left out.

    Returns:
        The best code, what is painted from it, its loss.

    Raises:
        ShapeError, RangeError: the picture does not fit the generator, or impossible settings.
        WeightsMissing: `features` is None and there is no `vgg16`.

    Source: Abdal et al. 2019, arXiv:1904.03189; losses, start and number of steps as in the StyleGAN editor that the thesis used.
    """
    return finish(embed_steps(gan, picture, features=features, steps=steps, lr=lr, start=start, generator=generator))


def embed_steps(
    gan: StyleGan,
    picture: Tensor,
    *,
    features: Features = None,
    steps: int = STEPS,
    lr: float = LR,
    start: Start = "zeros",
    generator: torch.Generator | None = None,
) -> Iterator[LatentStep]:
    """The same step by step; arguments and errors as `embed`, which are raised before the first step.

    Returns:
        An iterator of `steps` + 1 states; the caller may stop at any.
    """
    target = check_picture_of(gan, picture)
    code = start_code(gan, start, generator=generator)
    loss = EmbedLoss(usable(features, target), target)
    return optimise(gan, code, lambda code: loss(paint(gan, code)), steps=steps, lr=lr)
