"""How well a moved source lies on the base: the same measure for every transfer, so that the same rule can refuse it."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
from torch import Tensor
from torch.nn import functional as F

from sharpening.models.face_align.landmarks import Landmarks
from sharpening.reconstruct.transfer.texture import Plane, confidence, luma, misfit, smooth
from sharpening.reconstruct.view import Moved, View

__all__ = ["WORK_EYES", "at_work", "believed_share", "hull", "measure", "misfit_or_lost", "round_part"]

WORK_EYES = 48.0  # px: larger faces are compared at this eye distance; they hold nothing that would need more
_RING = 0.3  # eye distances: how far round the part the fit is looked at


def measure(base: View, moved: Moved, mask: Tensor) -> Mapping[str, float]:
    """What can be seen of the fit of a moved source.

    Places where one of the two is blurred and the other is not count little, so a sharp part on a blurred base is no misfit.

    Args:
        base: the picture that wants the part.
        moved: what a transfer returned.
        mask: `[1, H, W]`: the part.

    Returns:
        `mismatch`, 0 perfect … 1 nothing in common, of the part and the face; `believed`, the share of the face in which both pictures
        have alike much detail: where it is low, a mismatch means less.
    """
    picture, to_work = at_work(base)
    size = (picture.shape[-2], picture.shape[-1])
    marks = base.landmarks.moved(to_work)
    other, valid, part = (_shrunk(each, size) for each in (moved.picture, moved.valid, mask.float()))
    a, b, seen, eyes = luma(picture), luma(other), valid[0].numpy(), marks.eye_distance
    face, near = hull(marks, *size), round_part(part[0].numpy(), eyes)
    say = 0.5 * believed_share(a, b, near, eyes)
    whole = misfit_or_lost(a, b, seen, face, eyes)
    return {
        "mismatch": misfit_or_lost(a, b, seen, near, eyes) ** say * whole ** (1 - say),
        "believed": believed_share(a, b, face, eyes),
    }


def at_work(base: View) -> tuple[Tensor, np.ndarray]:
    """The base at the size at which pictures are compared, and the map `[2, 3]` from its own pixels to those."""
    zoom = min(1.0, WORK_EYES / base.landmarks.eye_distance)
    height, width = base.picture.shape[-2:]
    size = (height, width) if zoom == 1 else (max(16, round(height * zoom)), max(16, round(width * zoom)))
    # Sizes are whole, so the two axes are not enlarged alike.
    y, x = size[0] / height, size[1] / width
    return _shrunk(base.picture, size), np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2]])


def misfit_or_lost(base: Plane, moved: Plane, seen: Plane, weights: Plane, eyes: float) -> float:
    """The misfit where the source has pixels; where it has none nothing is explained."""
    lost = 1 - float((weights * seen).sum() / (weights.sum() + 1e-9))
    return misfit(base, moved, weights * seen, eyes) * (1 - lost) + lost


def believed_share(base: Plane, moved: Plane, weights: Plane, eyes: float) -> float:
    """Which share of the weights lies where comparing the pictures says something, 0 … 1."""
    return float((weights * confidence(base, moved, eyes)).sum() / (weights.sum() + 1e-9))


def hull(marks: Landmarks, height: int, width: int) -> Plane:
    """1 inside the hull of the landmarks, with a soft border."""
    mask = np.zeros((height, width), np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(marks.points).astype(np.int32)), 1.0)
    return smooth(mask, 0.1 * marks.eye_distance)


def round_part(part: Plane, eyes: float) -> Plane:
    """1 on the part, falling off round it."""
    outside = (part < 0.5).astype(np.uint8)
    if outside.all():
        return np.ones_like(part)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_5)
    return np.exp(-np.square(distance / (_RING * eyes))).astype(np.float32)


def _shrunk(picture: Tensor, size: tuple[int, int]) -> Tensor:
    return picture if tuple(picture.shape[-2:]) == size else F.interpolate(picture[None], size, mode="area")[0]
