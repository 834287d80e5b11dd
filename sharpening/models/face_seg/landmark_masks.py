"""Masks of the parts of a face from its landmarks: they need no network and are always there."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import RangeError
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_seg.margins import MARGINS, Mask, face_scale, margin_of, with_margins
from sharpening.models.face_seg.outlines import face_outline, hair_outline, skin_outlines, small_outlines
from sharpening.models.face_seg.parts import PARTS, SMALL_PARTS, part_names

__all__ = ["as_tensors", "landmark_masks", "skin_regions"]

_SHIFT = 4  # bits after the point that OpenCV's polygons have
_LARGEST = 1 << 20  # px: landmarks beyond are far outside any picture
_LARGEST_MARGIN = 4.0  # eye distances: more than the whole head


def landmark_masks(
    landmarks: Landmarks,
    size: tuple[int, int] | int,
    *,
    margin: float | None = None,
    parts: Iterable[str] = PARTS,
) -> dict[str, Tensor]:
    """Masks of the parts, drawn as polygons and widened by a margin.

    Without hair they cover the face without holes. Small parts (eyes, brows, nose, mouth) may overlap in their margins; skin gives way to
    them. The forehead, which no landmark marks, is taken to be as tall as the way from the brows to the base of the nose; hair is a
    band round it and no more than a guess.

    Args:
        landmarks: in pixels of the picture that the masks are for; parts may lie partly or wholly outside.
        size: height and width of that picture [px], or one number for a square.
        margin: how far each mask reaches beyond its part [eye distances]; None for the tested default of each part.
        parts: which are wanted; a mask does not depend on what else is asked for.

    Returns:
        float32 `[1, H, W]` of each, 1 = the part, 0 = anything else, on the CPU.

    Raises:
        RangeError: for an unknown part, a margin under 0 or over 4, an impossible size, or a face smaller than a pixel.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if height < 1 or width < 1:
        raise RangeError("size", size, "at least 1 pixel a side")
    wanted = [name for part in parts for name in part_names(part)]
    widest = max(margin_of(part, margin) for part in MARGINS)
    if widest > _LARGEST_MARGIN:
        raise RangeError("margin", margin, f"at most {_LARGEST_MARGIN:g} eye distances", "It is not in pixels.")
    scale = face_scale(landmarks)
    # A part just outside the picture may reach into it with its margin, so masks are drawn with room around.
    room = min(int(np.ceil(widest * scale)) + 1, max(height, width))
    masks = with_margins(_cores(landmarks, (height, width), room), scale, margin)
    inside = np.s_[room : room + height, room : room + width]
    return as_tensors({part: masks[part][inside] for part in wanted})


def as_tensors(masks: dict[str, Mask]) -> dict[str, Tensor]:
    """Bool `[H, W]` masks as float32 `[1, H, W]`."""
    return {part: torch.from_numpy(mask.astype(np.float32))[None] for part, mask in masks.items()}


def skin_regions(landmarks: Landmarks, shape: tuple[int, int], room: int = 0) -> dict[str, Mask]:
    """The whole plane divided into cheeks, forehead and chin.

    Args:
        landmarks: in pixels of the picture.
        shape: height and width of the picture [px].
        room: added on each side [px].

    Returns:
        Bool `[H + 2·room, W + 2·room]` of each; every pixel is in exactly one.
    """
    drawn = {part: _filled(outline, shape, room) for part, outline in skin_outlines(landmarks).items()}
    forehead = drawn["forehead"]
    chin = drawn["chin"] & ~forehead
    left = drawn["left_cheek"] & ~forehead & ~chin
    return {"left_cheek": left, "right_cheek": ~(left | forehead | chin), "forehead": forehead, "chin": chin}


def _cores(landmarks: Landmarks, shape: tuple[int, int], room: int) -> dict[str, Mask]:
    outlines = small_outlines(landmarks)
    face = _filled(face_outline(landmarks), shape, room)
    taken = np.zeros_like(face)
    cores = {}
    for part in SMALL_PARTS:
        cores[part] = _filled(outlines[part], shape, room) & ~taken
        taken |= cores[part]
    for part, region in skin_regions(landmarks, shape, room).items():
        cores[part] = region & face & ~taken
    cores["hair"] = _filled(hair_outline(landmarks), shape, room) & ~face & ~taken
    return cores


def _filled(outline: NDArray[np.float64], shape: tuple[int, int], room: int) -> Mask:
    canvas = np.zeros((shape[0] + 2 * room, shape[1] + 2 * room), np.uint8)
    points = np.clip(outline + room, -_LARGEST, _LARGEST) * (1 << _SHIFT)
    cv2.fillPoly(canvas, [np.rint(points).astype(np.int32)], (1,), lineType=cv2.LINE_8, shift=_SHIFT)
    return canvas.astype(bool)
