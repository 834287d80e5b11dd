"""Whether the result shows the person of the frames, by dlib's descriptors, and what to tell the user of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.imaging.convert import to_tensor
from sharpening.imaging.resize import resize
from sharpening.models.face_id.judge import SAME_PERSON_DISTANCE, FaceJudge
from sharpening.restore.same_person import Reading, same_person

__all__ = ["Agreement", "compare", "describe", "measure", "reading_facts"]

Picture = NDArray[np.uint8]

_UNREAD = dict.fromkeys(Reading(0.0, 0.0, 0.0).facts()) | {
    "reading_words": "Not known: the table of distances was not measured with results of these weights, described by this judge."
}


@dataclass(frozen=True)
class Agreement:
    """Likeness of the result and the frames.

    Attributes:
        cosine: mean over the frames, of the angle between the descriptors; None when nothing could be measured.
        distance: mean over the frames of the distance between the descriptors [-].
        to_person: distance to the mean descriptor of the frames, in which the errors of the poor frames cancel out [-]; this one is judged.
        frame_cosines: for each frame; None where no face was found in it.
        frame_distances: likewise.
        among_frames: for each frame the median distance to the other frames; None where it or all others have no face.
        problem: why nothing could be measured; empty when it could.
        reading: what `to_person` says, by the package's table; None where it was not measured in the way that the table was.
    """

    cosine: float | None = None
    distance: float | None = None
    to_person: float | None = None
    frame_cosines: tuple[float | None, ...] = ()
    frame_distances: tuple[float | None, ...] = ()
    among_frames: tuple[float | None, ...] = ()
    problem: str = ""
    reading: Reading | None = None

    def facts(self) -> dict[str, Any]:
        """For the report."""
        return {
            "measured": self.distance is not None,
            "problem": self.problem,
            "cosine": _short(self.cosine),
            "distance": _short(self.distance),
            "distance_to_mean_of_frames": _short(self.to_person),
            "frame_cosines": [_short(value) for value in self.frame_cosines],
            "frame_distances": [_short(value) for value in self.frame_distances],
            "distances_among_frames": [_short(value) for value in self.among_frames],
            **reading_facts(self.reading),
        }


def reading_facts(reading: Reading | None) -> dict[str, Any]:
    """What a distance to the mean of the frames says, and its border, for the report; dlib's own border where nothing better is known."""
    border = SAME_PERSON_DISTANCE if reading is None else _short(reading.border)
    return {"same_person_below": border, **(_UNREAD if reading is None else reading.facts())}


def describe(frames: Sequence[Picture], size: int, judge: FaceJudge) -> Tensor:
    """Descriptors `[n, d]` of the frames, enlarged by bicubic interpolation; NaN for one without a face.

    The face is looked for in each frame by itself: it moves.

    Args:
        frames: uint8 `[h, w, 3]` each.
        size: side to enlarge them to, that of the result [px].
        judge: finds and describes faces.
    """
    return judge.descriptors(to_tensor(np.stack([resize(frame, size, "bicubic") for frame in frames]))).cpu()


def measure(
    picture: NDArray[np.float32],
    frames: Sequence[Picture],
    judge: FaceJudge | None,
    described: Tensor | None = None,
    *,
    weights: str | None = None,
) -> Agreement:
    """Compare the result with each frame; read the distance where the package's table was measured with results of the same weights.

    A result shares the damage of its frames, so that even the true picture lies further away, and another network's result elsewhere.

    Args:
        picture: float `[S, S, 3]` in [0, 1].
        frames: uint8 `[h, w, 3]` each.
        judge: None when the judge is to be left out.
        described: what `describe` made of the frames, where it is known already.
        weights: sha256 of the weights that made the picture; None where something else had a hand in it.
    """
    if judge is None:
        return Agreement(problem="the judge of faces was left out")
    result = torch.from_numpy(np.ascontiguousarray(picture)).float().movedim(-1, 0)
    row = judge.descriptors(result[None]).cpu()[0]
    rows = describe(frames, picture.shape[0], judge) if described is None else described
    if bool(row.isnan().any()):
        return Agreement(problem="no face was recognised in the result")
    if bool(rows.isnan().any(dim=1).all()):
        return Agreement(problem="no face was recognised in any of the frames")
    found, table = compare(row, rows), same_person()
    if judge.network.name != table.judge or weights != table.weights or found.to_person is None:
        return found
    return replace(found, reading=table.read(found.to_person, int(rows.isfinite().all(dim=1).sum())))


def compare(result: Tensor, frames: Tensor) -> Agreement:
    """The agreement of a result with its frames, of their descriptors: `[d]` and `[n, d]`, NaN in the rows of frames without a face."""
    cosines = torch.cosine_similarity(frames, result[None], dim=1)
    distances = torch.linalg.vector_norm(frames - result, dim=1)
    return Agreement(
        cosine=float(cosines.nanmean()),
        distance=float(distances.nanmean()),
        to_person=float(torch.linalg.vector_norm(frames.nanmean(dim=0) - result)),
        frame_cosines=_numbers(cosines),
        frame_distances=_numbers(distances),
        among_frames=_numbers(_among(frames)),
    )


def _among(frames: Tensor) -> Tensor:
    between = torch.linalg.vector_norm(frames[:, None] - frames[None], dim=2)
    between.fill_diagonal_(torch.nan)
    return between.nanmedian(dim=1).values


def _numbers(values: Tensor) -> tuple[float | None, ...]:
    return tuple(None if math.isnan(value) else value for value in values.tolist())


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
