"""Scores of a face that follow from its landmarks alone, to train boundaries on."""

from __future__ import annotations

import numpy as np

from sharpening.errors import RangeError
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.pose import head_pose

__all__ = ["NO_FACE", "pose_score", "smile_score"]

NO_FACE = 0.15
"""Error of a head's pose [eye distances] from which on the landmarks are no face; see `face_align.pose.Pose`."""

_CORNERS = (48, 54)
_MIDDLES = (51, 57)  # of the upper and the lower lip
_WIDTH = 0.5  # a smile draws the corners apart by about twice what it lifts them


def pose_score(landmarks: Landmarks, size: tuple[int, int]) -> float:
    """How far a head is turned to the side [degrees], above 0 to the person's own left; NaN where the landmarks are no face.

    Args:
        landmarks: of a picture.
        size: height and width of it [px].

    Raises:
        RangeError: both eyes lie in one place.
    """
    pose = head_pose(landmarks, size)
    return pose.yaw if pose.error <= NO_FACE else float("nan")


def smile_score(landmarks: Landmarks) -> float:
    """How much a mouth smiles: its corners lifted over the middle of the lips, and drawn apart; only the order of scores has a meaning.

    Ours. It is measured along the line of the eyes and across it, in eye distances, so that tilt and size do not count; a turn to the side
    makes mouth and eye distance narrower alike. An open mouth lowers the middle of the lips and counts as a little smile.

    Args:
        landmarks: of a picture.

    Raises:
        RangeError: both eyes lie in one place.
    """
    left, right = landmarks.eye_centres
    unit = landmarks.eye_distance
    if unit < 1e-6:
        raise RangeError("landmarks", "both eyes in one place", "the landmarks of a face")
    across = (left - right) / unit
    down = np.array([-across[1], across[0]])
    corners, middles = landmarks.points[list(_CORNERS)] / unit, landmarks.points[list(_MIDDLES)] / unit
    lift = float((middles @ down).mean() - (corners @ down).mean())
    width = float((corners[1] - corners[0]) @ across)
    return lift + _WIDTH * width
