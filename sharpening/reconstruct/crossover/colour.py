"""The colour-matched cross-over: the source in the base's light, then softly."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import RangeError
from sharpening.imaging.mask import mix
from sharpening.reconstruct.crossover.inputs import check_inputs
from sharpening.reconstruct.crossover.parts import Part, grown, parts_of
from sharpening.reconstruct.crossover.soft import GROW, SOFTNESS, soft_part

__all__ = ["Light", "colour", "match_light"]

Array = NDArray[np.float32]

_RING = 0.75  # width of the ring round a part, as a share of its radius
_LEAST_RING = 3.0  # px
_GAINS = (0.75, 1.33)
_LARGEST_OFFSET = 0.2
_FLAT = 0.03  # spread of the source's colours below which the ring says nothing of the gain
_ROUNDS = 5
_LARGEST_RADIUS = 24  # px


class Light(NamedTuple):
    """How the source's colours become the base's: `gain · (colour - centre) + centre + offset`, each float32 `[3]`."""

    gain: Array
    offset: Array
    centre: Array

    def apply(self, picture: Tensor) -> Tensor:
        """`picture` `[3, H, W]` in the other light; not clamped."""
        gain, offset, centre = (torch.from_numpy(x).to(picture)[:, None, None] for x in self)
        return gain * (picture - centre) + centre + offset


def colour(base: Tensor, source: Tensor, mask: Tensor, *, softness: float = SOFTNESS, grow: float = GROW) -> Tensor:
    """Bring each part of the source to the base's colours, then put it in softly.

    Args:
        base: `[3, H, W]`, RGB in [0, 1].
        source: the same shape, lying on the base; it must be right around the mask too.
        mask: `[1, H, W]` in [0, 1], 1 = take from the source.
        softness: see `soft_mask`.
        grow: see `soft_mask`.

    Returns:
        `[3, H, W]` in [0, 1].

    Raises:
        ShapeError, RangeError: see `check_inputs`.

    Source: ours; gain and offset of each channel, as in Reinhard et al., "Color transfer between images", 2001,
        doi:10.1109/38.946629, but from a ring round the part and robustly.
    """
    check_inputs(base, source, mask)
    if min(softness, grow) < 0:
        raise RangeError("softness, grow", (softness, grow), "0 or more")
    made = base.clone()
    for part in parts_of(mask):
        lit = match_light(base, source, part).apply(source).clamp(0, 1)
        made = mix(made, lit, torch.from_numpy(soft_part(part, softness, grow))[None].to(base))
    return made


def match_light(base: Tensor, source: Tensor, part: Part) -> Light:
    """Estimate the light of the base against that of the source, in a ring round a part.

    Both are smoothed first, without looking into the part: neither its damage nor a small misplacement of the source counts. Pixels that
    fit badly (hair that moved, background) lose their say. Gain 1 where the ring is flat.

    Args:
        base: `[3, H, W]` in [0, 1].
        source: the same shape.
        part: of the mask.

    Returns:
        Gain, offset and centre of each channel; nothing changes where the part leaves no ring.
    """
    width = max(_LEAST_RING, _RING * part.radius)
    window = part.window(2 * width)
    shape = part.shape[window]
    ring = (grown(shape, width) > 0.5) & ~shape
    if not ring.any():
        zeros = np.zeros(3, np.float32)
        return Light(zeros + 1, zeros, zeros)
    # Only light is looked for, so large parts are looked at small.
    factor = max(1.0, part.radius / _LARGEST_RADIUS)
    outside = _shrunk((~shape).astype(np.float32), factor)
    weights: Array = np.maximum(cv2.GaussianBlur(outside, (0, 0), width / 3 / factor), 1e-6)[..., None].astype(np.float32)
    wanted, given = (_smoothed(picture[(slice(None), *window)], shape, width / 3, factor) / weights for picture in (base, source))
    where = (_shrunk(ring.astype(np.float32), factor) >= 0.5) & (outside > 0.5)
    where = where if where.any() else outside == outside.max()
    return _fit(wanted[where], given[where])


def _smoothed(seen: Tensor, shape: NDArray[np.bool_], sigma: float, factor: float) -> Array:
    pixels = seen.detach().cpu().float().movedim(0, -1).numpy() * ~shape[..., None]
    return np.asarray(cv2.GaussianBlur(_shrunk(pixels, factor), (0, 0), sigma / factor), np.float32)


def _shrunk(pixels: Array, factor: float) -> Array:
    if factor <= 1:
        return np.ascontiguousarray(pixels)
    size = [max(1, round(side / factor)) for side in pixels.shape[:2]]
    return np.asarray(cv2.resize(pixels, (size[1], size[0]), interpolation=cv2.INTER_AREA), np.float32)


def _fit(wanted: Array, given: Array) -> Light:
    """Gain and offset of each channel from pixels `[n, 3]`, by least squares with Huber's weights."""
    weights = np.ones((len(wanted), 1), np.float32)
    for _ in range(_ROUNDS):
        total = weights.sum()
        centre, goal = ((weights * x).sum(axis=0) / total for x in (given, wanted))
        spread = (weights * (given - centre) ** 2).sum(axis=0) / total
        joint = (weights * (given - centre) * (wanted - goal)).sum(axis=0) / total
        gain = np.clip((joint + _FLAT**2) / (spread + _FLAT**2), *_GAINS)
        misfit = np.abs(wanted - goal - gain * (given - centre)).mean(axis=1, keepdims=True)
        usual = 1.5 * np.median(misfit) + 1e-3
        weights = np.minimum(1, usual / np.maximum(misfit, 1e-6)).astype(np.float32)
    offset = np.clip(goal - centre, -_LARGEST_OFFSET, _LARGEST_OFFSET)
    return Light(*(np.asarray(x, np.float32) for x in (gain, offset, centre)))
