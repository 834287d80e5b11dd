"""The thesis's questions to its nets (section 3.3.7) as sets of frames: the same persons, motion and compression, one thing changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import InputError
from sharpening.evaluation.protocols import Still, stills
from sharpening.frames.degrade import DegradeParams, FrameParams, apply, region_mask
from sharpening.frames.layouts import SharedData

__all__ = ["BLURRED", "COPIES", "FULL", "NOISE", "PERSON", "TITLES", "WHITE", "Scene", "scenes"]

FULL, COPIES, NOISE, PERSON = "all frames", "copies of the middle", "noise", "another person"
WHITE, BLURRED = "white middle", "blurred middle"
# Condition → title of a column in the picture. What stands alone is asked twice: with the other frames, and with copies of the middle.
TITLES: dict[str, str] = {
    FULL: "all frames",
    COPIES: "copies",
    NOISE: "noise",
    PERSON: "other person",
    WHITE: "white middle",
    f"{WHITE}, copies": "white, copies",
    BLURRED: "blurred middle",
    f"{BLURRED}, copies": "blurred, copies",
}
_PRESETS = {WHITE: "white", BLURRED: "damaged-middle"}


@dataclass(frozen=True)
class Scene:
    """One person under all conditions.

    Attributes:
        name: Code of the picture; persons are taken to be independent.
        frames: Of each condition, uint8 `[n, 32, 32, 3]`, RGB.
        label: uint8 `[128, 128, 3]`, RGB: the truth is the same under all conditions.
        damage: Of the conditions that damage the middle, bool `[128, 128]`: where.
    """

    name: str
    frames: Mapping[str, NDArray[np.uint8]]
    label: NDArray[np.uint8]
    damage: Mapping[str, NDArray[np.bool_]]


def scenes(data: str | Path, *, limit: int = 64, seed: int = 0, split: str = "valid") -> Iterator[Scene]:
    """The persons of the protocol "stills", under all conditions; "noise" is the protocol "noise-others" to the last pixel.

    Args:
        data: Folder in the form of `../shared/data`.
        limit: Only the first so many.
        seed: Of the protocol.
        split: As in splits.csv.

    Raises:
        InputError: if there are less than two persons.
    """
    people = list(islice(stills(SharedData(data), seed, split), limit + 1))
    if len(people) < 2:
        raise InputError(data, f"has one still in the split '{split}'.", "The probe needs another person too.")
    for i, still in enumerate(people[:limit]):
        yield _scene(still, people[(i + 1) % len(people)])


def _scene(still: Still, other: Still) -> Scene:
    drawn = still.damage("stills")
    middle = len(drawn.frames) // 2
    made = apply(still.picture, drawn)
    frames = {FULL: made.frames, COPIES: _copies(made.frames)}
    frames[NOISE] = apply(still.picture, still.damage("noise-others")).frames
    strangers = tuple(replace(frame, garbage=None if i == middle else "other") for i, frame in enumerate(drawn.frames))
    frames[PERSON] = apply(still.picture, replace(drawn, frames=strangers), other=other.picture).frames
    damage = {}
    for name, preset in _PRESETS.items():
        regions = still.damage(preset).frames[middle].regions
        damaged = replace(drawn.frames[middle], regions=regions)
        frames[name] = apply(still.picture, _with_middle(drawn, damaged)).frames
        frames[f"{name}, copies"] = _copies(frames[name])
        damage[name] = np.logical_or.reduce([region_mask(region, drawn.size_out) for region in regions])
        damage[f"{name}, copies"] = damage[name]
    return Scene(still.name, frames, made.label, damage)


def _with_middle(drawn: DegradeParams, middle: FrameParams) -> DegradeParams:
    n = len(drawn.frames)
    return replace(drawn, frames=(*drawn.frames[: n // 2], middle, *drawn.frames[n // 2 + 1 :]))


def _copies(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(frames[len(frames) // 2][None], len(frames), axis=0)
