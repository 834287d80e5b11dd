"""Putting the restored face back into the whole frame, which is enlarged as far as that serves the face."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from sharpening.imaging.convert import to_tensor
from sharpening.models.face_align.crop import Square
from sharpening.models.face_align.fade import fading
from sharpening.models.face_align.way import Way
from sharpening.restore.film_face import FilmFace
from sharpening.restore.film_stream import Done

__all__ = ["Paste", "pasted"]

Picture = NDArray[np.uint8]

MOST_SIDE = 1920  # px: the longer side up to which a frame is enlarged
FEATHER = 1 / 8  # share of the square's side over which the face fades into the frame on each side


@dataclass(frozen=True)
class Paste:
    """How a frame is enlarged.

    Attributes:
        height: of the result [px].
        width: of it [px].
        factor: how many times larger it is than the frame.
    """

    height: int
    width: int
    factor: float

    @classmethod
    def of(cls, face: FilmFace, scale: float) -> Paste:
        """Enlarge so that the restored face keeps its pixels, but no side beyond `MOST_SIDE`, and never shrink.

        Args:
            face: the face of the film.
            scale: how many times larger than the cuts the restored pictures are.
        """
        height, width = face.frame_size
        factor = max(1.0, min(face.size * scale / face.native, MOST_SIDE / max(height, width)))
        return cls(round(height * factor), round(width * factor), factor)


def pasted(frames: Iterable[Picture], done: Iterable[Done], face: FilmFace, how: Paste) -> Iterator[Picture]:
    """The frames, enlarged by bicubic interpolation, with the restored face in its place; one without a face is only enlarged.

    Args:
        frames: uint8 `[H, W, 3]`, one after the other; of a reader of their own, so that none has to wait in memory.
        done: the restored pictures, in the same order.
        face: where the face is.
        how: size of the result.
    """
    for frame, each in zip(frames, done, strict=True):
        large = frame if how.factor == 1 else cv2.resize(frame, (how.width, how.height), interpolation=cv2.INTER_CUBIC)
        yield (
            _put_back(np.array(large, np.uint8), each.picture, face.path.square(each.at), how) if each.known else np.asarray(large)
        )


def _put_back(large: Picture, picture: Picture, square: Square, how: Paste) -> Picture:
    """Write the picture into the square of the enlarged frame, which is changed; only the surroundings of the square are touched."""
    height, width = large.shape[:2]
    cx, cy, side = (square[0] + 0.5) * how.factor - 0.5, (square[1] + 0.5) * how.factor - 0.5, square[2] * how.factor
    left, top = max(0, math.floor(cx - side / 2)), max(0, math.floor(cy - side / 2))
    right, bottom = min(width, math.ceil(cx + side / 2) + 1), min(height, math.ceil(cy + side / 2) + 1)
    if right <= left or bottom <= top:
        return large
    size, step = len(picture), len(picture) / side
    # From pixels of the part to pixels of the picture: the square's outer border lies on the picture's.
    matrix = np.array([[step, 0, (left - cx) * step + (size - 1) / 2], [0, step, (top - cy) * step + (size - 1) / 2]])
    way = Way(matrix, (bottom - top, right - left), (size, size))
    part = to_tensor(np.ascontiguousarray(large[top:bottom, left:right]))
    mixed = way.back(to_tensor(picture), part, fading(size, size, FEATHER)).clamp(0, 1)
    large[top:bottom, left:right] = (mixed * 255).round().to(torch.uint8).movedim(0, -1).numpy()
    return large
