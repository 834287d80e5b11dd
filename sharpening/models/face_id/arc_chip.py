"""The cut on which ArcFace nets learned: both eyes at fixed places of a square of 112 px."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpening.models.face_align.chip import chip_geometry, extract_chip

__all__ = ["ARC_SIZE", "extract_arc_chip"]

ARC_SIZE = 112
_LEFT_EYE = complex(38.2946, 51.6963)
_RIGHT_EYE = complex(73.5318, 51.5014)


def extract_arc_chip(pictures: Tensor, landmarks: Tensor, *, size: int = ARC_SIZE) -> Tensor:
    """Cut faces out so that the eyes lie where ArcFace nets expect them, with gradients for both arguments.

    The published cut brings five points (eyes, nose, corners of the mouth) near their places; dlib's five points have no mouth, so
    the middles of the eyes decide alone, and are brought there exactly.

    Args:
        pictures: float `[bs, 3, H, W]`, any range.
        landmarks: `[bs, 5, 2]` (x, y) [px], dlib's five points.
        size: side of the chip [px].

    Returns:
        `[bs, 3, size, size]` in the range of the pictures.

    Raises:
        ShapeError: when the two do not fit together.
        RangeError: when a landmark is not a finite number.

    Source: the five places are those of Deng et al., 2019, arXiv:1801.07698, in its published code.
    """
    landmarks = landmarks.to(pictures)
    centre, axis = (torch.view_as_complex(part.contiguous()) for part in chip_geometry(landmarks))
    points = torch.view_as_complex(landmarks.contiguous())
    right, left = points[:, 0:2].mean(dim=1), points[:, 2:4].mean(dim=1)
    step = (right - left) / (_RIGHT_EYE - _LEFT_EYE)
    middle = complex((ARC_SIZE - 1) / 2, (ARC_SIZE - 1) / 2)
    # Moved points whose dlib chip is the wanted square: that chip turns, grows and shifts with its points.
    turn = (step * ARC_SIZE / axis)[:, None]
    moved = (left + (middle - _LEFT_EYE) * step)[:, None] + turn * (points - centre[:, None])
    return extract_chip(pictures, torch.view_as_real(moved), size=size)
