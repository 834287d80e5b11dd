"""Poisson's equation inside a mask, on the grid of pixels."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import SuperLU, splu

__all__ = ["Steps", "laplacian", "solve"]

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
_DIRECT = 6000  # unknowns up to which a factorisation is the fastest
_SWEEP = 0.7 / 4  # damped Jacobi
_SMOOTHED = 2 / 3 / 4
_MOST_ROUNDS = 200


class Steps:
    """Pairs of neighbours of which the first lies inside a region.

    Attributes:
        inside: places (numbers of pixels, row by row) of the unknowns `[n]`.
        first: number of the unknown of each pair `[m]`.
        second: place of its neighbour `[m]`.
        known: bool `[m]`: whether the neighbour lies outside, where the value is known.
    """

    def __init__(self, region: NDArray[np.bool_]) -> None:
        self.shape = region.shape
        places = np.arange(region.size).reshape(region.shape)
        self.number = np.full(region.size, -1)
        self.inside: Places = places[region]
        self.number[self.inside] = np.arange(len(self.inside))
        pairs = [(places[:, :-1], places[:, 1:]), (places[:-1], places[1:])]
        pairs += [(b, a) for a, b in pairs]
        first, second = (np.concatenate([pair[i].ravel() for pair in pairs]) for i in (0, 1))
        mine = self.number[first] >= 0
        self.first, self.second = self.number[first[mine]], second[mine]
        self.known = self.number[self.second] < 0

    def sums(self, values: Floats) -> Floats:
        """Sums over the pairs of each unknown: values `[m, c]` to `[n, c]`."""
        n = len(self.inside)
        return np.stack([np.bincount(self.first, column, n) for column in values.T], axis=1)


def laplacian(steps: Steps) -> sparse.csr_matrix:
    """The matrix of Poisson's equation: number of neighbours on the diagonal, -1 for each neighbour that is unknown too.

    At the picture's border there are fewer neighbours, so nothing pulls there (Neumann's condition).
    """
    n = len(steps.inside)
    both = ~steps.known
    rows, columns = steps.first[both], steps.number[steps.second[both]]
    off = sparse.csr_matrix((np.full(len(rows), -1.0), (rows, columns)), shape=(n, n))
    return (off + sparse.diags(np.bincount(steps.first, minlength=n).astype(np.float64))).tocsr()


def solve(steps: Steps, right: Floats, *, tolerance: float = 1e-5) -> Floats:
    """Solve the equation, directly where it is small and else by conjugate gradients on two grids.

    Args:
        steps: of a region that does not fill the picture; filled, the equation has no single solution.
        right: right hand side `[n, c]`.
        tolerance: largest rest of the equation at any pixel; a direct solution is exact to rounding.

    Returns:
        `[n, c]`.

    Source: the second grid by smoothed aggregation, Vaněk, Mandel and Brezina, 1996, doi:10.1007/BF02238511.
    """
    matrix = laplacian(steps)
    if matrix.shape[0] <= _DIRECT:
        return _factorised(matrix).solve(right)
    coarse = _Coarse(matrix, steps)
    return np.stack([_conjugate_gradients(matrix, column, coarse, tolerance) for column in right.T], axis=1)


def _factorised(matrix: sparse.csr_matrix) -> SuperLU:
    return splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0, options={"SymmetricMode": True})


class _Coarse:
    """One step of two grids, symmetric, so that conjugate gradients may use it."""

    def __init__(self, matrix: sparse.csr_matrix, steps: Steps) -> None:
        row, column = np.divmod(steps.inside, steps.shape[1])
        _, block = np.unique(row // 4 * steps.shape[1] + column // 4, return_inverse=True)
        up = sparse.csr_matrix((np.ones(len(block)), (np.arange(len(block)), block)))
        for _ in range(2):
            up = up - _SMOOTHED * (matrix @ up)
        self.matrix, self.up, self.down = matrix, up.tocsr(), up.T.tocsr()
        self.factorised = _factorised(self.down @ matrix @ self.up)

    def __call__(self, rest: Floats) -> Floats:
        found = _SWEEP * rest
        found = found + self.up @ self.factorised.solve(self.down @ (rest - self.matrix @ found))
        return found + _SWEEP * (rest - self.matrix @ found)


def _conjugate_gradients(matrix: sparse.csr_matrix, right: Floats, coarse: _Coarse, tolerance: float) -> Floats:
    found, rest = np.zeros_like(right), right.copy()
    way = step = coarse(rest)
    strength = rest @ step
    for _ in range(_MOST_ROUNDS):
        if np.abs(rest).max() <= tolerance:
            break
        bent = matrix @ way
        length = strength / (way @ bent)
        found, rest = found + length * way, rest - length * bent
        step = coarse(rest)
        strength, before = rest @ step, strength
        way = step + strength / before * way
    return found
