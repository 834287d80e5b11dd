"""Where the faces are in a picture, and aligned cuts of them that gradients can flow through."""

from __future__ import annotations

from sharpening.models.face_align.borrow import sequence_landmarks
from sharpening.models.face_align.chip import CHIP_SIZE, chip_grid, extract_chip, extract_square_chip, square_landmarks
from sharpening.models.face_align.detect import Face, eye_distance, find_faces, standard_square
from sharpening.models.face_align.dlib_models import LANDMARKS_68_TERMS
from sharpening.models.face_align.ffhq import align_ffhq
from sharpening.models.face_align.forms import FORMS, align, form_way
from sharpening.models.face_align.landmarks import LANDMARK_GROUPS, Landmarks
from sharpening.models.face_align.points68 import find_landmarks
from sharpening.models.face_align.pose import Pose, head_pose
from sharpening.models.face_align.way import Aligned, Way

__all__ = [
    "CHIP_SIZE",
    "FORMS",
    "LANDMARKS_68_TERMS",
    "LANDMARK_GROUPS",
    "Aligned",
    "Face",
    "Landmarks",
    "Pose",
    "Way",
    "align",
    "align_ffhq",
    "chip_grid",
    "extract_chip",
    "extract_square_chip",
    "eye_distance",
    "find_faces",
    "find_landmarks",
    "form_way",
    "head_pose",
    "sequence_landmarks",
    "square_landmarks",
    "standard_square",
]
