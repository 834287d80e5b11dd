"""Dense motion between two pictures that nearly fit: a smooth cubic spline, found by Gauss–Newton steps on the pixels.

Poor frames have too little texture for a free flow: measured on frames of 32 px, optical flow with free vectors is worse than one affine
map. A spline whose bending costs something bends only where many pixels ask for it; where the pictures say nothing (flat, or one of them
damaged), it goes on as its surroundings do.

Source: Rueckert et al., 1999, doi:10.1109/42.796284 (free-form deformation); Malis, 2004, doi:10.1109/ROBOT.2004.1308085 (the mean of both
slopes).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from sharpening.reconstruct.transfer.sampling import Field, inside, pixel_grid
from sharpening.reconstruct.transfer.texture import Plane, band, confidence, slopes, smooth

__all__ = ["spline_flow"]

Matrix = NDArray[np.float64]

_STEP = 0.35  # eye distances between the spline's knots
_BLURS = (0.12, 0.06, 0.03)  # eye distances: from coarse to fine
_ROUNDS = 4  # steps on each
_STRETCH = 0.005  # what stretching costs, where bending costs `stiffness`
_ROBUST = 1.5  # mean differences, from which on a pixel counts for less than half
_LARGEST_STEP = 0.15  # eye distances


class _Axis(NamedTuple):
    """The spline along one side: its basis `[n, g]`, products of pairs of it `[n, g·g]`, and first and second differences of knots."""

    basis: Matrix
    pairs: Matrix
    first: Matrix
    second: Matrix


class _Pair(NamedTuple):
    """Two pictures on one level of detail, with their slopes."""

    base: Plane
    base_slopes: tuple[Plane, Plane]
    moved: Plane
    moved_slopes: tuple[Plane, Plane]


def spline_flow(base: Plane, moved: Plane, seen: Plane, eyes: float, *, stiffness: float = 0.03) -> Field:
    """The motion that is left between a picture and another that was already brought near it.

    Args:
        base: luma `[H, W]`.
        moved: luma of the other, the same size.
        seen: 1 where `moved` has pixels of its own, else 0.
        eyes: eye distance [px], the measure of all lengths.
        stiffness: what bending costs; 1 hardly bends, 0.03 follows a mouth that opens.

    Returns:
        `[2, H, W]`: `moved` taken at the grid plus this lies on `base` [px].
    """
    trust = confidence(base, moved, eyes)
    base, moved = (_normed(band(plane, eyes)) for plane in (base, moved))
    rows, columns = (_axis(side, _STEP * eyes) for side in base.shape)
    cost = _bending(rows, columns, stiffness)
    knots = np.zeros((2, rows.basis.shape[1], columns.basis.shape[1]))
    for blur in _BLURS:
        a, b = smooth(base, blur * eyes), smooth(moved, blur * eyes)
        pair = _Pair(a, slopes(a), b, slopes(b))
        for _ in range(_ROUNDS):
            step = _solve(pair, _spread(knots, rows, columns), (trust, seen), (rows, columns), knots, (cost, _STEP * eyes))
            knots = knots + np.clip(step, -_LARGEST_STEP * eyes, _LARGEST_STEP * eyes)
    return _spread(knots, rows, columns)


def _normed(plane: Plane) -> Plane:
    return plane / (float(np.sqrt((plane**2).mean())) + 1e-3)


def _axis(n: int, step: float) -> _Axis:
    count = int(np.ceil((n - 1) / step)) + 3
    far = np.abs((np.arange(n) / step)[:, None] - (np.arange(count) - 1))
    basis = np.where(far < 1, 2 / 3 - far**2 + far**3 / 2, np.where(far < 2, (2 - far) ** 3 / 6, 0.0))
    differences = [np.diff(np.eye(count), order, axis=0) for order in (1, 2)]
    pairs = (basis[:, :, None] * basis[:, None, :]).reshape(n, -1)
    return _Axis(basis, pairs, *(each.T @ each for each in differences))


def _bending(rows: _Axis, columns: _Axis, stiffness: float) -> Matrix:
    """The quadratic form over all knots that is the cost of a bent spline; an affine motion costs next to nothing."""
    one_y, one_x = np.eye(len(rows.first)), np.eye(len(columns.first))
    bent = np.kron(rows.second, one_x) + np.kron(one_y, columns.second) + 2 * np.kron(rows.first, columns.first)
    stretched = np.kron(rows.first, one_x) + np.kron(one_y, columns.first)
    return np.asarray(stiffness * bent + _STRETCH * stretched, np.float64)


def _spread(knots: Matrix, rows: _Axis, columns: _Axis) -> Field:
    return (rows.basis @ knots @ columns.basis.T).astype(np.float32)


def _solve(
    pair: _Pair, flow: Field, trusted: tuple[Plane, Plane], axes: tuple[_Axis, _Axis], knots: Matrix, cost: tuple[Matrix, float]
) -> Matrix:
    """One Gauss–Newton step of the knots."""
    left, weight, (along, down) = _linearised(pair, flow, *trusted)
    bending, step = cost
    # The cost is counted in the data's own energy, so that contrast and size do not change how stiff the spline is.
    energy = float((weight * (along**2 + down**2)).mean()) * step**2 + 1e-6
    n = knots[0].size
    normal = np.empty((2 * n, 2 * n))
    normal[:n, :n] = _gathered(weight * along * along, *axes) + energy * bending
    normal[n:, n:] = _gathered(weight * down * down, *axes) + energy * bending
    normal[:n, n:] = _gathered(weight * along * down, *axes)
    normal[n:, :n] = normal[:n, n:].T
    normal[np.diag_indices(2 * n)] += 1e-4 * energy
    rows, columns = axes
    pull = [
        (rows.basis.T @ (weight * slope * left) @ columns.basis).ravel() - energy * bending @ own.ravel()
        for slope, own in zip((along, down), knots, strict=True)
    ]
    found = solve(normal, np.concatenate(pull), assume_a="pos", overwrite_a=True, check_finite=False)
    return np.asarray(found.reshape(knots.shape), np.float64)


def _linearised(pair: _Pair, flow: Field, trust: Plane, seen: Plane) -> tuple[Plane, Plane, tuple[Plane, Plane]]:
    """What is left between the pictures, how much each pixel counts, and the slopes along which motion would change it."""
    place = pixel_grid(*pair.base.shape) + flow

    def at_place(plane: Plane) -> Plane:
        return np.asarray(cv2.remap(plane, place[0], place[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)

    moved = at_place(pair.moved)
    known = trust * at_place(seen) * inside(place, *pair.base.shape)
    total = known.sum() + 1e-6
    middles = [(known * each).sum() / total for each in (pair.base, moved)]
    a, b = pair.base - middles[0], moved - middles[1]
    gain = float(np.clip((known * a * b).sum() / ((known * b * b).sum() + 1e-6), 0.5, 2))
    left = a - gain * b
    scale = _ROBUST * (known * np.abs(left)).sum() / total + 1e-3
    both = [(gain * at_place(other) + own) / 2 for other, own in zip(pair.moved_slopes, pair.base_slopes, strict=True)]
    weight = known / (1 + (left / scale) ** 2)
    return np.asarray(left, np.float32), np.asarray(weight, np.float32), (both[0].astype(np.float32), both[1].astype(np.float32))


def _gathered(weights: Plane, rows: _Axis, columns: _Axis) -> Matrix:
    """Σ weights · basis · basisᵀ over all pixels, `[n, n]`: the spline is a product of two, so two small products do it."""
    gy, gx = rows.basis.shape[1], columns.basis.shape[1]
    sums = (rows.pairs.T @ weights @ columns.pairs).reshape(gy, gy, gx, gx)
    return sums.transpose(0, 2, 1, 3).reshape(gy * gx, gy * gx)
