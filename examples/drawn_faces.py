"""Faces drawn of ellipses, for the --tiny mode of the examples: nobody's picture, made in milliseconds."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpening.imaging.files import write_picture


def draw_face(rng: np.random.Generator, size: int = 160) -> NDArray[np.uint8]:
    """One face, uint8 `[size, size, 3]`, RGB; the dice vary colours and proportions."""
    skin = rng.uniform(0.5, 1) * np.array((235, 190, 165))
    face = np.empty((size, size, 3), np.uint8)
    face[:] = rng.uniform(60, 210, 3).astype(np.uint8)

    def oval(x: float, y: float, width: float, height: float, colour: object) -> None:
        centre, axes = (int(x * size), int(y * size)), (int(width * size), int(height * size))
        cv2.ellipse(face, centre, axes, 0, 0, 360, tuple(float(c) for c in np.asarray(colour)), -1, cv2.LINE_AA)

    wide, eyes = rng.uniform(0.25, 0.31), rng.uniform(0.10, 0.13)
    oval(0.5, 0.46, wide * 1.15, 0.44, rng.uniform(0.1, 0.9) * np.array((150, 110, 70)))
    oval(0.5, 0.54, wide, 0.37, skin)
    for side in (-1, 1):
        oval(0.5 + side * eyes, 0.46, 0.05, 0.027, (245, 245, 242))
        oval(0.5 + side * eyes, 0.46, 0.02, 0.022, rng.uniform(20, 120, 3))
    oval(0.5, 0.60, 0.03, 0.05, skin * 0.85)
    oval(0.5, 0.71, 0.09, rng.uniform(0.02, 0.04), (170, 70, 75))
    return face


def draw_faces(folder: str | Path, n: int, seed: int = 0) -> list[Path]:
    """Draw `n` faces into a folder; returns their paths."""
    rng = np.random.default_rng(seed)
    return [write_picture(Path(folder) / f"face_{i}.png", draw_face(rng)) for i in range(n)]
