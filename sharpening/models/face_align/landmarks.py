"""The 68 landmarks of a face as one thing that can be moved, enlarged and asked.

Order and names are iBUG 300-W's, named by the sides of the *person* (whose right eye is on the left of the picture). Coordinates are
pixels, (x, y), the centre of the first pixel being (0, 0).

Source: Sagonas et al., "300 Faces in-the-Wild Challenge", 2013, doi:10.1109/ICCVW.2013.59.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import RangeError, ShapeError

__all__ = ["FIVE_OF_68", "LANDMARK_GROUPS", "Landmarks"]

Points = NDArray[np.float64]

LANDMARK_GROUPS: dict[str, range] = {
    "jaw": range(17),
    "right_brow": range(17, 22),
    "left_brow": range(22, 27),
    "nose": range(27, 36),
    "right_eye": range(36, 42),
    "left_eye": range(42, 48),
    "mouth": range(48, 68),
}
"""Which of the 68 points belong to which part."""

FIVE_OF_68 = (45, 42, 36, 39, 33)
"""The five points of `detect.Face.landmarks` among the 68, in dlib's order; of the nose it is the nearest one there is."""


@dataclass(frozen=True, eq=False)
class Landmarks:
    """The 68 points of one face.

    Attributes:
        points: float64 `[68, 2]` (x, y) [px].
        sure: how far they can be trusted, 0 … 1; 1 for points that were given.
        how: "found" in the picture itself, "borrowed" from a neighbouring frame, or "given".

    Raises:
        ShapeError, RangeError: for other shapes, and for points that are no numbers.
    """

    points: Points
    sure: float = 1.0
    how: str = "given"

    def __post_init__(self) -> None:
        points = np.asarray(self.points, np.float64)
        if points.shape != (68, 2):
            raise ShapeError("landmarks", list(points.shape), "[68, 2]", "All 68 points (x, y) in the order of iBUG 300-W.")
        if not np.isfinite(points).all():
            raise RangeError("landmarks", "NaN or infinity", "finite numbers", "Leave pictures without a face out.")
        if not 0 <= self.sure <= 1:
            raise RangeError("sure", self.sure, "0 … 1")
        object.__setattr__(self, "points", points)

    def group(self, name: str) -> Points:
        """The points of a group of `LANDMARK_GROUPS`, `[n, 2]` [px]."""
        return self.points[LANDMARK_GROUPS[name]]

    @property
    def five(self) -> Points:
        """`[5, 2]` [px] in the order of `detect.Face.landmarks`, as chips and descriptors want them."""
        return self.points[list(FIVE_OF_68)]

    @property
    def eye_centres(self) -> tuple[Points, Points]:
        """Centres (x, y) [px] of the person's left and right eye."""
        return self.group("left_eye").mean(axis=0), self.group("right_eye").mean(axis=0)

    @property
    def eye_distance(self) -> float:
        """Distance between the eye centres [px]."""
        left, right = self.eye_centres
        return float(np.hypot(*(left - right)))

    def enlarged(self, factor: float) -> Landmarks:
        """The same points after the picture was enlarged by `factor` (the outer borders of the pixel grid stay)."""
        return replace(self, points=(self.points + 0.5) * factor - 0.5)

    def moved(self, affine: Points) -> Landmarks:
        """The points through an affine map `[2, 3]` in pixels."""
        return replace(self, points=self.points @ affine[:, :2].T + affine[:, 2])
