"""What the identity guard is calibrated on: sequences of known people, and the descriptors of their frames and results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sharpening.evaluation.methods import Method
from sharpening.evaluation.protocols import samples
from sharpening.evaluation.sample import SIDE, Sample, code
from sharpening.frames.degrade import apply, draw, settings
from sharpening.frames.layouts import SharedData
from sharpening.imaging.convert import to_tensor
from sharpening.imaging.files import read_picture
from sharpening.imaging.resize import resize
from sharpening.models.face_id.judge import FaceJudge
from sharpening.restore.agreement import describe

__all__ = ["COUNTS", "POOR_MIDDLE", "REAL", "SETS", "Described", "described_sets"]

SETS: dict[str, str] = {
    "stills": "stills, moved and damaged, JPEG",
    "h264": "the same stills, coded as films",
    "clips": "real clips, brought to 32×32 and coded",
    "photosets": "four frames of real films, order and spacing unknown, brought to 32×32 and coded",
}
"""Sets of sequences; each counts as much as the others."""
REAL = ("clips", "photosets")
POOR_MIDDLE = "damaged-middle"
"""A protocol for false alarms alone: its middle frames are right, but poor."""
COUNTS = (1, 3, 7)
"""Numbers of frames that a result is made of; a sequence with fewer gives all."""

_PHOTOSET, _N_PHOTOSET = "photoset_video", 4
_DICE = 9


@dataclass(frozen=True, eq=False)
class Described:
    """One sequence in descriptors.

    Attributes:
        group: name of the set.
        person: two sequences with the same one show the same person.
        sample: the pictures.
        frames: `[n, d]` of the frames as the guard sees them; NaN without a face.
        results: `[d]` of the results of the middle 1, 3 and all frames, by number of frames; NaN without a face.
        truth: `[d]` of the true picture; None where there are no results.
    """

    group: str
    person: str
    sample: Sample
    frames: NDArray[np.float64]
    results: dict[int, NDArray[np.float64]]
    truth: NDArray[np.float64] | None = None

    def near(self, n: int) -> NDArray[np.float64]:
        """The descriptors of n frames round the middle, `[n, d]`."""
        start = len(self.frames) // 2 - n // 2
        return self.frames[start : start + n]


def described_sets(
    data: str | Path,
    method: Method,
    judge: FaceJudge,
    *,
    limit: int | None = None,
    split: str = "valid",
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> list[Described]:
    """Make, restore and describe the sequences of all sets, and of the protocol of poor middles without results.

    Args:
        data: folder with stills, clips and `splits.csv`.
        method: restores the middle of frames `[1, 3·n, h, h]`.
        judge: describes faces.
        limit: only the first so many sequences of a set; of the poor middles half as many.
        split: as in splits.csv.
        seed: of the damage.
        progress: is told how many are done.
    """
    done = list[Described]()
    for group in (*SETS, POOR_MIDDLE):
        most = limit if limit is None or group != POOR_MIDDLE else max(1, limit // 2)
        stream = _photosets(SharedData(data), seed, split) if group == "photosets" else samples(group, data, seed=seed, split=split)
        for sample in islice(stream, most):
            done.append(_described(group, sample, method, judge))
            if progress is not None:
                progress(len(done))
    return done


def _described(group: str, sample: Sample, method: Method, judge: FaceJudge) -> Described:
    size, person = sample.label.shape[0], sample.cluster
    frames = describe(list(sample.frames), size, judge)
    if group == POOR_MIDDLE:
        return Described(group, person, sample, frames.double().numpy(), {})
    counts = sorted({min(n, len(sample.frames)) for n in COUNTS})
    with torch.no_grad():
        made = [method(_stack(sample, n))[0] for n in counts]
    # One by one: networks may make pictures of another size than the true one.
    rows = [judge.descriptors(each[None])[0].cpu().double().numpy() for each in (*made, to_tensor(sample.label))]
    return Described(group, person, sample, frames.double().numpy(), dict(zip(counts, rows[:-1], strict=True)), rows[-1])


def _stack(sample: Sample, n: int) -> torch.Tensor:
    start = len(sample.frames) // 2 - n // 2
    return to_tensor(sample.frames[start : start + n]).flatten(0, 1)[None]


def _photosets(data: SharedData, seed: int, split: str) -> Iterator[Sample]:
    """Frames of one film that lie far apart: other poses, other light; real compression below ours."""
    clips = [clip for clip in data.clips(split) if clip.kind == _PHOTOSET]
    for index, clip in enumerate(clips):
        if len(clip.paths) < _N_PHOTOSET:
            continue
        pictures = np.stack([resize(read_picture(path), SIDE, "area") for path in clip.paths[:_N_PHOTOSET]])
        # Nothing moves but what moves in the film, as in the protocol "clips".
        still = settings("stills")
        quiet = replace(still, rotation=0.0, zoom=0.0, shift=0.0, brightness=0.0, margin=(0.0, 0.0), film=0.5, crf=(20, 35))
        made = apply(pictures, draw(np.random.default_rng([seed, _DICE, index]), quiet, n_frames=_N_PHOTOSET))
        yield Sample(code(clip.name), "photosets", code(clip.identity), made.frames, made.label)
