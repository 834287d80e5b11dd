"""The table of finetuners, and how one is made ready."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from sharpening.errors import RangeError
from sharpening.reconstruct.view import check_picture
from sharpening.registry import Registry

__all__ = ["SingleFrame", "create_finetuner", "finetuners"]

SingleFrame = Callable[[Tensor], Tensor]
"""`f(picture [3, H, W]) -> [3, H2, W2]`, both in [0, 1]."""

# Behind each name stands what makes the finetuner: `build(weights, pretrained) -> SingleFrame`.
finetuners = Registry("finetuner")
finetuners.add("none", "sharpening.reconstruct.finetune.plain:build_none")
finetuners.add("unsharp-mask", "sharpening.reconstruct.finetune.plain:build_unsharp_mask")
finetuners.add("unet", "sharpening.reconstruct.finetune.unet:build_unet")
finetuners.add("spandrel", "sharpening.reconstruct.finetune.restorers:build_spandrel")
finetuners.add("psfr-gan", "sharpening.reconstruct.finetune.psfr_gan:build_psfr_gan")
finetuners.add("psfr-gan-square", "sharpening.reconstruct.finetune.psfr_gan:build_psfr_gan_square")
finetuners.add("pulse", "sharpening.reconstruct.finetune.pulse:build_pulse")
finetuners.add("pulse-square", "sharpening.reconstruct.finetune.pulse:build_pulse_square")

_WITHOUT_WEIGHTS = ("none", "unsharp-mask")


def create_finetuner(
    name: str, *, weights: str | Path | None = None, pretrained: str | Path | None = None, **settings: Any
) -> SingleFrame:
    """Make the finetuner called `name` ready.

    It only makes pictures; whether the person stayed the same is asked by `guard.guarded`.

    Args:
        name: one of `finetuners.names()`.
        weights: name or path of weights; of "spandrel" the path of a checkpoint.
        pretrained: folder to search weights in first.
        **settings: the method's own, as `steps` of "pulse"; see what builds it.

    Returns:
        A function of a picture `[3, H, W]`; it refuses what is none.

    Raises:
        KeyError: for an unknown name, with the nearest known ones.
        RangeError: for weights for a method without a network, or settings that it does not have.
        WeightsMissing: if the weights are nowhere, or the method needs some and none were named.
        WeightsMismatch: if they are of another kind.
    """
    build = finetuners.get(name)
    if name in _WITHOUT_WEIGHTS and weights is not None:
        raise RangeError(f"weights of finetuner '{name}'", weights, "none", "It has no network; leave the weights out.")
    known = [key for key, what in inspect.signature(build).parameters.items() if what.kind is what.KEYWORD_ONLY]
    if unknown := sorted(set(settings) - set(known)):
        raise RangeError(f"settings of finetuner '{name}'", ", ".join(unknown), f"some of {', '.join(known) or 'none'}")
    made: SingleFrame = build(weights, pretrained, **settings)

    def finetune(picture: Tensor) -> Tensor:
        check_picture(picture)
        return made(picture)

    return finetune
