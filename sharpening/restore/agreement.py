"""Whether the result shows the person of the frames, by dlib's descriptors, and what to tell the user of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.imaging.convert import to_tensor
from sharpening.imaging.resize import resize
from sharpening.models.face_id.judge import SAME_PERSON_DISTANCE, FaceJudge

__all__ = ["Agreement", "compare", "measure"]

Picture = NDArray[np.uint8]


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
    """

    cosine: float | None = None
    distance: float | None = None
    to_person: float | None = None
    frame_cosines: tuple[float | None, ...] = ()
    frame_distances: tuple[float | None, ...] = ()
    among_frames: tuple[float | None, ...] = ()
    problem: str = ""

    def facts(self) -> dict[str, Any]:
        """For the report."""
        return {
            "measured": self.distance is not None,
            "problem": self.problem,
            "cosine": _short(self.cosine),
            "distance": _short(self.distance),
            "distance_to_mean_of_frames": _short(self.to_person),
            "same_person_below": SAME_PERSON_DISTANCE,  # for the distance to the mean of the frames
            "frame_cosines": [_short(value) for value in self.frame_cosines],
            "frame_distances": [_short(value) for value in self.frame_distances],
            "distances_among_frames": [_short(value) for value in self.among_frames],
        }


def measure(picture: NDArray[np.float32], frames: Sequence[Picture], judge: FaceJudge | None) -> Agreement:
    """Compare the result with each frame, enlarged to the size of the result by bicubic interpolation.

    The face is looked for in each picture by itself: in the frames it moves.

    Args:
        picture: float `[S, S, 3]` in [0, 1].
        frames: uint8 `[h, w, 3]` each.
        judge: None when the judge is to be left out.
    """
    if judge is None:
        return Agreement(problem="it was left out")
    large = to_tensor(np.stack([resize(frame, picture.shape[0], "bicubic") for frame in frames]))
    result = torch.from_numpy(np.ascontiguousarray(picture)).float().movedim(-1, 0)
    rows = judge.descriptors(torch.cat([result[None], large])).cpu()
    if bool(rows[0].isnan().any()):
        return Agreement(problem="no face was recognised in the result")
    if bool(rows[1:].isnan().any(dim=1).all()):
        return Agreement(problem="no face was recognised in any of the frames")
    return compare(rows[0], rows[1:])


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
