"""Whether the person stayed the same: a finetuner that moves the face's descriptor too far is undone."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sharpening.errors import RangeError
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_id.judge import FaceJudge
from sharpening.reconstruct.view import check_picture
from sharpening.restore.finetune import MOST_CHANGE, identity_change

__all__ = ["Guarded", "guarded"]


class Guarded(NamedTuple):
    """What the guard let through.

    Attributes:
        picture: `[3, H, W]`: the picture after, or the one before if the person changed.
        kept: whether it is the one after.
        change: distance of the descriptors before and after [-]; None where no judge or no face was there to measure it.
    """

    picture: Tensor
    kept: bool
    change: float | None


def guarded(
    before: Tensor,
    after: Tensor,
    judge: FaceJudge | None,
    most_change: float = MOST_CHANGE,
    *,
    landmarks: Landmarks | None = None,
) -> Guarded:
    """Take a finetuned picture only if the person is the same as before.

    Args:
        before: `[3, H, W]`, RGB in [0, 1].
        after: `[3, H2, W2]`, the same face, of the same proportions.
        judge: measures the distance; without one every result is kept.
        most_change: largest distance of the descriptors [-].
        landmarks: of the face in the picture before, where they are known; it is searched for otherwise.

    Returns:
        The picture to go on with, and what was measured. Where a judge finds nothing to compare, nobody can vouch for the person: the
        result is not kept, and `change` is None. Without a judge it is kept.

    Raises:
        ShapeError: if one is no picture.
        RangeError: if `most_change` is negative.
    """
    check_picture(before, "picture before")
    check_picture(after, "picture after")
    if not most_change >= 0:
        raise RangeError("most_change", most_change, "0 or more")
    five = None if landmarks is None else torch.from_numpy(landmarks.five)[None]
    change = identity_change(before[None], after[None], judge, five)
    kept = judge is None or (change is not None and change <= most_change)
    return Guarded(after if kept else before, kept, change)
