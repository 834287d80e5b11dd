"""Noise as a second space: after the styles, the noise maps are changed until the finest detail fits too (Image2StyleGAN++).

One after the other, never both at once: together they are unstable, as the paper says, since the noise takes over what the styles should
hold.

Source: Abdal et al., "Image2StyleGAN++: How to edit the embedded images?", CVPR 2020, arXiv:1911.11544.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from sharpening.errors import RangeError
from sharpening.models.latent_editor.embed import LR, embed_steps
from sharpening.models.latent_editor.features import Features
from sharpening.models.latent_editor.losses import Terms
from sharpening.models.latent_editor.optimise import (
    Code,
    Embedded,
    LatentStep,
    Start,
    check_mask_of,
    check_picture_of,
    finish,
    optimise,
    paint,
)
from sharpening.models.stylegan import StyleGan

__all__ = ["NOISE_LR", "STAGE_STEPS", "embed_plus", "embed_plus_steps", "refine_noise", "refine_noise_steps", "then_noise"]

NOISE_LR = 5.0
STAGE_STEPS = 1500
"""Steps for the styles, and again for the noise."""


def refine_noise(
    gan: StyleGan,
    code: Code,
    picture: Tensor,
    *,
    mask: Tensor | None = None,
    outside: Tensor | None = None,
    steps: int = STAGE_STEPS,
    lr: float = NOISE_LR,
) -> Embedded:
    """Change the noise of a code so that the picture comes closer, pixel by pixel; the styles stay.

    Args:
        gan: the generator.
        code: styles and noise to begin with; `Embedded.code`.
        picture: `[3, R, R]` in [0, 1], wanted inside the mask.
        mask: `[1, R, R]` in [0, 1]; all when left out.
        outside: `[3, R, R]`, wanted where the mask is 0; nothing is asked for there when left out.
        steps: number of changes.
        lr: Adam's rate; large, since a map's every pixel is a number of its own.

    Returns:
        The best; `loss` is the masked mean squared error.

    Raises:
        ShapeError, RangeError: pictures or mask do not fit the generator.
    """
    return finish(refine_noise_steps(gan, code, picture, mask=mask, outside=outside, steps=steps, lr=lr))


def refine_noise_steps(
    gan: StyleGan,
    code: Code,
    picture: Tensor,
    *,
    mask: Tensor | None = None,
    outside: Tensor | None = None,
    steps: int = STAGE_STEPS,
    lr: float = NOISE_LR,
) -> Iterator[LatentStep]:
    """The same step by step; arguments and errors as `refine_noise`."""
    inner = check_picture_of(gan, picture)
    outer = None if outside is None else check_picture_of(gan, outside, "outside")
    shape = torch.ones_like(inner[:, :1]) if mask is None else check_mask_of(gan, mask)

    def measure(code: Code) -> Terms:
        painted = paint(gan, code)
        terms = {"pixels": F.mse_loss(shape * painted, shape * inner)}
        if outer is not None:
            terms["outside"] = F.mse_loss((1 - shape) * painted, (1 - shape) * outer)
        return terms

    return optimise(gan, code, measure, steps=steps, lr=lr, along="noise")


def embed_plus(
    gan: StyleGan,
    picture: Tensor,
    *,
    features: Features = None,
    steps: int = STAGE_STEPS,
    lr: float = LR,
    noise_steps: int = STAGE_STEPS,
    noise_lr: float = NOISE_LR,
    start: Start = "mean",
    generator: torch.Generator | None = None,
) -> Embedded:
    """Find the styles of a picture, then its noise: far closer than the styles alone, and less good to edit.

    Args:
        gan: the generator.
        picture: `[3, R, R]`, RGB in [0, 1].
        features: as for `embed`.
        steps: changes of the styles.
        lr: of the styles.
        noise_steps: changes of the noise after them.
        noise_lr: of the noise.
        start: as for `embed`.
        generator: as for `embed`.

    Returns:
        The best of the second loop; `loss` is its mean squared error.

    Raises:
        ShapeError, RangeError, WeightsMissing: as `embed`.
    """
    states = embed_plus_steps(
        gan,
        picture,
        features=features,
        steps=steps,
        lr=lr,
        start=start,
        generator=generator,
        noise_steps=noise_steps,
        noise_lr=noise_lr,
    )
    return finish(states)


def embed_plus_steps(
    gan: StyleGan,
    picture: Tensor,
    *,
    features: Features = None,
    steps: int = STAGE_STEPS,
    lr: float = LR,
    noise_steps: int = STAGE_STEPS,
    noise_lr: float = NOISE_LR,
    start: Start = "mean",
    generator: torch.Generator | None = None,
) -> Iterator[LatentStep]:
    """The same step by step, first states of the stage "w+", then of "noise"; arguments and errors as `embed_plus`."""
    states = embed_steps(gan, picture, features=features, steps=steps, lr=lr, start=start, generator=generator)
    return then_noise(gan, states, picture, steps=noise_steps, lr=noise_lr)


def then_noise(
    gan: StyleGan,
    states: Iterator[LatentStep],
    picture: Tensor,
    *,
    mask: Tensor | None = None,
    outside: Tensor | None = None,
    steps: int = STAGE_STEPS,
    lr: float = NOISE_LR,
) -> Iterator[LatentStep]:
    """Let the noise follow on a loop over styles, beginning with the best of it; arguments as `refine_noise`.

    Args:
        gan: the generator.
        states: of the first loop.
        picture: wanted inside the mask.
        mask: where.
        outside: wanted outside.
        steps: changes of the noise; for 0 there is no second loop.
        lr: of the noise.

    Returns:
        An iterator of both loops' states.

    Raises:
        RangeError: for impossible settings.
    """
    if steps < 0 or not lr > 0:
        raise RangeError("noise_steps, noise_lr", (steps, lr), "0 or more steps, and a rate above 0")

    def follow(best: LatentStep | None = None) -> Iterator[LatentStep]:
        for state in states:
            best = state if best is None or state.loss < best.loss else best
            yield state
        if steps and best is not None:
            code = Code(best.w_plus, best.noise)
            yield from refine_noise_steps(gan, code, picture, mask=mask, outside=outside, steps=steps, lr=lr)

    return follow()
