"""Frames are brought onto the base: by their landmarks, and better by their pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from sharpening.errors import ShapeError
from sharpening.imaging.convert import to_tensor
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.way import compose_affine
from sharpening.reconstruct.align import align_frames, apply_map, landmark_map

SIZE = 128


def turned(angle: float, dx: float, dy: float) -> np.ndarray:
    """A map from the base's pixels to a frame that is turned about its middle and shifted."""
    matrix = cv2.getRotationMatrix2D(((SIZE - 1) / 2, (SIZE - 1) / 2), angle, 1.02)
    return matrix + np.array([[0, 0, dx], [0, 0, dy]])


@pytest.fixture(scope="module")
def face(astronaut_face) -> np.ndarray:
    return cv2.resize(astronaut_face, (SIZE, SIZE), interpolation=cv2.INTER_AREA)


@pytest.fixture
def points(rng) -> Landmarks:
    """Somewhere on the face; where does not matter for aligning."""
    return Landmarks(np.stack([rng.uniform(35, 95, 68), rng.uniform(40, 110, 68)], axis=1), 0.9, "found")


def moved(face: np.ndarray, to_frame: np.ndarray) -> torch.Tensor:
    """The frame in which the base's point p lies at to_frame(p)."""
    return to_tensor(cv2.warpAffine(face, to_frame, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def error(found: np.ndarray, true: np.ndarray) -> float:
    places = np.stack(np.meshgrid(np.arange(30, 100, 10), np.arange(30, 110, 10)), -1).reshape(-1, 2)
    return float(np.abs(places @ (found - true)[:, :2].T + (found - true)[:, 2]).max())


def test_the_landmarks_alone_give_an_exact_similarity(points) -> None:
    true = turned(5, 3, -2)
    assert error(landmark_map(points, points.moved(true)), true) < 1e-4


def test_outlying_landmarks_do_not_count(points) -> None:
    true = turned(-4, 1, 2)
    wrong = points.moved(true).points.copy()
    wrong[:20] += 25
    assert error(landmark_map(points, Landmarks(wrong)), true) < 0.01


def test_pixels_mend_what_poor_landmarks_left_over(face, points, rng) -> None:
    true = turned(4, 3.3, -2.6)
    poor = Landmarks(points.moved(true).points + rng.normal(0, 2.5, (68, 2)) + 1.0)
    pictures = torch.stack([to_tensor(face), moved(face, true)])
    base, frame = align_frames(pictures, [points, poor], 0)
    assert base.how == "base"
    assert base.likeness == 1
    assert frame.how == "landmarks and pixels"
    assert frame.likeness > 0.99
    assert error(frame.to_frame, true) < 0.5 < error(landmark_map(points, poor), true)


def test_a_frame_on_the_base_shows_the_base(face, points) -> None:
    true = turned(3, 2, 1)
    back = apply_map(moved(face, true), true)
    inside = slice(16, -16)
    assert float((back - to_tensor(face))[:, inside, inside].abs().mean()) < 0.01


def test_maps_one_after_the_other(points) -> None:
    first, second = turned(3, 2, 1), turned(-8, 0, 4)
    assert np.allclose(points.moved(first).moved(second).points, points.moved(compose_affine(second, first)).points)


def test_frames_without_a_face_stay_out(face, points) -> None:
    pictures = torch.stack([to_tensor(face)] * 2)
    assert align_frames(pictures, [points, None], 0)[1] is None
    with pytest.raises(ShapeError, match="base"):
        align_frames(pictures, [None, points], 0)
    with pytest.raises(ShapeError, match="one for each of the 2"):
        align_frames(pictures, [points], 0)
