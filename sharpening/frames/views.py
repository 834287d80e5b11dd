"""The geometry of damaged sequences: what each frame sees of the still, and how its points have moved."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpening.frames.degrade_params import DegradeParams, FrameParams
from sharpening.frames.face_motion import FaceMotion, displacement, residual_motion, sample_field

__all__ = ["affine_of", "bend_of", "motion_of", "see", "see_alive", "view_of"]

Picture = NDArray[np.uint8]
Affine = NDArray[np.float64]


def affine_of(frame: FrameParams, size_out: int) -> Affine:
    """3×3 map from frame coordinates to scene coordinates, both −1 … 1."""
    angle = np.deg2rad(frame.angle)
    cos, sin = np.cos(angle) / frame.zoom, np.sin(angle) / frame.zoom
    unit = 2 / size_out
    return np.array([[cos, -sin, frame.dx * unit], [sin, cos, frame.dy * unit], [0, 0, 1]])


def view_of(params: DegradeParams) -> Affine:
    """3×3 map from scene coordinates to the still, both −1 … 1."""
    side, x, y = params.view
    return np.array([[side, 0, 2 * x], [0, side, 2 * y], [0, 0, 1.0]])


def _pixels(size: int) -> Affine:
    """3×3 map from −1 … 1 (pixel edges at ±1) to pixel centres 0 … size − 1."""
    return np.array([[size / 2, 0, (size - 1) / 2], [0, size / 2, (size - 1) / 2], [0, 0, 1]])


def see(picture: Picture, scene: Affine, size: int) -> Picture:
    """What a camera of `size` px sees whose coordinates `scene` maps to the picture."""
    matrix = _pixels(picture.shape[0]) @ scene @ np.linalg.inv(_pixels(size))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(picture, matrix[:2], (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(seen, np.uint8)


def motion_of(frame: FrameParams, middle: FrameParams, size_out: int) -> NDArray[np.float32]:
    """`[2, 3]`, from points of the middle to the same points in the frame, see `Damaged.motion`."""
    # A scene point seen at x in the middle is seen at A_i⁻¹ A_m x in frame i.
    matrix = np.linalg.inv(affine_of(frame, size_out)) @ affine_of(middle, size_out)
    return matrix[:2].astype(np.float32)


def bend_of(params: DegradeParams) -> NDArray[np.float32] | None:
    """`[n, size_in, size_in, 2]`, see `Damaged.bend`."""
    if all(frame.alive is None for frame in params.frames):
        return None
    middle, side = affine_of(params.frames[len(params.frames) // 2], params.size_out), params.size_in
    still = np.zeros((side, side, 2), np.float32)
    return np.stack(
        [
            still
            if frame.alive is None
            else residual_motion(
                displacement(frame.alive, params.size_out), middle, np.linalg.inv(affine_of(frame, params.size_out)), side
            )
            for frame in params.frames
        ]
    )


def see_alive(picture: Picture, view: Affine, scene: Affine, alive: FaceMotion, size: int) -> Picture:
    """As `_see` of `view @ scene`, of a face that moves between the two."""
    axis = (np.arange(size) + 0.5) * (2 / size) - 1
    points = (np.stack([*np.meshgrid(axis, axis), np.ones((size, size))], axis=-1) @ scene.T)[..., :2]
    points = points + sample_field(displacement(alive, size), points)
    to_pixels = _pixels(picture.shape[0]) @ view
    place = (points @ to_pixels[:2, :2].T + to_pixels[:2, 2]).astype(np.float32)
    seen = cv2.remap(picture, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(seen, np.uint8)
