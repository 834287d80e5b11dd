"""The protocols: fixed sets of sequences with known answers, made from the valid split by fixed seeds.

A protocol gives the same pixels in every run with the same data, so that figures of different days and methods can be laid side by side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import InputError
from sharpening.frames.degrade import DegradeParams, apply, draw, settings
from sharpening.frames.layouts import Clip, SharedData
from sharpening.imaging.files import read_picture
from sharpening.imaging.resize import resize

__all__ = ["PROTOCOLS", "Sample", "Still", "samples", "stills"]

N_STILLS = 500
N_FRAMES = 7
SIDE = 160  # px: all pictures are brought to it before they are damaged
# What each protocol does, for reports and `--help`.
PROTOCOLS: dict[str, str] = {
    "stills": "500 stills, 7 frames of 32×32, rotation ±8°, zoom ±8 %, shift ±6 px of 128, JPEG 30–90",
    "h264": "the same stills and motion, coded as H.264 at CRF 23–38 instead of JPEG",
    "damaged-middle": "as stills, three blurred areas in the middle frame and one in each other (thesis 3.6)",
    "noise-others": "as stills, the six other frames replaced by noise (thesis Fig. 3.4)",
    "clips": "real clips, sparse (0.3–1 s apart) and dense (consecutive frames), brought to 32×32 and coded (JPEG or H.264)",
}


@dataclass(frozen=True)
class Sample:
    """One test.

    Attributes:
        name: Code of the picture or window.
        group: Part of the protocol that it belongs to.
        cluster: Samples with the same one are not independent: they show one person.
        frames: uint8 `[n, 32, 32, 3]`, RGB.
        label: uint8 `[128, 128, 3]`, RGB.
    """

    name: str
    group: str
    cluster: str
    frames: NDArray[np.uint8]
    label: NDArray[np.uint8]


def samples(protocol: str, data: str | Path, *, limit: int | None = None, seed: int = 0, split: str = "valid") -> Iterator[Sample]:
    """The samples of a protocol, in a fixed order.

    Args:
        protocol: A name of `PROTOCOLS`.
        data: Folder in the form of `../shared/data` (stills, clips and `splits.csv`).
        limit: Only the first so many.
        seed: Another seed makes another set from the same pictures.
        split: As in splits.csv: "valid", or "train" for developing.
    """
    if protocol not in PROTOCOLS:
        raise KeyError(f"no protocol is called '{protocol}'; known: {', '.join(PROTOCOLS)}")
    made = _clips(SharedData(data), seed, split) if protocol == "clips" else _stills(SharedData(data), protocol, seed, split)
    for index, sample in enumerate(made):
        if limit is not None and index >= limit:
            return
        yield sample


def _stills(data: SharedData, protocol: str, seed: int, split: str) -> Iterator[Sample]:
    for still in stills(data, seed, split):
        made = apply(still.picture, still.damage(protocol))
        yield Sample(still.name, protocol, still.name, made.frames, made.label)


@dataclass(frozen=True)
class Still:
    """A picture that sequences are made of.

    Attributes:
        name: Code of it.
        picture: uint8 `[160, 160, 3]`, RGB.
        dice: Seed of its damage.
    """

    name: str
    picture: NDArray[np.uint8]
    dice: tuple[int, ...]

    def damage(self, preset: str) -> DegradeParams:
        """The damage that a preset does to it: always the same."""
        return draw(np.random.default_rng(self.dice), settings(preset), n_frames=N_FRAMES)


def stills(data: SharedData, seed: int, split: str) -> Iterator[Still]:
    """The pictures of all protocols but "clips", in the protocols' order; the dice of each do not depend on the protocol.

    Args:
        data: Where the stills lie.
        seed: Of the protocol.
        split: As in splits.csv.
    """
    paths = sorted(data.stills(split))
    if not paths:
        raise InputError(data.root, f"no stills in the split '{split}'.", "splits.csv names them.")
    for number in np.random.default_rng([seed, 1]).permutation(len(paths))[:N_STILLS]:
        picture = resize(read_picture(paths[number]), SIDE, "area")
        yield Still(_code(paths[number].relative_to(data.root)), picture, (seed, 2, int(number)))


def _clips(data: SharedData, seed: int, split: str) -> Iterator[Sample]:
    clips = [clip for kind in ("sparse", "dense") for clip in data.clips(split, kind)]
    if not clips:
        raise InputError(data.root, f"no clips in the split '{split}'.", "splits.csv and clips/index.csv name them.")
    for index, clip in enumerate(clips):
        pictures = np.stack([resize(read_picture(path), SIDE, "area") for path in clip.paths])
        for start in range(0, len(pictures) - N_FRAMES + 1, 3):
            yield _window(clip, pictures, start, np.random.default_rng([seed, 3, index, start]))


def _window(clip: Clip, pictures: NDArray[np.uint8], start: int, rng: np.random.Generator) -> Sample:
    # Nothing moves but what moves in the clip; a window is coded as a film or frame by frame.
    still = replace(
        settings("stills"), rotation=0.0, zoom=0.0, shift=0.0, brightness=0.0, margin=(0.0, 0.0), film=0.5, crf=(20, 35)
    )
    made = apply(pictures[start : start + N_FRAMES], draw(rng, still, n_frames=N_FRAMES))
    return Sample(f"{_code(clip.name)}@{start}", clip.kind, _code(clip.identity), made.frames, made.label)


def _code(name: str | Path) -> str:
    """Rows are published, names of people are not."""
    return hashlib.sha256(str(name).encode()).hexdigest()[:10]
