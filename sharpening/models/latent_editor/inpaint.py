"""Inpainting: a face that fits what is known, so that the generator paints what is not."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from sharpening.errors import RangeError
from sharpening.models.latent_editor.embed import LR
from sharpening.models.latent_editor.features import Features, usable
from sharpening.models.latent_editor.losses import MaskedLoss
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

__all__ = ["INPAINT_STEPS", "inpaint", "inpaint_steps"]

INPAINT_STEPS = 1500


def inpaint(
    gan: StyleGan,
    picture: Tensor,
    hole: Tensor,
    *,
    features: Features = None,
    steps: int = INPAINT_STEPS,
    lr: float = LR,
    start: Start = "mean",
    noise_steps: int = 0,
    noise_lr: float = NOISE_LR,
    generator: torch.Generator | None = None,
) -> Embedded:
    """Find a code by what lies around a hole; what lies in it is not looked at.

    Args:
        gan: the generator.
        picture: `[3, R, R]`, RGB in [0, 1].
        hole: `[1, R, R]` in [0, 1], 1 = unknown; not everywhere.
        features: VGG-16; None loads the one called `vgg16`, "pixels" leaves the term out.
        steps: number of changes; many make the known part better and the hole less of a face.
        lr: Adam's rate.
        start: as for `embed`; the mean puts a face into the hole from the beginning.
        noise_steps: changes of the noise after that, for what is known only.
        noise_lr: Adam's rate for the noise.
        generator: as for `embed`.

    Returns:
        The best, wholly painted: `imaging.mask.mix(picture, found.picture, hole)` puts the hole's content into the picture.

    Raises:
        ShapeError, RangeError: picture or mask do not fit the generator, nothing is known, or impossible settings.
        WeightsMissing: `features` is None and there is no `vgg16`.

    Source: Abdal et al. 2020, arXiv:1911.11544.
    """
    return finish(
        inpaint_steps(
            gan,
            picture,
            hole,
            features=features,
            steps=steps,
            lr=lr,
            start=start,
            generator=generator,
            noise_steps=noise_steps,
            noise_lr=noise_lr,
        )
    )


def inpaint_steps(
    gan: StyleGan,
    picture: Tensor,
    hole: Tensor,
    *,
    features: Features = None,
    steps: int = INPAINT_STEPS,
    lr: float = LR,
    start: Start = "mean",
    noise_steps: int = 0,
    noise_lr: float = NOISE_LR,
    generator: torch.Generator | None = None,
) -> Iterator[LatentStep]:
    """The same step by step; arguments and errors as `inpaint`."""
    known = 1 - check_mask_of(gan, hole, "hole")
    if not bool(known.any()):
        raise RangeError("hole", "all of the picture", "a part of it")
    # What is in the hole must not reach the maps around it either.
    target = check_picture_of(gan, picture)
    code = start_code(gan, start, generator=generator)
    loss = MaskedLoss(usable(features, target), target * known, known)
    states = optimise(gan, code, lambda code: loss(paint(gan, code) * known), steps=steps, lr=lr)
    return then_noise(gan, states, picture, mask=1 - hole, steps=noise_steps, lr=noise_lr)
