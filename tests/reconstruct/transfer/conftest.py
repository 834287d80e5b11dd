"""A base and a source that differ by a known motion, with the landmarks where they truly are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.models.face_align.landmarks import Landmarks
from sharpening.reconstruct.view import View

# fmt: off
# x and y of the 68 landmarks of the astronaut's face of 160 px, rounded.
POINTS = np.array(
    [
        39, 75, 40, 87, 41, 97, 41, 109, 45, 120, 51, 130, 59, 138, 69, 146, 80, 148, 92, 147, 103, 141, 113, 133, 120, 124, 125, 113,
        128, 101, 130, 90, 132, 78, 46, 64, 52, 58, 60, 57, 68, 59, 76, 62, 96, 63, 104, 61, 112, 60, 120, 62, 125, 68, 85, 72,
        85, 80, 85, 89, 85, 97, 74, 101, 79, 103, 84, 104, 90, 103, 94, 102, 55, 71, 60, 68, 67, 69, 72, 74, 66, 74, 60, 74,
        97, 75, 103, 70, 110, 71, 116, 74, 110, 76, 103, 76, 60, 109, 69, 109, 77, 110, 83, 111, 89, 110, 97, 110, 106, 111, 97, 121,
        89, 125, 82, 126, 76, 125, 67, 119, 63, 110, 77, 113, 83, 114, 89, 114, 102, 112, 89, 120, 83, 120, 76, 119,
    ],
    np.float64,
).reshape(68, 2)
MOUTH = (83, 117)
# fmt: on


@dataclass(frozen=True)
class Made:
    """A pair, the mask of the mouth, and for every pixel of the base its true place in the source `[2, H, W]`."""

    source: View
    base: View
    mask: Tensor
    truth: NDArray[np.float32]

    def error(self, field: NDArray[np.float32]) -> float:
        """Mean distance of a field from the truth on the part [px]."""
        return float(np.linalg.norm(field - self.truth, axis=0)[self.mask[0].numpy() > 0.5].mean())


def as_view(picture: NDArray[np.float32], points: NDArray[np.float64]) -> View:
    return View(torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))), Landmarks(points))


def poor(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Made four times smaller and larger again, as the frames of a sequence are."""
    side = len(picture)
    small = cv2.resize(picture, (side // 4, side // 4), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def mask_at(size: int, x: float, y: float, width: float, height: float) -> Tensor:
    rows, columns = np.mgrid[:size, :size]
    return torch.from_numpy((((columns - x) / width) ** 2 + ((rows - y) / height) ** 2 <= 1).astype(np.float32))[None]


@pytest.fixture(scope="session")
def make_pair(astronaut_face) -> Callable[..., Made]:
    """`make_pair(angle, zoom, shift, bump, landmark_noise, seed)`: the base is the face, the source the face after a known motion."""
    face = astronaut_face.astype(np.float32) / 255

    def make(
        angle: float = 5.0,
        zoom: float = 1.05,
        shift: tuple[float, float] = (3.0, -2.0),
        bump: float = 0.0,
        landmark_noise: float = 0.0,
        seed: int = 0,
    ) -> Made:
        rng = np.random.default_rng(seed)
        size = len(face)
        y, x = np.mgrid[:size, :size].astype(np.float64)
        turn = zoom * np.array(
            [[np.cos(np.deg2rad(angle)), -np.sin(np.deg2rad(angle))], [np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))]]
        )
        middle = np.array([80.0, 80.0])
        offset = middle + shift - turn @ middle

        def bent(px: NDArray, py: NDArray) -> tuple[NDArray, NDArray]:
            # The mouth goes down, the rest stays.
            down = bump * np.exp(-((px - MOUTH[0]) ** 2 + (py - MOUTH[1]) ** 2) / (2 * 18**2))
            return px, py + down

        bx, by = bent(x, y)
        truth = np.stack([turn[0, 0] * bx + turn[0, 1] * by + offset[0], turn[1, 0] * bx + turn[1, 1] * by + offset[1]])
        # The source at its pixel q shows the base's point p with truth(p) = q: undo the affine part, then the bump by repetition.
        back = np.linalg.inv(turn)
        px = back[0, 0] * (x - offset[0]) + back[0, 1] * (y - offset[1])
        py = back[1, 0] * (x - offset[0]) + back[1, 1] * (y - offset[1])
        aim = py.copy()
        for _ in range(30):
            py = aim - (bent(px, py)[1] - py)
        shown = cv2.remap(face, px.astype(np.float32), py.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        moved = np.stack(bent(*POINTS.T), axis=1) @ turn.T + offset
        noise = landmark_noise * rng.standard_normal((2, 68, 2))
        return Made(
            as_view(poor(shown.clip(0, 1)), moved + noise[0]),
            as_view(poor(face), POINTS + noise[1]),
            mask_at(size, *MOUTH, 27, 14),
            truth.astype(np.float32),
        )

    return make
