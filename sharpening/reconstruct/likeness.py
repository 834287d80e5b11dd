"""Whether the result still shows the person of the frames: measured before and after, and undone where a step led away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_id.judge import FaceJudge
from sharpening.models.face_seg.parts import PARTS, in_few_words
from sharpening.reconstruct.people import descriptor_distances
from sharpening.reconstruct.state import State
from sharpening.restore.agreement import Agreement, compare

__all__ = ["MOST_LOST", "compare_people", "describe", "five_points", "keep_person"]

# How much further from the frames' mean descriptor the crossed picture may lie than the base did [-]: a sixth of what parts two persons.
# Chosen, not fitted.
MOST_LOST = 0.1


def describe(state: State, judge: FaceJudge) -> tuple[Tensor, NDArray[np.float64]]:
    """Descriptors of the cleaned frames `[n, d]`, and the distances between them `[n, n]`; NaN for frames without landmarks."""
    if state.cleaned is None:
        return torch.empty(0, 0), np.empty((0, 0))
    described = judge.descriptors(state.cleaned, five_points(state.landmarks))
    return described.cpu(), descriptor_distances(described)


def compare_people(state: State, judge: FaceJudge | None) -> dict[str, Agreement]:
    """Likeness of base and result with the frames; empty without a judge."""
    if judge is None or state.descriptors is None or state.finished is None or state.cleaned is None:
        return {}
    pictures = {"base": state.cleaned[state.base], "result": state.finished}
    rows = {name: _descriptor(state, picture, judge) for name, picture in pictures.items()}
    return {name: compare(row, state.descriptors) for name, row in rows.items()}


def keep_person(state: State, judge: FaceJudge | None) -> bool:
    """Find whether with its new parts the face is less like the frames than the base was by more than `MOST_LOST`.

    If so, the parts that were found are marked as undone; those that the user chose stay, with a warning.

    Returns:
        Whether some were marked, so that the cross-over must be done again without them.
    """
    if judge is None or state.descriptors is None or state.crossed is None or state.cleaned is None or not state.used:
        return False
    mean = state.descriptors.nanmean(dim=0)
    base = state.cleaned[state.base]
    before, after = (float((_descriptor(state, picture, judge) - mean).norm()) for picture in (base, state.crossed))
    if not after > before + MOST_LOST:
        return False
    used = {part for parts in state.used.values() for part in parts}
    state.undone = frozenset(used - state.by_hand)
    end = [
        f"{in_few_words(sorted(parts, key=PARTS.index))} {what}"
        for parts, what in ((state.undone, "taken out again"), (used & state.by_hand, "left in, as you chose"))
        if parts
    ]
    words = (
        f"With the parts of other frames the face is less like the person of the frames (distance {after:.2f}, before {before:.2f})"
    )
    state.warn("crossover", f"{words}: {', '.join(end)}.")
    return bool(state.undone)


def _descriptor(state: State, picture: Tensor, judge: FaceJudge) -> Tensor:
    """Of a picture in the base's geometry, cut by the base's landmarks; a finetuned one may be larger."""
    landmarks = state.view(state.base).landmarks
    if state.cleaned is not None and picture.shape[-1] != state.cleaned.shape[-1]:
        landmarks = landmarks.enlarged(picture.shape[-1] / state.cleaned.shape[-1])
    return judge.descriptors(picture[None], torch.from_numpy(landmarks.five)[None])[0].cpu()


def five_points(landmarks: Sequence[Landmarks | None]) -> Tensor:
    """The five points of each, as judges want them: `[n, 5, 2]` [px], NaN where there are none."""
    points = torch.full((len(landmarks), 5, 2), torch.nan, dtype=torch.float64)
    for i, each in enumerate(landmarks):
        if each is not None:
            points[i] = torch.from_numpy(each.five)
    return points
