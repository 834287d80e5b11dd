"""Where the faces are in a picture, and aligned cuts of them that gradients can flow through."""

from __future__ import annotations

from sharpening.models.face_align.chip import CHIP_SIZE, chip_grid, extract_chip, extract_square_chip, square_landmarks
from sharpening.models.face_align.detect import Face, eye_distance, find_faces, standard_square

__all__ = [
    "CHIP_SIZE",
    "Face",
    "chip_grid",
    "extract_chip",
    "extract_square_chip",
    "eye_distance",
    "find_faces",
    "square_landmarks",
    "standard_square",
]
