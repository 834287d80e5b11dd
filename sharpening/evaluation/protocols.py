"""The protocols: fixed sets of sequences with known answers, made from the valid split by fixed seeds.

A protocol gives the same pixels in every run with the same data, so that figures of different days and methods can be laid side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import InputError
from sharpening.evaluation.frame_sets import COUNTS, MOTIONS, N_COUNTED, counted, less_motion, occluder_others, person_others
from sharpening.evaluation.sample import N_FRAMES, SIDE, Sample, Still, code, stills
from sharpening.evaluation.sections import sections
from sharpening.frames.degrade import apply, draw, settings
from sharpening.frames.layouts import Clip, SharedData
from sharpening.imaging.files import read_picture
from sharpening.imaging.resize import resize

__all__ = ["PROTOCOLS", "Sample", "Still", "samples", "stills"]

# What each protocol does, for reports and `--help`.
PROTOCOLS: dict[str, str] = {
    "stills": "500 stills, 7 frames of 32×32, rotation ±8°, zoom ±8 %, shift ±6 px of 128, JPEG 30–90",
    "h264": "the same stills and motion, coded as H.264 at CRF 23–38 instead of JPEG",
    "damaged-middle": "as stills, three blurred areas in the middle frame and one in each other (thesis 3.6)",
    "noise-others": "as stills, the six other frames replaced by noise (thesis Fig. 3.4)",
    "person-others": "as stills, the six other frames show another person, moved and damaged in the same way",
    "occluder-others": "as stills, about half of each of the six other frames is covered by a disc of one colour",
    "clips": "real clips, sparse (0.3–1 s apart) and dense (consecutive frames), brought to 32×32 and coded (JPEG or H.264)",
    "sections": "90 sequences, half of stills and half of clips, three strongly blurred parts of the face in the middle frame and one in "
    "each other (thesis 3.6), JPEG 30–90",
    **{
        f"n-{n}": f"the first {N_COUNTED} of stills with {n} frame{'s' * (n > 1)}: all frames of the smaller numbers, and more"
        for n in COUNTS
    },
    **{f"motion-{percent}": f"the first {N_COUNTED} of stills with {percent} % of their motion" for percent in MOTIONS},
}


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
    for index, sample in enumerate(_all(protocol, SharedData(data), seed, split)):
        if limit is not None and index >= limit:
            return
        yield sample


def _all(protocol: str, data: SharedData, seed: int, split: str) -> Iterator[Sample]:
    if protocol in _OTHER:
        return _OTHER[protocol](data, seed, split)
    return _stills(data, protocol, seed, split)


def _stills(data: SharedData, protocol: str, seed: int, split: str) -> Iterator[Sample]:
    for still in stills(data, seed, split):
        made = apply(still.picture, still.damage(protocol))
        yield Sample(still.name, protocol, still.person, made.frames, made.label)


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
    return Sample(f"{code(clip.name)}@{start}", clip.kind, code(clip.identity), made.frames, made.label)


# Those that are not made by damaging the 500 stills with the preset of their name.
_OTHER: dict[str, Callable[[SharedData, int, str], Iterator[Sample]]] = {
    "person-others": person_others,
    "occluder-others": occluder_others,
    "clips": _clips,
    "sections": sections,
    **{f"n-{n}": partial(counted, n=n) for n in COUNTS},
    **{f"motion-{percent}": partial(less_motion, percent=percent) for percent in MOTIONS},
}
