"""The gradient-domain cross-over: the source's steps between neighbours, the base's colours at the border (Poisson editing).

OpenCV's `seamlessClone` is not used: it rounds to 8 bits and moves the source to the centre of the mask's box, by half a pixel or one where
the box has an even side; here the source lies where the transfer has put it.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import RangeError
from sharpening.reconstruct.crossover.inputs import check_inputs
from sharpening.reconstruct.crossover.parts import grown, parts_of
from sharpening.reconstruct.crossover.poisson import Steps, solve

__all__ = ["gradient"]

GROW = 0.1
"""Padding of each part, as a share of its radius: the border, where colours come from the base, should lie outside the damage."""


def gradient(base: Tensor, source: Tensor, mask: Tensor, *, mixed: bool = False, grow: float = GROW) -> Tensor:
    """Put the source's gradients into the base.

    Args:
        base: `[3, H, W]`, RGB in [0, 1].
        source: the same shape, lying on the base.
        mask: `[1, H, W]` in [0, 1], 1 = take from the source; values from 0.5 count as 1. One that fills the picture leaves nothing of
            the base to join on to, and gives the source itself.
        mixed: take the base's step where it is larger than the source's; keeps texture, but keeps a damaged base's edges too.
        grow: padding of each part, as a share of its radius.

    Returns:
        `[3, H, W]` in [0, 1]; the base itself outside the padded mask.

    Raises:
        ShapeError, RangeError: see `check_inputs`.

    Source: Pérez, Gangnet and Blake, "Poisson image editing", 2003, doi:10.1145/882262.882269.
    """
    check_inputs(base, source, mask)
    if grow < 0:
        raise RangeError("grow", grow, "0 or more")
    region = _region(mask, grow)
    if not region.any():
        return base.clone()
    if region.all():
        return source.clone()
    steps = Steps(region)
    below, above = (x.detach().cpu().double().flatten(1).T.numpy() for x in (base, source))
    made = below.copy()
    # Solved for what is added to the source: that is smooth, and 0 stays exactly 0.
    made[steps.inside] = above[steps.inside] + solve(steps, _right_side(steps, below, above, mixed))
    return torch.from_numpy(made.T.reshape(base.shape)).to(base).clamp(0, 1).where(torch.from_numpy(region), base)


def _region(mask: Tensor, grow: float) -> NDArray[np.bool_]:
    region = np.zeros(mask.shape[1:], bool)
    for part in parts_of(mask):
        window = part.window(grow * part.radius + 1)
        region[window] |= grown(part.shape[window], grow * part.radius) >= 0.5
    return region


def _right_side(steps: Steps, base: NDArray[np.float64], source: NDArray[np.float64], mixed: bool) -> NDArray[np.float64]:
    """Of the equation for what is added to the source: the pull of the border, and what mixed steps add to the source's own."""
    mine = steps.inside[steps.first]
    pull = np.where(steps.known[:, None], base[steps.second] - source[steps.second], 0.0)
    if mixed:
        own, other = source[mine] - source[steps.second], base[mine] - base[steps.second]
        stronger = (other**2).sum(axis=1) > (own**2).sum(axis=1)
        pull = pull + np.where(stronger[:, None], other - own, 0.0)
    return steps.sums(pull)
