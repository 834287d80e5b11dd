"""Similarity maps between point sets."""

from __future__ import annotations

import numpy as np
import pytest

from sharpening.models.face_align.forms import similarity
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.reconstruct.transfer.points import part_map, part_weights, robust_similarity


@pytest.fixture
def points(rng):
    return rng.uniform(0, 100, (68, 2))


TRUE = np.array([[0.9, -0.3, 4.0], [0.3, 0.9, -7.0]])


def moved(points: np.ndarray) -> np.ndarray:
    return points @ TRUE[:, :2].T + TRUE[:, 2]


def test_a_similarity_is_found_exactly(points, rng):
    assert np.allclose(similarity(points, moved(points), rng.uniform(0.1, 1, 68)), TRUE)


def test_equals_the_least_squares_of_the_linear_system(points, rng):
    """The closed form against a general solver, on points that no similarity fits, with weights."""
    target, weights = moved(points) + rng.normal(0, 5, points.shape), rng.uniform(0.1, 1, 68)
    x, y = points.T
    zero, one = np.zeros(68), np.ones(68)
    rows = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    scale = np.sqrt(np.concatenate([weights, weights]))[:, None]
    a, b, c, d = np.linalg.lstsq(rows * scale, np.concatenate(target.T) * scale[:, 0], rcond=None)[0]
    assert np.allclose(similarity(points, target, weights), [[a, -b, c], [b, a, d]])


def test_outliers_do_not_pull(points):
    target = moved(points)
    target[::5] += 40
    plain = np.abs(similarity(points, target, np.ones(68)) - TRUE).max()
    robust = np.abs(robust_similarity(points, target) - TRUE).max()
    assert robust < 0.05 < plain


def test_landmarks_on_the_part_count_most(make_pair):
    made = make_pair()
    weights = part_weights(made.base.landmarks, made.mask, floor=0.15, reach=0.5)
    assert weights[48:68].min() > 0.9  # the mouth
    assert weights[36:48].max() < 0.35  # the eyes
    assert weights.min() >= 0.15


def test_a_part_follows_its_own_landmarks(make_pair):
    made = make_pair(angle=0, zoom=1, shift=(0, 0))
    points = made.base.landmarks.points.copy()
    points[48:68] += (4, 0)
    found = part_map(Landmarks(points), made.base.landmarks, made.mask)
    whole = robust_similarity(made.base.landmarks.points, points)
    mouth = np.array([83.0, 117.0])
    at = [m[:, :2] @ mouth + m[:, 2] - mouth for m in (found, whole)]
    assert at[0][0] > 2
    assert at[0][0] > at[1][0] + 0.5
