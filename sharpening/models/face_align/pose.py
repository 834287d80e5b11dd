"""Which way a head is turned, from its landmarks: a rigid model of a face seen through a pinhole camera.

Axes of the model and of the camera alike: x to the right of the picture (the person's left), y down, z away from the viewer; unit of the
model is the eye distance, its origin the middle between the eyes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from sharpening.errors import RangeError
from sharpening.models.face_align.forms import similarity
from sharpening.models.face_align.landmarks import Landmarks, Points

__all__ = ["FACE_MODEL", "Pose", "face_model", "head_pose"]

# Ours: the rank-3 factorisation under scaled orthography, made metric (Tomasi and Kanade 1992, doi:10.1007/BF00129684; made symmetric by
# adding every shape mirrored), of the landmarks that `find_landmarks` gave on 1473 training stills and 485 frames of training clips,
# 22 November 2026. Straight ahead is the median face of these pictures (to two degrees), so pitch 0 is how people look into a camera,
# not the Frankfort plane. Depth is known to about a tenth: refitted on parts of the data it came out 0.87 to 1.01 times this. The nose's
# tip lies 0.65 before the outer eye corners, 41 mm at 63 mm between the eyes, as on measured heads.
FACE_MODEL: dict[int, tuple[float, float, float]] = {
    27: (0.0, -0.037, -0.276),
    28: (0.0, 0.153, -0.373),
    29: (0.0, 0.343, -0.482),
    30: (0.0, 0.538, -0.585),
    31: (-0.224, 0.675, -0.272),
    32: (-0.116, 0.714, -0.326),
    33: (0.0, 0.749, -0.363),
    34: (0.116, 0.714, -0.326),
    35: (0.224, 0.675, -0.272),
    36: (-0.693, 0.004, 0.061),
    37: (-0.571, -0.066, 0.001),
    38: (-0.426, -0.064, -0.024),
    39: (-0.298, 0.026, -0.026),
    40: (-0.435, 0.050, -0.018),
    41: (-0.578, 0.050, 0.005),
    42: (0.298, 0.026, -0.026),
    43: (0.426, -0.064, -0.024),
    44: (0.571, -0.066, 0.001),
    45: (0.693, 0.004, 0.061),
    46: (0.578, 0.050, 0.005),
    47: (0.435, 0.050, -0.018),
    48: (-0.450, 1.047, 0.132),
    54: (0.450, 1.047, 0.132),
}
"""Nose, eyes and corners of the mouth: number of the landmark → x, y, z [eye distances]. Brows, lips and jaw move by themselves."""

# Focal length in longer sides of the picture: a face that fills a standard crop is then a good metre away.
_FOCAL = 4.0
# Points further off than this many times the median are left out of the second fit.
_OUTLIER = 3.0


@dataclass(frozen=True)
class Pose:
    """How a head is turned. All angles are 0 for a face that looks straight into the camera.

    Attributes:
        yaw: to the side [degrees]; above 0 the person turns to his own left, the nose towards the right of the picture.
        pitch: up and down [degrees]; above 0 he looks up.
        roll: tilt within the picture [degrees]; above 0 towards his own left shoulder, clockwise as seen.
        error: root mean square by which the model misses the landmarks [eye distances]; 0.02 to 0.06 for nine in ten clear faces.
            Above 0.15 the landmarks are no face, and the angles mean nothing.
    """

    yaw: float
    pitch: float
    roll: float
    error: float

    @property
    def away(self) -> float:
        """Angle between the direction the face looks in and the one to the camera [degrees], 0 for a frontal face; roll does not count."""
        cosine = math.cos(math.radians(self.yaw)) * math.cos(math.radians(self.pitch))
        return math.degrees(math.acos(min(max(cosine, -1.0), 1.0)))


def face_model() -> tuple[list[int], Points]:
    """The numbers of the landmarks in the model, and their places `[n, 3]` [eye distances]."""
    return list(FACE_MODEL), np.array(list(FACE_MODEL.values()), np.float64)


def head_pose(landmarks: Landmarks, size: tuple[int, int]) -> Pose:
    """How the head is turned.

    Args:
        landmarks: of a picture.
        size: height and width of it [px].

    Raises:
        RangeError: when the landmarks span no face (two eyes in one place), or the size is none.

    Source: the angles by OpenCV's `solvePnP` (Levenberg and Marquardt's least squares), started from the affine fit.
    """
    if min(size) < 1:
        raise RangeError("size", size, "height and width of at least 1 pixel")
    numbers, model = face_model()
    seen = landmarks.points[numbers]
    if landmarks.eye_distance < 1e-6:
        raise RangeError("landmarks", "both eyes in one place", "the landmarks of a face")
    camera = np.array([[_FOCAL * max(size), 0, (size[1] - 1) / 2], [0, _FOCAL * max(size), (size[0] - 1) / 2], [0, 0, 1]])
    turn, shift = _fitted(model, seen, camera)
    off = _misses(model, seen, camera, turn, shift)
    near = off <= _OUTLIER * np.median(off)
    if not near.all():
        turn, shift = _refined(model[near], seen[near], camera, turn, shift)
        off = _misses(model, seen, camera, turn, shift)
    unit = camera[0, 0] / max(shift[2], 1e-6)  # pixels of one eye distance at the face's depth, however it is turned
    return Pose(*_angles(turn), error=float(np.sqrt((off**2).mean()) / unit))


def _fitted(model: Points, seen: Points, camera: Points) -> tuple[Points, Points]:
    """Rotation and translation of least squared error, from the affine fit and from a frontal face; the better of the two."""
    fits = []
    for start in _starts(model, seen, camera):
        for fit in (start, _refined(model, seen, camera, *start)):
            fits.append((float((_misses(model, seen, camera, *fit) ** 2).mean()), fit))
    return min(fits, key=lambda one: one[0])[1]


def _starts(model: Points, seen: Points, camera: Points) -> list[tuple[Points, Points]]:
    """First guesses: a frontal face, tilted in the picture, and the affine fit's rotation where that looks at the camera."""
    flat = similarity(model[:, :2], seen)
    size = max(float(np.hypot(*flat[:, 0])), 1e-6)
    frontal = np.eye(3)
    frontal[:2, :2] = flat[:, :2] / size
    affine = np.linalg.lstsq(model - model.mean(axis=0), seen - seen.mean(axis=0), rcond=None)[0].T
    u, stretch, v = np.linalg.svd(affine, full_matrices=False)
    across = u @ v
    turned = np.vstack([across, np.cross(across[0], across[1])])
    guesses = [(frontal, size), (turned, max(float(stretch.mean()), 1e-6))]
    return [(turn, _placed(model, seen, camera, turn, unit)) for turn, unit in guesses if turn[2, 2] > 0]


def _placed(model: Points, seen: Points, camera: Points, turn: Points, unit: float) -> Points:
    """Where the model stands when its middle lies on that of the landmarks and an eye distance is `unit` px."""
    aside = (seen.mean(axis=0) - camera[:2, 2]) / unit
    return np.array([*aside, camera[0, 0] / unit]) - turn @ model.mean(axis=0)


def _refined(model: Points, seen: Points, camera: Points, turn: Points, shift: Points) -> tuple[Points, Points]:
    vector = cv2.Rodrigues(turn)[0]
    done, vector, moved = cv2.solvePnP(
        model, seen, camera, None, vector, shift.reshape(3, 1).copy(), useExtrinsicGuess=True, flags=cv2.SOLVEPNP_ITERATIVE
    )
    better = cv2.Rodrigues(vector)[0]
    usable = done and np.isfinite(better).all() and moved[2, 0] > 0 and better[2, 2] > 0
    return (np.asarray(better), np.asarray(moved[:, 0])) if usable else (turn, shift)


def _misses(model: Points, seen: Points, camera: Points, turn: Points, shift: Points) -> Points:
    """Distance of each landmark from where the model has it [px]."""
    placed = (model @ turn.T + shift) @ camera.T
    return np.asarray(np.hypot(*(placed[:, :2] / placed[:, 2:] - seen).T))


def _angles(turn: Points) -> tuple[float, float, float]:
    """Yaw, pitch and roll [degrees] of `turn` = turn about y · turn about x · turn about z."""
    yaw = math.atan2(-turn[0, 2], turn[2, 2])
    pitch = math.asin(min(max(turn[1, 2], -1.0), 1.0))
    roll = math.atan2(turn[1, 0], turn[1, 1])
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)
