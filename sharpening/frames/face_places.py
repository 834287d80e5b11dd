"""Where the parts of a face lie in a square picture, and damage that is put on them.

Places are given in the face's own axes, in eye distances from the middle between the eyes: towards the subject's left (which is to the
right in the picture) and towards the chin. The typical face is the one of the made stills: the standard square
(`models/face_align/square.py`) less the margin of 10 % that their label leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpening.frames.degrade_settings import DegradeSettings
from sharpening.frames.regions import Region

__all__ = ["AREAS", "PART_BOXES", "TYPICAL_FACE", "FacePlace", "area_regions", "part_mask"]

JITTER = 0.03  # share of the side: how far an area may miss the middle of its part, each way

AREAS: dict[str, tuple[float, float]] = {
    "left_eye": (0.6, -0.15),
    "right_eye": (-0.6, -0.15),
    "nose": (0.0, 0.45),
    "mouth": (0.0, 1.2),
}
"""Middles of the areas that are damaged together. An eye's lies high, so that its brow is in it, and all lie a little away from the nose,
which has neighbours on all sides and would else be touched in every frame."""

# Centre and half of the extent of each part: medians of dlib's 68 points on faces that look into the camera, rounded to 0.05.
PART_BOXES: dict[str, tuple[float, float, float, float]] = {
    "left_eye": (0.5, 0.0, 0.25, 0.1),
    "right_eye": (-0.5, 0.0, 0.25, 0.1),
    "left_brow": (0.55, -0.3, 0.35, 0.1),
    "right_brow": (-0.55, -0.3, 0.35, 0.1),
    "nose": (0.0, 0.45, 0.2, 0.3),
    "mouth": (0.0, 1.1, 0.4, 0.2),
    "left_cheek": (0.65, 0.7, 0.25, 0.3),
    "right_cheek": (-0.65, 0.7, 0.25, 0.3),
    "forehead": (0.0, -0.7, 0.6, 0.25),
    "chin": (0.0, 1.6, 0.35, 0.2),
}
"""x, y, half width, half height of each part in eye distances, for telling whether damage covers it."""


@dataclass(frozen=True)
class FacePlace:
    """Where a face lies in a square picture: centres (x, y) of the person's eyes as shares of the side."""

    left_eye: tuple[float, float]
    right_eye: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The place, in shares of the side, of a point that is given in the face's axes and eye distances."""
        (lx, ly), (rx, ry) = self.left_eye, self.right_eye
        across_x, across_y = lx - rx, ly - ry
        return (lx + rx) / 2 + x * across_x - y * across_y, (ly + ry) / 2 + x * across_y + y * across_x

    def moved(self, motion: NDArray[np.floating]) -> FacePlace:
        """The face after a motion `[2, 3]` of points in -1 … 1 (pixel edges at ±1), as `degrade.Damaged` has them."""
        points = np.array([self.left_eye, self.right_eye]) * 2 - 1
        (lx, ly), (rx, ry) = (points @ motion[:, :2].T + motion[:, 2] + 1) / 2
        return FacePlace((float(lx), float(ly)), (float(rx), float(ry)))


TYPICAL_FACE = FacePlace((0.627, 0.49), (0.373, 0.49))
"""Of the labels of made stills: eyes 0.254 of the side apart, a little above the middle."""


def area_regions(rng: np.random.Generator, how: DegradeSettings, n_frames: int, *, damage_middle: bool) -> list[tuple[Region, ...]]:
    """Draw for each frame its blurred areas, each on a part of the typical face.

    The middle has different parts. What the other frames have is dealt from one pack after the other, so that no part is damaged in many
    of them, and their areas are of the smaller half of the sizes: for every part there shall be frames that show it.

    Args:
        rng: the only source of chance.
        how: `middle_blurs` and `other_blurs` areas, of `region_size` and `region_blur`.
        n_frames: number of frames; the middle is `n_frames // 2`.
        damage_middle: whether the middle has areas at all.
    """
    names, middle = list(AREAS), n_frames // 2
    least, most = how.region_size
    small = (least, (least + most) / 2)
    n_dealt = (n_frames - 1) * how.other_blurs
    packs = [rng.permutation(len(names)) for _ in range(-(-n_dealt // len(names)))]
    dealt = [names[i] for pack in packs for i in pack]
    found = []
    for i in range(n_frames):
        if i == middle:
            parts = [names[k] for k in rng.permutation(len(names))[: how.middle_blurs if damage_middle else 0]]
        else:
            parts, dealt = dealt[: how.other_blurs], dealt[how.other_blurs :]
        size = how.region_size if i == middle else small
        found.append(tuple(_area(rng, part, size, how.region_blur) for part in parts))
    return found


def _area(rng: np.random.Generator, part: str, size: tuple[float, float], blur: tuple[float, float]) -> Region:
    x, y = TYPICAL_FACE.at(*AREAS[part])
    dx, dy = rng.uniform(-JITTER, JITTER, 2)
    return Region("blur", x + float(dx), y + float(dy), rng.uniform(*size), rng.uniform(*blur), part=part)


def part_mask(part: str, face: FacePlace, size: int) -> NDArray[np.bool_]:
    """Bool `[size, size]`: about where a part of `PART_BOXES` lies in a picture with this face."""
    (lx, ly), (rx, ry) = face.left_eye, face.right_eye
    across = np.array([lx - rx, ly - ry])
    distance = float(across @ across)
    grid = (np.arange(size) + 0.5) / size
    dx, dy = grid[None, :] - (lx + rx) / 2, grid[:, None] - (ly + ry) / 2
    # Into the face's axes: the inverse of `FacePlace.at`.
    u, v = (dx * across[0] + dy * across[1]) / distance, (dy * across[0] - dx * across[1]) / distance
    x, y, half_width, half_height = PART_BOXES[part]
    inside: NDArray[np.bool_] = (np.abs(u - x) <= half_width) & (np.abs(v - y) <= half_height)
    return inside
