"""Similarity maps between the landmarks of two faces, by least squares that outlying points cannot pull away."""

from __future__ import annotations

import cv2
import numpy as np
from torch import Tensor

from sharpening.models.face_align.forms import similarity
from sharpening.models.face_align.landmarks import Landmarks, Points
from sharpening.models.face_align.way import Affine

__all__ = ["part_map", "part_weights", "robust_similarity"]

_ROUNDS = 10
_OUTLIER = 1.5  # of the median distance: from there on a point counts for less than half


def robust_similarity(base: Points, source: Points, weights: Points | None = None) -> Affine:
    """As `similarity`, in rounds in which points far from the map count less and less (Cauchy's weights)."""
    prior = np.ones(len(base)) if weights is None else weights
    now = prior
    for _ in range(_ROUNDS):
        found = similarity(base, source, now)
        left = np.linalg.norm(base @ found[:, :2].T + found[:, 2] - source, axis=1)
        scale = _OUTLIER * np.median(left) + 1e-6
        now = prior / (1 + (left / scale) ** 2)
    return found


def part_weights(landmarks: Landmarks, mask: Tensor, *, floor: float, reach: float) -> Points:
    """How much each landmark counts for a part: 1 + floor on it, less with the distance, never under the floor.

    Args:
        landmarks: of the base.
        mask: `[1, H, W]`, the part.
        floor: what the whole face's points count for. Without it a part of few points would turn with their noise.
        reach: distance from the mask at which the rest has fallen to 1/e [eye distances].

    Returns:
        `[68]`.
    """
    outside = (mask[0] < 0.5).numpy().astype(np.uint8)
    if outside.all():
        return np.ones(68)
    distance = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_5)
    height, width = distance.shape
    x, y = (np.clip(np.rint(landmarks.points[:, i]), 0, side - 1).astype(int) for i, side in ((0, width), (1, height)))
    return floor + np.exp(-np.square(distance[y, x] / (reach * landmarks.eye_distance)))


def part_map(source: Landmarks, base: Landmarks, mask: Tensor, *, floor: float = 0.15, reach: float = 0.5) -> Affine:
    """The similarity map from the base to the source that fits best round a part; `floor` and `reach` as in `part_weights`."""
    return robust_similarity(base.points, source.points, part_weights(base, mask, floor=floor, reach=reach))
