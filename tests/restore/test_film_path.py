"""The steady path of a face through a film: less trembling, no lag, cuts kept apart."""

from __future__ import annotations

import numpy as np
import pytest

from sharpening.models.face_align.track import SHAKE
from sharpening.restore.film_path import steady_path

SIDE = 50.0


def shaking(squares: np.ndarray) -> float:
    """What the eye sees as trembling: the change of the speed from frame to frame [px]."""
    return float(np.sqrt((np.diff(squares[:, :2], n=2, axis=0) ** 2).sum(axis=1).mean()))


def walk(n: int = 120) -> np.ndarray:
    """A face that goes to the right, nods, and comes nearer."""
    t = np.arange(n)
    return np.stack([40 + 0.8 * t, 60 + 6 * np.sin(2 * np.pi * t / 60), SIDE * 1.003**t], axis=1)


def path_of(squares: np.ndarray, how: list[str] | None = None):
    return steady_path([tuple(square) for square in squares.tolist()], how or ["found"] * len(squares))


def test_film_trembles_much_less_and_does_not_lag(rng) -> None:
    true = walk()
    seen = true + rng.normal(0, 0.015 * SIDE, true.shape)  # the detector's error
    path = path_of(seen)
    assert shaking(path.squares) < 0.05 * shaking(seen)
    errors, before = np.abs(path.squares - true), np.abs(seen - true)
    assert errors.mean() < 0.5 * before.mean()
    for end in (slice(0, 10), slice(-10, None)):
        assert errors[end].mean() < before.mean()


def test_a_straight_walk_is_left_as_it_is() -> None:
    t = np.arange(40)
    true = np.stack([10 + 1.5 * t, 20 - 0.5 * t, 50 + 0.1 * t], axis=1)
    assert np.allclose(path_of(true).squares, true)


def test_shaken_camera_is_followed_and_never_by_a_jump() -> None:
    true = np.tile([100.0, 100.0, SIDE], (40, 1))
    true[20:, 0] += 0.3 * SIDE
    path = path_of(true)
    away = np.abs(path.squares - true)[:, 0]
    assert away.max() <= SHAKE * SIDE + 1e-9
    assert path.n_runs == 1
    assert np.diff(path.squares[:, 0]).max() <= 0.3 * SIDE


def test_a_cut_is_no_motion() -> None:
    true = np.tile([100.0, 100.0, SIDE], (30, 1))
    true[12:, 0] += 2 * SIDE
    true[21:, 2] *= 2
    path = path_of(true)
    assert np.allclose(path.squares, true)
    assert path.n_runs == 3
    assert path.runs.tolist() == [0] * 12 + [1] * 9 + [2] * 9


def test_where_no_face_is_known_the_place_glides_and_no_stretch_goes_on() -> None:
    squares = [None, (10.0, 10.0, 20.0), (10.0, 10.0, 20.0), None, None, None, (18.0, 14.0, 20.0), None]
    path = steady_path(squares, ["none" if square is None else "found" for square in squares])
    assert path.runs.tolist() == [-1, 0, 0, -1, -1, -1, 1, -1]
    assert path.squares[:, 0] == pytest.approx([10, 10, 10, 12, 14, 16, 18, 18])
    assert path.square(3) == pytest.approx((12, 11, 20))


def test_long_films_cost_the_same_a_frame(rng) -> None:
    """Weights reach so far and no further: a frame far away changes nothing."""
    squares = walk(300)
    changed = squares.copy()
    changed[250:] += 3
    assert np.array_equal(path_of(squares).squares[:200], path_of(changed).squares[:200])
