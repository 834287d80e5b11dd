"""Protocols that change the frames beside the middle: other people, occluders, more or fewer of them, less motion.

The middle frame is that of the protocol "stills" to the last bit, so what a method makes of it alone is the same under all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np

from sharpening.errors import InputError
from sharpening.evaluation.sample import N_FRAMES, Sample, Still, stills
from sharpening.frames.degrade import DegradeParams, FrameParams, Region, apply, draw, settings
from sharpening.frames.layouts import SharedData

__all__ = ["COUNTS", "MOTIONS", "N_COUNTED", "counted", "less_motion", "occluder_others", "person_others"]

COUNTS = (1, 3, 5, 7, 15, 30)
"""Numbers of frames that are compared."""
MOTIONS = (0, 25, 50)
"""Amplitudes of motion that are compared with that of "stills" [percent of it]."""
N_COUNTED = 200
"""Stills of the protocols "n-1" … "n-30" and "motion-0" … "motion-50"."""

_PRESET = "stills"
_OCCLUDER, _MORE = 1, 2  # of the dice of a still: what is drawn beside the damage of the protocol "stills"
# A disc as wide as this covers half of the frame, and the face with it.
_WIDTH = (0.78, 0.88)
_CENTRE = (0.38, 0.62)


def person_others(data: SharedData, seed: int, split: str) -> Iterator[Sample]:
    """As "stills", but the six other frames show the next other person, moved and damaged as the right one would be.

    Args:
        data: Where the stills lie.
        seed: Of the protocol.
        split: As in splits.csv.

    Raises:
        InputError: The split shows one person alone.
    """
    found = list(stills(data, seed, split))
    for i, still in enumerate(found):
        # Round the corner: after the last still comes the first.
        stranger = next((other for other in found[i + 1 :] + found[:i] if other.person != still.person), None)
        if stranger is None:
            raise InputError(data.root, f"shows one person in the split '{split}'.", "The protocol needs another one too.")
        yield _with_stranger(still, stranger)


def occluder_others(data: SharedData, seed: int, split: str) -> Iterator[Sample]:
    """As "stills", but about half of each other frame is covered by a disc of one colour, another colour and place in each.

    Args:
        data: Where the stills lie.
        seed: Of the protocol.
        split: As in splits.csv.
    """
    for still in stills(data, seed, split):
        rng = np.random.default_rng([*still.dice, _OCCLUDER])
        drawn = still.damage(_PRESET)
        # Drawn for the middle too, so that the dice of one frame do not depend on another.
        covered = tuple(replace(frame, regions=(*frame.regions, _occluder(rng))) for frame in drawn.frames)
        yield _made(still, _others(drawn, covered), "occluder-others")


def counted(data: SharedData, seed: int, split: str, *, n: int) -> Iterator[Sample]:
    """The first stills with n frames: nearer ones first, so that each number has all frames of the smaller ones and more.

    Seven are those of the protocol "stills".

    Args:
        data: Where the stills lie.
        seed: Of the protocol.
        split: As in splits.csv.
        n: Number of frames, at most 30.
    """
    for still in islice(stills(data, seed, split), N_COUNTED):
        whole = _long(still)
        start = len(whole.frames) // 2 - n // 2
        yield _made(still, replace(whole, frames=whole.frames[start : start + n]), f"n-{n}")


def less_motion(data: SharedData, seed: int, split: str, *, percent: int) -> Iterator[Sample]:
    """The first of "stills" with a share of the motion: frames that do not move show the same grid of pixels again.

    Args:
        data: Where the stills lie.
        seed: Of the protocol.
        split: As in splits.csv.
        percent: Of the drawn rotation, zoom and shift.
    """
    share = percent / 100
    for still in islice(stills(data, seed, split), N_COUNTED):
        drawn = still.damage(_PRESET)
        yield _made(still, replace(drawn, frames=tuple(_moved_less(frame, share) for frame in drawn.frames)), f"motion-{percent}")


def _moved_less(frame: FrameParams, share: float) -> FrameParams:
    zoom = 1 + share * (frame.zoom - 1)
    return replace(frame, angle=share * frame.angle, zoom=zoom, dx=share * frame.dx, dy=share * frame.dy)


def _with_stranger(still: Still, stranger: Still) -> Sample:
    drawn = still.damage(_PRESET)
    strangers = tuple(replace(frame, garbage="other") for frame in drawn.frames)
    made = apply(still.picture, _others(drawn, strangers), other=stranger.picture)
    return Sample(still.name, "person-others", still.person, made.frames, made.label)


def _others(drawn: DegradeParams, frames: tuple[FrameParams, ...]) -> DegradeParams:
    """These frames, but the middle as it was drawn."""
    n = len(drawn.frames)
    return replace(drawn, frames=(*frames[: n // 2], drawn.frames[n // 2], *frames[n // 2 + 1 :]))


def _occluder(rng: np.random.Generator) -> Region:
    x, y = rng.uniform(*_CENTRE, 2)
    red, green, blue = (int(c) for c in rng.integers(0, 256, 3))
    return Region("occluder", float(x), float(y), rng.uniform(*_WIDTH), colour=(red, green, blue))


def _long(still: Still) -> DegradeParams:
    """The damage of the longest sequence; the seven frames of "stills" lie round its middle."""
    drawn, longest = still.damage(_PRESET), max(COUNTS)
    more = draw(np.random.default_rng([*still.dice, _MORE]), settings(_PRESET), n_frames=longest - N_FRAMES + 1).frames
    more = more[: len(more) // 2] + more[len(more) // 2 + 1 :]  # less its own middle, which does not move
    before = longest // 2 - N_FRAMES // 2
    return replace(drawn, frames=(*more[:before], *drawn.frames, *more[before:]))


def _made(still: Still, params: DegradeParams, protocol: str) -> Sample:
    made = apply(still.picture, params)
    return Sample(still.name, protocol, still.person, made.frames, made.label)
