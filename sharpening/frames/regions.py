"""Damaged places of a picture: where they are, and what they do to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Region", "blur_regions", "cover_regions", "region_mask"]

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Region:
    """A damaged place of one frame.

    Attributes:
        kind: "blur", "white-square", "white-circle" or "occluder" (an ellipse of one colour).
        x: Centre, as a share of the width.
        y: Centre, as a share of the height.
        size: Side or diameter, as a share of the width.
        strength: For "blur" its sigma in pixels of the label; else unused.
        colour: RGB of an occluder, 0 … 255.
        part: The part of the face that it was put on; empty for one that may lie anywhere.
    """

    kind: str
    x: float
    y: float
    size: float
    strength: float = 0.0
    colour: tuple[int, int, int] = (255, 255, 255)
    part: str = ""


def blur_regions(picture: Picture, regions: Sequence[Region]) -> Picture:
    """The picture `[S, S, 3]` with its regions of the kind "blur" blurred, with hard borders; the others change nothing."""
    for region in regions:
        if region.kind == "blur":
            mask = region_mask(region, picture.shape[0])
            blurred = cv2.GaussianBlur(picture, (0, 0), region.strength)
            picture = np.where(mask[..., None], blurred, picture)
    return picture


def cover_regions(picture: Picture, regions: Sequence[Region]) -> Picture:
    """The picture `[S, S, 3]` with its regions painted over, each in its colour; those of the kind "blur" change nothing."""
    for region in regions:
        if region.kind != "blur":
            mask = region_mask(region, picture.shape[0])
            picture = np.where(mask[..., None], np.array(region.colour, np.uint8), picture)
    return picture


def region_mask(region: Region, size: int) -> NDArray[np.bool_]:
    """Bool `[size, size]`: the pixels of a square frame that the region covers; squares for "blur" and "white-square", else discs."""
    round_shape = region.kind not in ("blur", "white-square")
    grid = (np.arange(size) + 0.5) / size
    x, y = np.abs(grid[None, :] - region.x), np.abs(grid[:, None] - region.y)
    half = region.size / 2
    return x**2 + y**2 <= half**2 if round_shape else np.maximum(x, y) <= half
