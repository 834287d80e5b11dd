"""Finding faces and their five landmarks with dlib, in small and poor pictures too.

Coordinates are pixels of the given picture, (x, y), counted so that the centre of the first pixel is (0, 0).

The five landmarks stand in dlib's order, named by the sides of the *person* (whose left eye is on the right of the picture):

0. left eye, outer corner
1. left eye, inner corner
2. right eye, outer corner
3. right eye, inner corner
4. the base of the nose, between the nostrils
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from sharpening.errors import RangeError, ShapeError
from sharpening.models.face_align.dlib_models import FIVE_POINTS, dlib_model_path
from sharpening.models.face_align.square import CENTRE_BELOW_EYES, CENTRE_BESIDE_EYES, SIDE_IN_EYE_DISTANCES

__all__ = ["Face", "eye_centres", "eye_distance", "find_faces", "standard_square"]

# The smallest face that the detector's window fits, in pixels.
_WINDOW = 80
# On stills of 32×32 enlarged to 128, 192, 256, 384 px the landmarks are off by 0.030, 0.027, 0.026, 0.025 eye distances.
_SHORT_SIDE = 256
# Faces down to 80 / 4 = 20 px are searched for, if the enlarged picture stays under this many pixels (about 1.5 s of one core).
_MOST_ENLARGED = 4.0
_MOST_PIXELS = 12_000_000


@dataclass(frozen=True, eq=False)
class Face:
    """One face in a picture.

    Attributes:
        box: left, top, right, bottom of the detector's square [px]; may reach over the border of the picture.
        landmarks: float64 `[5, 2]` (x, y) [px] in dlib's order, see the head of this module.
        score: how far the detector was above its threshold [-]; clear frontal faces reach 1 to 3.
    """

    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    score: float

    @property
    def side(self) -> float:
        """Side of the detector's square [px]."""
        return self.box[2] - self.box[0]


def find_faces(picture: np.ndarray, *, upsample: int | None = None, threshold: float = 0.0) -> list[Face]:
    """All upright, roughly frontal faces in a picture, the largest first; an empty list when there is none.

    Left to itself it looks in the picture as it is, and only when nothing is found in enlarged ones, so that faces of 20 px and
    whole pictures of 32×32 px work. Not for several threads at a time: dlib's detector keeps state.

    Args:
        picture: uint8 `[H, W, 3]` RGB.
        upsample: how many times to double the picture before the one search; None chooses.
        threshold: added to the detector's own threshold; below 0 finds more faces, false ones too.

    Raises:
        ShapeError: when the picture is not uint8 `[H, W, 3]`.
        RangeError: when `upsample` is negative.
    """
    _check_picture(picture)
    if upsample is not None and upsample < 0:
        raise RangeError("upsample", upsample, "None, 0 or more", "Leave it out to have it chosen.")
    factors = _factors(*picture.shape[:2]) if upsample is None else [2.0**upsample]
    for factor in factors:
        if faces := _find_at(picture, factor, threshold):
            return faces
    return []


def eye_centres(face: Face) -> tuple[np.ndarray, np.ndarray]:
    """Centres (x, y) [px] of the person's left and right eye: the mean of the two corners of each."""
    return face.landmarks[0:2].mean(axis=0), face.landmarks[2:4].mean(axis=0)


def eye_distance(face: Face) -> float:
    """Distance between the eye centres [px]."""
    left, right = eye_centres(face)
    return float(np.hypot(*(left - right)))


def standard_square(face: Face) -> tuple[float, float, float]:
    """The upright standard crop round a face, as (centre x, centre y, side) [px].

    The side is 4.39 eye distances. The centre is about where the faces of the training pictures have it (`square.py`); the crop runs from
    centre - side / 2 to centre + side / 2, where a pixel i covers i - 0.5 to i + 0.5.
    """
    left, right = eye_centres(face)
    sideways = left - right  # the face's own axes, one eye distance long, so a tilted head keeps its place
    down = np.array([-sideways[1], sideways[0]])
    centre = (left + right) / 2 + CENTRE_BESIDE_EYES * sideways + CENTRE_BELOW_EYES * down
    return float(centre[0]), float(centre[1]), SIDE_IN_EYE_DISTANCES * eye_distance(face)


def _check_picture(picture: np.ndarray) -> None:
    advice = "Read pictures with sharpening.imaging.files.read_picture."
    if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ShapeError("picture", tuple(picture.shape), "[H, W, 3]", advice)
    if picture.dtype != np.uint8:
        raise ShapeError("picture", picture.dtype, "uint8, 0 to 255", advice)


def _factors(height: int, width: int) -> list[float]:
    """Enlargements to try in turn."""
    short = min(height, width)
    most = max(1.0, math.sqrt(_MOST_PIXELS / (height * width)))
    wanted = [1.0, max(2.0, _SHORT_SIDE / short), _MOST_ENLARGED]
    factors: list[float] = []
    for factor in (min(f, most) for f in wanted):
        fits = factor * short >= _WINDOW or factor > 1
        if fits and (not factors or factor > 1.25 * factors[-1]):
            factors.append(factor)
    return factors


def _find_at(picture: np.ndarray, factor: float, threshold: float) -> list[Face]:
    enlarged = np.ascontiguousarray(_enlarge(picture, factor))
    boxes, scores, _ = _detector().run(enlarged, 0, threshold)
    faces = [
        _face(enlarged, box, score, picture.shape[1] / enlarged.shape[1], picture.shape[0] / enlarged.shape[0])
        for box, score in zip(boxes, scores, strict=True)
    ]
    return sorted(faces, key=lambda face: face.side, reverse=True)


def _enlarge(picture: np.ndarray, factor: float) -> np.ndarray:
    if factor == 1.0:
        return picture
    size = round(picture.shape[1] * factor), round(picture.shape[0] * factor)
    return cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC)


def _face(enlarged: np.ndarray, box: Any, score: float, scale_x: float, scale_y: float) -> Face:
    """A face found in the enlarged picture, in pixels of the given one."""
    parts = [(part.x, part.y) for part in _predictor()(enlarged, box).parts()]
    corners = [(box.left(), box.top()), (box.right(), box.bottom())]
    points = (np.array(corners + parts, dtype=np.float64) + 0.5) * (scale_x, scale_y) - 0.5
    left, top, right, bottom = points[:2].ravel().tolist()
    return Face(box=(left, top, right, bottom), landmarks=points[2:], score=float(score))


@functools.cache
def _detector() -> Any:
    import dlib

    return dlib.get_frontal_face_detector()


@functools.cache
def _predictor() -> Any:
    import dlib

    return dlib.shape_predictor(str(dlib_model_path(FIVE_POINTS)))
