"""Scribbles: colours that a user painted over an embedded face become a change of the face."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor
from torch.nn import functional as F

from sharpening.errors import RangeError
from sharpening.models.latent_editor.embed import LR
from sharpening.models.latent_editor.losses import MaskedLoss, Terms
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

__all__ = ["HOLD", "SCRIBBLE_STEPS", "scribble", "scribble_steps"]

SCRIBBLE_STEPS = 500
HOLD = 0.01
"""Weight of the mean squared distance from the code that the face had."""


def scribble(
    gan: StyleGan,
    code: Code,
    scribbled: Tensor,
    mask: Tensor,
    *,
    hold: float = HOLD,
    steps: int = SCRIBBLE_STEPS,
    lr: float = LR,
) -> Embedded:
    """Move a code until its picture has the scribble's colours, and stay near the code.

    Only pixels are compared: a scribble's own look, flat and with hard edges, is not what the face shall have, so no maps are asked.

    Args:
        gan: the generator.
        code: of the face before; `Embedded.code`.
        scribbled: `[3, R, R]`, RGB in [0, 1], the picture with the scribble.
        mask: `[1, R, R]` in [0, 1], 1 where the scribble is.
        hold: how strongly the code stays; 0 lets it go anywhere.
        steps: number of changes.
        lr: Adam's rate.

    Returns:
        The best.

    Raises:
        ShapeError, RangeError: picture or mask do not fit the generator, a negative `hold`, or impossible settings.

    Source: after Abdal et al. 2020, arXiv:1911.11544; the weight is our own.
    """
    return finish(scribble_steps(gan, code, scribbled, mask, hold=hold, steps=steps, lr=lr))


def scribble_steps(
    gan: StyleGan,
    code: Code,
    scribbled: Tensor,
    mask: Tensor,
    *,
    hold: float = HOLD,
    steps: int = SCRIBBLE_STEPS,
    lr: float = LR,
) -> Iterator[LatentStep]:
    """The same step by step; arguments and errors as `scribble`."""
    if not hold >= 0:
        raise RangeError("hold", hold, "0 or more")
    loss = MaskedLoss(None, check_picture_of(gan, scribbled, "scribbled"), check_mask_of(gan, mask))
    before = code.w_plus.detach()

    def measure(code: Code) -> Terms:
        return {**loss(paint(gan, code)), "hold": hold * F.mse_loss(code.w_plus, before)}

    return optimise(gan, code, measure, steps=steps, lr=lr)
