"""The landmarks of all frames: found, borrowed, or, where no frame shows a whole face, found in all of them together."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpening.imaging.convert import to_uint8
from sharpening.models.basic_blocks.registration import affine_grid, estimate_affine, pixel_affine, shrunk
from sharpening.models.basic_blocks.warp import warp
from sharpening.models.face_align.borrow import sequence_landmarks
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.points68 import find_landmarks

__all__ = ["find_points"]

FROM_ALL = 0.5  # of how sure the landmarks of the median are, for those carried from there into a frame


def find_points(pictures: Tensor) -> list[Landmarks | None]:
    """The landmarks of each of pictures `[n, 3, H, W]` in [0, 1]; None where no face is.

    Damage in every frame can hide the face from the detector in all of them, though each place is whole in most. The median of the frames,
    brought onto the middle one, then shows it.
    """
    found = sequence_landmarks(list(to_uint8(pictures)))
    if any(each is not None for each in found) or len(pictures) < 3:
        return found
    height, width = pictures.shape[-2:]
    small = shrunk(pictures)
    middle = len(pictures) // 2
    maps = estimate_affine(small[middle].expand_as(small), small)
    moved = warp(pictures, affine_grid(maps, height, width))
    seen = find_landmarks(to_uint8(moved.median(dim=0).values))
    if seen is None:
        return found
    sure = FROM_ALL * seen.sure
    each_map = [pixel_affine(each, height, width) for each in torch.unbind(maps)]
    return [Landmarks(seen.moved(each).points, sure, "borrowed") for each in each_map]
