"""Outlines of the parts of a face, from its 68 landmarks.

Landmarks run along the rim of the eye, the line of the brow, the ridge of the nose. The outlines add what belongs to the part (lids, hairs,
nostril wings) in the face's own axes: `across` from the person's right eye to the left, so that it shortens when the head turns, and `down`
along the face, one eye distance long.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_seg.margins import face_scale

__all__ = ["Frame", "face_frame", "face_outline", "hair_outline", "skin_outlines", "small_outlines"]

Points = NDArray[np.float64]

# How far parts reach beyond their landmarks, in eye distances.
_LID_UP, _LID_DOWN, _LID_SIDE = 0.11, 0.09, 0.06
_BROW_UP, _BROW_DOWN, _BROW_SIDE = 0.07, 0.08, 0.05
_LIP = 0.03
_BRIDGE, _RIDGE, _WING, _BASE = 0.12, 0.15, 0.11, 0.05

_FOREHEAD = 0.85  # of the way from the brows to the base of the nose: the hairline is about as far above the brows
_LEAST_FOREHEAD = 0.7  # eye distances above the ears, for heads that look up
_HAIR_WIDE, _HAIR_TALL = 1.35, 1.5  # the outer border of the hair, in widths and heights of the forehead
_FAR = 10.0  # eye distances: beyond any face


class Frame(NamedTuple):
    """The axes of a face.

    Attributes:
        across: from the person's right eye to the left (x, y) [px], as long as they are apart in the picture.
        down: along the face towards the chin (x, y) [px], one eye distance of the same face seen from the front.
    """

    across: Points
    down: Points


def face_frame(landmarks: Landmarks) -> Frame:
    """The axes of a face from its landmarks."""
    left, right = landmarks.eye_centres
    # Bridge and chin both lie in the plane of symmetry, and far apart: steadier than a normal on the line of the eyes.
    spine = landmarks.points[8] - landmarks.points[27]
    return Frame(left - right, spine / max(float(np.hypot(*spine)), 1e-6) * face_scale(landmarks))


def small_outlines(landmarks: Landmarks) -> dict[str, Points]:
    """Outlines `[n, 2]` (x, y) [px] of eyes (with lids), brows, mouth and nose (with wings, up to between the eyes)."""
    frame = face_frame(landmarks)
    outlines = {}
    for side in ("left", "right"):
        outlines[f"{side}_eye"] = _padded(landmarks.group(f"{side}_eye"), frame, _LID_UP, _LID_DOWN, _LID_SIDE)
        outlines[f"{side}_brow"] = _padded(landmarks.group(f"{side}_brow"), frame, _BROW_UP, _BROW_DOWN, _BROW_SIDE)
    outlines["mouth"] = _padded(landmarks.group("mouth"), frame, _LIP, _LIP, _LIP)
    outlines["nose"] = _nose(landmarks.points, frame)
    return outlines


def face_outline(landmarks: Landmarks) -> Points:
    """The convex outline `[n, 2]` [px] of the face: jaw, brows, and the forehead that no landmark marks."""
    inner = [landmarks.group(name) for name in ("jaw", "left_brow", "right_brow", "left_eye", "right_eye", "mouth")]
    return _hull(np.concatenate([*inner, _arc(landmarks, 1.0, 1.0)]))


def skin_outlines(landmarks: Landmarks) -> dict[str, Points]:
    """Outlines `[n, 2]` [px] that divide the face: whatever of it lies in none of them is the right cheek.

    They reach far out of the face, and overlap: the forehead goes before the chin, and the chin before the left cheek. The left cheek lies
    on the person's left of the middle line, the forehead above the eyes, the chin under the mouth.
    """
    points = landmarks.points
    across, down = face_frame(landmarks)
    side = across / max(float(np.hypot(*across)), 1e-6) * np.hypot(*down) * _FAR
    middle = points[[27, 28, 29, 30, 33, 51, 57, 8]]
    left = np.concatenate([[middle[0] - _FAR * down], middle, [middle[-1] + _FAR * down]])
    left = np.concatenate([left, [left[-1] + side, left[0] + side]])
    eyes = points[[0, 36, 39, 27, 42, 45, 16]]
    forehead = np.concatenate(
        [[eyes[0] - side], eyes, [eyes[-1] + side, eyes[-1] + side - _FAR * down, eyes[0] - side - _FAR * down]]
    )
    jaw = points[[5, 11]]
    chin = np.array([points[48], points[54], jaw[1], jaw[1] + _FAR * down, jaw[0] + _FAR * down, jaw[0]])
    return {"left_cheek": left, "forehead": forehead, "chin": chin}


def hair_outline(landmarks: Landmarks) -> Points:
    """The outer border `[n, 2]` [px] of a band round the upper face, down to the height of the nose's base at the sides."""
    arc = _arc(landmarks, _HAIR_WIDE, _HAIR_TALL)
    drop = 0.6 * face_frame(landmarks).down
    return np.concatenate([[arc[0] + drop], arc, [arc[-1] + drop]])


def _padded(points: Points, frame: Frame, up: float, down: float, side: float) -> Points:
    across = frame.across * side
    moves = (-up * frame.down, down * frame.down, across, -across)
    return _hull(np.concatenate([points + move for move in moves]))


def _nose(points: Points, frame: Frame) -> Points:
    """Down the right of the ridge, round the wings, up the left: not convex, so that the corners of the eyes stay out."""
    across, down = frame
    rows = ((27, 27, _BRIDGE, 0.0), (28, 28, _BRIDGE, 0.0), (29, 29, _RIDGE, 0.0), (31, 35, _WING, -0.14), (31, 35, _WING, _BASE))
    right = [points[row[0]] - row[2] * across + row[3] * down for row in rows]
    left = [points[row[1]] + row[2] * across + row[3] * down for row in rows]
    return np.array([*right, points[33] + 1.5 * _BASE * down, *left[::-1]])


def _arc(landmarks: Landmarks, wide: float, tall: float) -> Points:
    """Half an ellipse from the person's right ear over the hairline to the left ear, `[n, 2]` [px]."""
    points, down = landmarks.points, face_frame(landmarks).down
    up = -down / np.hypot(*down)
    ears, brows = (points[0] + points[16]) / 2, points[17:27].mean(axis=0)
    height = (brows - ears) @ up + _FOREHEAD * max(0.0, (brows - points[33]) @ up)
    height = max(float(height), _LEAST_FOREHEAD * float(np.hypot(*down)))
    angles = np.linspace(0, np.pi, 33)[:, None]
    return np.asarray(ears - wide * np.cos(angles) * (points[16] - points[0]) / 2 + tall * np.sin(angles) * height * up)


def _hull(points: Points) -> Points:
    return np.asarray(cv2.convexHull(points.astype(np.float32))[:, 0], np.float64)
