"""What protocols are made of: one test, and the stills that tests are made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import InputError
from sharpening.frames.degrade import DegradeParams, draw, settings
from sharpening.frames.face_places import FacePlace
from sharpening.frames.layouts import SharedData
from sharpening.imaging.files import read_picture
from sharpening.imaging.resize import resize

__all__ = ["N_FRAMES", "N_STILLS", "SIDE", "Sample", "Still", "code", "still_order", "stills"]

N_STILLS = 500
N_FRAMES = 7
SIDE = 160  # px: all pictures are brought to it before they are damaged


@dataclass(frozen=True)
class Sample:
    """One test.

    Attributes:
        name: Code of the picture or window.
        group: Part of the protocol that it belongs to.
        cluster: Samples with the same one are not independent: they show one person.
        frames: uint8 `[n, 32, 32, 3]`, RGB.
        label: uint8 `[128, 128, 3]`, RGB.
        damaged: bool `[n, 128, 128]`: the damaged areas of each frame, in the geometry of that frame; None where they are not known.
        faces: Where the face lies in each frame; empty where it is not known.
    """

    name: str
    group: str
    cluster: str
    frames: NDArray[np.uint8]
    label: NDArray[np.uint8]
    damaged: NDArray[np.bool_] | None = None
    faces: tuple[FacePlace, ...] = ()

    @property
    def middle(self) -> int:
        """Index of the frame to restore."""
        return len(self.frames) // 2

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """Bool `[128, 128]`: the damaged areas of the middle, pixel for pixel on the label; None where they are not known."""
        return None if self.damaged is None else self.damaged[self.middle]


@dataclass(frozen=True)
class Still:
    """A picture that sequences are made of.

    Attributes:
        name: Code of it.
        person: Code of whom it shows; of the still itself where that is not known.
        picture: uint8 `[160, 160, 3]`, RGB.
        dice: Seed of its damage.
    """

    name: str
    person: str
    picture: NDArray[np.uint8]
    dice: tuple[int, ...]

    def damage(self, preset: str) -> DegradeParams:
        """The damage that a preset does to it: always the same."""
        return draw(np.random.default_rng(self.dice), settings(preset), n_frames=N_FRAMES)


def still_order(data: SharedData, seed: int, split: str) -> Iterator[Still]:
    """All stills of a split in the order of the protocols; the dice of each do not depend on the protocol.

    Args:
        data: Where the stills lie.
        seed: Of the protocol.
        split: As in splits.csv.

    Raises:
        InputError: The split has no stills.
    """
    paths, people = sorted(data.stills(split)), data.people()
    if not paths:
        raise InputError(data.root, f"no stills in the split '{split}'.", "splits.csv names them.")
    for number in np.random.default_rng([seed, 1]).permutation(len(paths)):
        picture = resize(read_picture(paths[number]), SIDE, "area")
        name = code(paths[number].relative_to(data.root))
        person = people.get(paths[number])
        yield Still(name, name if person is None else code(person), picture, (seed, 2, int(number)))


def stills(data: SharedData, seed: int, split: str) -> Iterator[Still]:
    """The first 500 of `still_order`: the pictures of all protocols that are made of stills alone."""
    for index, still in enumerate(still_order(data, seed, split)):
        if index == N_STILLS:
            return
        yield still


def code(name: str | Path) -> str:
    """A short hash: rows are published, names of people are not."""
    return hashlib.sha256(str(name).encode()).hexdigest()[:10]
