"""The regions of a picture that are spoken of one by one: parts of the face, or where no face is known, ninths of the picture."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from sharpening.frames.face_places import FacePlace
from sharpening.models.face_id.judge import FaceJudge

__all__ = ["REST", "SURROUNDINGS", "face_in", "regions_of"]

Mask = NDArray[np.bool_]

REST, SURROUNDINGS = "rest of the face", "hair and background"

# Ellipses in the face's own axes (`FacePlace`): centre and half of the extents in eye distances; an eye has its brow with it. The places
# are those of dlib's 68 points on 38 true pictures of the valid split. Five landmarks do here: the 68 exclude commercial use.
_ELLIPSES: dict[str, tuple[float, float, float, float]] = {
    "left eye": (0.53, -0.1, 0.42, 0.36),
    "right eye": (-0.53, -0.1, 0.42, 0.36),
    "mouth": (0.0, 1.12, 0.55, 0.34),
    "nose": (0.0, 0.42, 0.36, 0.48),
    REST: (0.0, 0.4, 1.25, 1.6),
}
_ROWS, _COLUMNS = ("upper", "middle", "lower"), ("left", "centre", "right")


def face_in(picture: NDArray[np.float32], judge: FaceJudge | None) -> FacePlace | None:
    """Where the largest face of a picture lies; None where none is found, or nobody is there to look.

    Args:
        picture: `[H, H, 3]`, RGB in [0, 1].
        judge: finds faces.
    """
    if judge is None:
        return None
    points = judge.locate(torch.from_numpy(np.ascontiguousarray(picture)).float().movedim(-1, 0)[None])[0].numpy()
    if not np.isfinite(points).all():
        return None
    (left_x, left_y), (right_x, right_y) = (points[:4].reshape(2, 2, 2).mean(axis=1) + 0.5) / len(picture)  # of two corners each
    return FacePlace((float(left_x), float(left_y)), (float(right_x), float(right_y)))


def regions_of(face: FacePlace | None, size: tuple[int, int]) -> dict[str, Mask]:
    """Divide a picture: every pixel is in exactly one region, and none is empty.

    Args:
        face: where it lies; None divides the picture into ninths. The left eye is the person's own left one.
        size: height and width of the picture [px].

    Returns:
        Bool `[H, W]` of each, in the order in which they are spoken of.
    """
    return _ninths(*size) if face is None else _parts(face, *size)


def _parts(face: FacePlace, height: int, width: int) -> dict[str, Mask]:
    across, down = _face_axes(face, height, width)
    left = np.ones((height, width), np.bool_)
    found = {}
    for name, (x, y, half_width, half_height) in _ELLIPSES.items():
        found[name] = left & (((across - x) / half_width) ** 2 + ((down - y) / half_height) ** 2 <= 1)
        left &= ~found[name]
    found[SURROUNDINGS] = left
    return {name: mask for name, mask in found.items() if mask.any()}


def _face_axes(face: FacePlace, height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Each pixel in the face's axes: towards the person's left and towards the chin, in eye distances."""
    (lx, ly), (rx, ry) = face.left_eye, face.right_eye
    ax, ay = lx - rx, ly - ry
    dx = (np.arange(width) + 0.5)[None] / width - (lx + rx) / 2
    dy = (np.arange(height) + 0.5)[:, None] / height - (ly + ry) / 2
    distance = max(ax * ax + ay * ay, 1e-9)
    return (dx * ax + dy * ay) / distance, (dy * ax - dx * ay) / distance


def _ninths(height: int, width: int) -> dict[str, Mask]:
    row, column = np.arange(height) * 3 // height, np.arange(width) * 3 // width
    found = {}
    for r, down in enumerate(_ROWS):
        for c, across in enumerate(_COLUMNS):
            name = "centre" if (r, c) == (1, 1) else f"{down} {across}"
            found[name] = (row == r)[:, None] & (column == c)[None]
    return found
