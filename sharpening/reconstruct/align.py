"""Bringing the frames onto the base: landmarks give the start, the pixels the rest (thesis section 2.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor

from sharpening.errors import ShapeError
from sharpening.models.basic_blocks.registration import pixel_motion
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.way import Affine, compose_affine

__all__ = ["Alignment", "align_frames", "apply_map", "landmark_map"]


class Alignment(NamedTuple):
    """How one frame lies on the base.

    Attributes:
        to_frame: takes a point (x, y) of the base to the same point of the face in the frame, `[2, 3]` [px].
        likeness: correlation of the two over the face, −1 … 1, after light is taken out.
        how: "base", "landmarks" or "landmarks and pixels".
    """

    to_frame: Affine
    likeness: float
    how: str


def landmark_map(base: Landmarks, frame: Landmarks) -> Affine:
    """The similarity map from the points of the base to those of the frame, of least squared error; outlying points do not count."""
    rough, _ = cv2.estimateAffinePartial2D(base.points, frame.points, method=cv2.LMEDS)
    if rough is None:
        return np.array([[1.0, 0, 0], [0, 1.0, 0]])
    return np.asarray(rough, np.float64)


def align_frames(pictures: Tensor, landmarks: Sequence[Landmarks | None], base: int) -> list[Alignment | None]:
    """Find how every frame lies on the base.

    Args:
        pictures: `[n, 3, H, W]` in [0, 1]: all frames at one size.
        landmarks: of each; None for a frame without a face.
        base: number of the base; it must have landmarks.

    Returns:
        For each frame its alignment, None where there are no landmarks.

    Raises:
        ShapeError: if pictures and landmarks are not equally many, or the base has no landmarks.
    """
    if len(pictures) != len(landmarks):
        raise ShapeError("landmarks", len(landmarks), f"one for each of the {len(pictures)} pictures")
    own = landmarks[base]
    if own is None:
        raise ShapeError("landmarks of the base", "none", "68 points", "Choose a base in which the face was found.")
    found: list[Alignment | None] = []
    for i, points in enumerate(landmarks):
        if points is None:
            found.append(None)
        elif i == base:
            found.append(Alignment(np.array([[1.0, 0, 0], [0, 1.0, 0]]), 1.0, "base"))
        else:
            found.append(_refined(pictures[base], pictures[i], own, landmark_map(own, points)))
    return found


def apply_map(picture: Tensor, to_frame: Affine, size: tuple[int, int] | None = None) -> Tensor:
    """Sample a picture `[c, H, W]` where the map sends the base's pixels: bicubic, the border pixels repeated, `[c, h, w]`."""
    height, width = picture.shape[-2:] if size is None else size
    seen = picture.movedim(0, -1).contiguous().numpy()
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(seen, to_frame, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    moved = moved[..., None] if moved.ndim == 2 else moved
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(moved, -1, 0)))


def _refined(base: Tensor, frame: Tensor, landmarks: Landmarks, start: Affine) -> Alignment:
    """Register what the landmarks left over, and keep it where it lies better."""
    height, width = base.shape[-2:]
    near = apply_map(frame, start, (height, width))
    refined = compose_affine(start, pixel_motion(base, near))
    weights = _face_weights(landmarks, height, width)
    before = _likeness(base, near, weights)
    after = _likeness(base, apply_map(frame, refined, (height, width)), weights)
    if after > before:
        return Alignment(refined, after, "landmarks and pixels")
    return Alignment(start, before, "landmarks")


def _face_weights(landmarks: Landmarks, height: int, width: int) -> Tensor:
    """1 inside the hull of the landmarks, `[H, W]`: background moves otherwise than the face."""
    mask = np.zeros((height, width), np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(landmarks.points).astype(np.int32)), 1.0)
    return torch.from_numpy(mask)


def _likeness(a: Tensor, b: Tensor, weights: Tensor) -> float:
    """Weighted correlation of the luma of two pictures; 0 where one of them is flat."""
    a, b = a.mean(dim=0), b.mean(dim=0)
    total = weights.sum().clamp(min=1)
    a, b = (x - (x * weights).sum() / total for x in (a, b))
    spread = ((a * a * weights).sum() * (b * b * weights).sum()).sqrt()
    return float((a * b * weights).sum() / spread) if spread > 1e-6 else 0.0
