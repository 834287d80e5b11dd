"""Training a boundary: a linear support vector machine between the codes of the highest and of the lowest scores.

Source: Shen et al., "Interpreting the latent space of GANs for semantic face editing", CVPR 2020, arXiv:1907.10786, section 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from sharpening.errors import RangeError, ShapeError
from sharpening.models.interface_gan.boundary import Boundary

__all__ = ["TrainedBoundary", "train_boundary"]

_SHARE = 0.02
_TRAIN = 0.7
_LEAST = 4  # codes on each side: fewer leave nothing to check on


@dataclass(frozen=True, eq=False)
class TrainedBoundary:
    """A boundary and how well it parts codes that it has not seen.

    Attributes:
        boundary: of length 1, in float32 precision as published.
        accuracy_train: share of the codes it learned from that lie on their side.
        accuracy_valid: the same for codes of the top and the bottom that were kept back.
        accuracy_rest: the same for all codes between, parted at the middle of the scores' range.
        n_train: codes it learned from.
        n_dropped: codes without a score.
    """

    boundary: Boundary
    accuracy_train: float
    accuracy_valid: float
    accuracy_rest: float
    n_train: int
    n_dropped: int


def train_boundary(
    codes: Tensor,
    scores: ArrayLike,
    *,
    share: float | int = _SHARE,
    train: float = _TRAIN,
    rng: np.random.Generator | None = None,
    space: str = "",
    name: str = "",
) -> TrainedBoundary:
    """Find the plane between the codes with the highest and those with the lowest scores.

    Args:
        codes: `[n, n_latent]`, of Z or W.
        scores: `[n]`, how much of the attribute each picture shows; NaN where there is no telling (no face found): such codes are left out.
        share: part of all codes to take from the top, and the same from the bottom (under 1), or their number.
        train: part of these to learn from; the others are for checking.
        rng: numpy's dice for that; seed 0 when left out.
        space: "z" or "w".
        name: of the boundary.

    Returns:
        The boundary, pointing to high scores, and its accuracies.

    Raises:
        ShapeError: codes and scores do not belong together.
        RangeError: shares out of range, too few codes, or scores that are all alike.
    """
    table, marks = codes.detach().cpu().double().numpy(), np.asarray(scores, np.float64).reshape(-1)
    if table.ndim != 2 or len(table) != len(marks):
        raise ShapeError("codes, scores", f"{list(table.shape)}, {list(marks.shape)}", "[n, n_latent] and [n]")
    if share <= 0 or not 0 < train < 1:
        raise RangeError("share, train", f"{share}, {train}", "above 0, and between 0 and 1")
    seen = np.isfinite(marks)
    table, marks, n_dropped = table[seen], marks[seen], int((~seen).sum())
    n_side = min(int(len(marks) * share) if share < 1 else int(share), len(marks) // 2)
    if n_side < _LEAST:
        advice = f"Paint more pictures, or take a larger share. {n_dropped} codes had no score."
        raise RangeError("codes at each end", n_side, f"at least {_LEAST}", advice)
    order = np.argsort(-marks, kind="stable")
    if marks[order[n_side - 1]] <= marks[order[-n_side]]:
        raise RangeError("scores", "alike at both ends", "scores that differ", "Take a smaller share, or another attribute.")
    dice = rng if rng is not None else np.random.default_rng(0)
    return _fitted(table, marks, order, n_side, max(2, int(n_side * train)), dice, n_dropped, (space, name))


def _fitted(
    codes: NDArray[np.float64],
    scores: NDArray[np.float64],
    order: NDArray[np.intp],
    n_side: int,
    n_learn: int,
    dice: np.random.Generator,
    n_dropped: int,
    names: tuple[str, str],
) -> TrainedBoundary:
    from sklearn.svm import SVC

    top, bottom = dice.permutation(order[:n_side]), dice.permutation(order[-n_side:])
    n_learn = min(n_learn, n_side - 1)
    learned = np.concatenate([top[:n_learn], bottom[:n_learn]])
    kept = np.concatenate([top[n_learn:], bottom[n_learn:]])
    machine = SVC(kernel="linear").fit(codes[learned], np.repeat([1, 0], n_learn))
    between = order[n_side:-n_side]
    middle = (scores.max() + scores.min()) / 2

    def accuracy(which: NDArray[np.intp], high: NDArray[np.bool_]) -> float:
        return float((machine.predict(codes[which]) == high).mean()) if len(which) else float("nan")

    normal = machine.coef_.reshape(-1).astype(np.float32).astype(np.float64)
    boundary = Boundary(torch.from_numpy(normal / np.linalg.norm(normal)), *names)
    return TrainedBoundary(
        boundary,
        accuracy_train=accuracy(learned, np.repeat([True, False], n_learn)),
        accuracy_valid=accuracy(kept, np.repeat([True, False], n_side - n_learn)),
        accuracy_rest=accuracy(between, scores[between] > middle),
        n_train=2 * n_learn,
        n_dropped=n_dropped,
    )
