"""How a living face moves between two frames, beyond what any one affine map can say: it turns, speaks, blinks.

The motion is a displacement of the scene, known at every point, so made sequences can teach a net to follow what real clips show. Eyes and
mouth lie where an average face in the standard square has them; that need not be exact, since any smooth motion will do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["FaceMotion", "displacement", "residual_motion", "sample_field"]

Field = NDArray[np.float32]

FIELD = 64  # side of a field; the motion is smooth
_EYES, _EYE_Y, _MOUTH_Y = (-0.24, 0.24), -0.14, 0.4  # of the standard square, −1 … 1
_HEAD = (0.7, 0.95)  # half axes of the head seen from the front
_DEPTH = 0.6  # how far the face stands out before its rim; a head is about as deep as wide


@dataclass(frozen=True)
class FaceMotion:
    """Of one frame against the still picture.

    Attributes:
        yaw: turn to the side [degrees].
        pitch: nod [degrees].
        mouth: how far the lips move apart [px of the label].
        eyes: how far the lids move apart, negative when they close [px of the label].
        bend: amplitude of a smooth random field on top [px of the label].
        seed: of that field.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    mouth: float = 0.0
    eyes: float = 0.0
    bend: float = 0.0
    seed: int = 0


def displacement(motion: FaceMotion, size_out: int) -> Field:
    """The field `d` `[64, 64, 2]` (x, y; −1 … 1): the frame shows at a point s of the scene what the still has at s + d(s).

    Args:
        motion: What moves.
        size_out: Side of the label, whose pixels `motion` counts in.
    """
    unit = 2 / size_out
    axis = ((np.arange(FIELD) + 0.5) * (2 / FIELD) - 1).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    depth = _DEPTH * np.sqrt(np.clip(1 - (x / _HEAD[0]) ** 2 - (y / _HEAD[1]) ** 2, 0, None))
    depth = cv2.GaussianBlur(depth, (0, 0), 2.0)  # a rim as steep as the ellipsoid's would fold the picture
    dx = math.sin(math.radians(motion.yaw)) * depth
    dy = math.sin(math.radians(motion.pitch)) * depth
    # Towards the line between the lips (or lids) when they part: what is seen there was nearer to it.
    dy -= motion.mouth * unit * _bump(x, y, 0.0, _MOUTH_Y, 0.3, 0.25) * np.tanh((y - _MOUTH_Y) / 0.08)
    for eye in _EYES:
        dy -= motion.eyes * unit * _bump(x, y, eye, _EYE_Y, 0.14, 0.1) * np.tanh((y - _EYE_Y) / 0.04)
    field = np.stack([dx, dy], axis=-1).astype(np.float32)
    if motion.bend > 0:
        coarse = np.random.default_rng(motion.seed).uniform(-1, 1, (4, 4, 2)).astype(np.float32)
        field += motion.bend * unit * cv2.resize(coarse, (FIELD, FIELD), interpolation=cv2.INTER_CUBIC)
    return field


def _bump(x: Field, y: Field, cx: float, cy: float, width: float, height: float) -> Field:
    return np.asarray(np.exp(-(((x - cx) / width) ** 2) - ((y - cy) / height) ** 2), np.float32)


def sample_field(field: Field, points: NDArray[np.floating]) -> Field:
    """The field `[h, w, 2]` at points `[H, W, 2]` (−1 … 1), bilinearly; outside, the border counts."""
    side = field.shape[0]
    place = ((points + 1) * (side / 2) - 0.5).astype(np.float32)
    found = cv2.remap(field, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def residual_motion(field: Field, middle: NDArray[np.floating], way_back: NDArray[np.floating], side: int) -> Field:
    """What a frame's motion from the middle frame has beyond its affine part, at the middle's pixels.

    A scene point that the middle (which does not bend) shows at p is content A_m p. The frame shows it where s + d(s) = A_m p, that is, at
    A_i⁻¹ s; the equation is solved by putting s in again a few times.

    Args:
        field: From `displacement`.
        middle: 3×3, A_m, from the middle's coordinates to the scene.
        way_back: 3×3, A_i⁻¹, from the scene to the frame.
        side: Of the result [px of the frames].

    Returns:
        float32 `[side, side, 2]`, to be added to the affine motion, −1 … 1.
    """
    axis = (np.arange(side) + 0.5) * (2 / side) - 1
    points = np.stack([*np.meshgrid(axis, axis), np.ones((side, side))], axis=-1)
    wanted = (points @ middle.T)[..., :2]
    found = wanted
    for _ in range(5):
        found = wanted - sample_field(field, found)
    return np.asarray((found - wanted) @ way_back[:2, :2].T, np.float32)
