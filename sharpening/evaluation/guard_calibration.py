"""The arithmetic of the identity guard's calibration: pairs of pictures, logistic curve, rates, intervals, limits for frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpening.evaluation.guard_sets import REAL, Described

__all__ = [
    "FOLDS",
    "GRID",
    "STARTS",
    "Pairs",
    "area_under_roc",
    "at_most",
    "columns",
    "cross_fitted",
    "fit_logistic",
    "interval",
    "make_pairs",
    "probability",
    "rates",
]

FOLDS = 5
GRID = np.round(np.arange(0.2, 1.0001, 0.02), 2)
"""Distances of the table [-]."""
STARTS = (1, 2, 4)
"""The columns of the table begin at these numbers of frames with a face."""

_LEAST = 0.005  # no probability is nearer to 0 or 1 than this: the data are few
_RESAMPLES = 400

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Results held against frames: one row a pair.

    Attributes:
        distance: `[m]`, of the result's descriptor to the mean one of the frames.
        same: bool `[m]`: the frames are those that the result was made of.
        n: `[m]`: number of frames with a face in the mean.
        group: `[m]`: set.
        person: `[m]`: whom the result shows.
        other: `[m]`: whom the frames show.
        name: `[m]`: code of the sequence of the result.
    """

    distance: Floats
    same: NDArray[np.bool_]
    n: NDArray[np.int64]
    group: NDArray[np.str_]
    person: NDArray[np.str_]
    other: NDArray[np.str_]
    name: NDArray[np.str_]

    def where(self, chosen: NDArray[np.bool_]) -> Pairs:
        """Some of the pairs."""
        return Pairs(*(getattr(self, each)[chosen] for each in self.__dataclass_fields__))

    @property
    def weight(self) -> Floats:
        """`[m]`: each set counts as much as the others, the same person as much as strangers; sums to 1."""
        weight = np.zeros(len(self.distance))
        for same in (False, True):
            here = self.same == same
            groups = np.unique(self.group[here])
            for group in groups:
                chosen = here & (self.group == group)
                weight[chosen] = 0.5 / (len(groups) * chosen.sum())
        return weight

    def column(self, index: int) -> Pairs:
        """Those of one column of the table."""
        stop = STARTS[index + 1] if index + 1 < len(STARTS) else np.inf
        return self.where((self.n >= STARTS[index]) & (self.n < stop))


def make_pairs(sequences: Sequence[Described], n_strangers: int, rng: np.random.Generator) -> Pairs:
    """Hold each result against its own frames, and against those of some strangers that are as real as it is.

    Args:
        sequences: with results.
        n_strangers: for each result.
        rng: chooses them.
    """
    rows = []
    for each in sequences:
        for n, result in each.results.items():
            others = [b for b in sequences if b.person != each.person and (b.group in REAL) == (each.group in REAL) and b.results]
            chosen = rng.choice(len(others), min(n_strangers, len(others)), replace=False)
            for other in (each, *(others[i] for i in chosen)):
                rows.append(_pair(each, result, other, n))
    # Nothing can be said of a result or frames without a face; that is told apart.
    rows = [row for row in rows if row[2] > 0 and np.isfinite(row[0])]
    kinds = (np.float64, np.bool_, np.int64, np.str_, np.str_, np.str_, np.str_)
    return Pairs(*(np.array(values, kind) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)))


def _pair(each: Described, result: Floats, other: Described, n: int) -> tuple[float, bool, int, str, str, str, str]:
    near = other.near(min(n, len(other.frames)))
    near = near[np.isfinite(near).all(axis=1)]
    far = float(np.linalg.norm(near.mean(axis=0) - result)) if len(near) else np.nan
    return far, other is each, len(near), each.group, each.person, other.person, each.sample.name


def fit_logistic(x: Floats, same: NDArray[np.bool_], weight: Floats) -> tuple[float, float]:
    """Intercept and slope of the log odds in the distance, of the weighted likelihood; the slope is below 0.

    Newton's steps with a light pull to 0, so that classes that a limit parts completely still give a finite curve.
    """
    design = np.stack([np.ones_like(x), x], axis=1)
    weight = weight / weight.sum() * len(x)
    pull = np.diag([1e-3, 1e-3])
    found = np.zeros(2)
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(design @ found, -50, 50)))
        slope = design.T @ (weight * (same - p)) - pull @ found
        bend = (design * (weight * p * (1 - p))[:, None]).T @ design + pull
        step = np.linalg.solve(bend, slope)
        found = found + step
        if np.abs(step).max() < 1e-9:
            break
    return float(found[0]), float(min(found[1], 0.0))


def probability(curve: tuple[float, float], x: Floats) -> Floats:
    """Of the same person at even odds, by a curve of `fit_logistic`."""
    return np.clip(1 / (1 + np.exp(-np.clip(curve[0] + curve[1] * x, -50, 50))), _LEAST, 1 - _LEAST)


def rates(pairs: Pairs, limits: Floats) -> tuple[Floats, Floats]:
    """Shares of strangers at most so far away, and of the same person further away, at each limit."""
    weight = pairs.weight
    return _share(pairs.distance, weight * ~pairs.same, limits), 1 - _share(pairs.distance, weight * pairs.same, limits)


def _share(x: Floats, weight: Floats, limits: Floats) -> Floats:
    order = np.argsort(x)
    sums = np.concatenate([[0.0], np.cumsum(weight[order])])
    return sums[np.searchsorted(x[order], limits, "right")] / max(sums[-1], 1e-12)


def area_under_roc(pairs: Pairs) -> float:
    """How often a right result is nearer than a stranger's, each set counted alike."""
    weight = pairs.weight
    near = _share(pairs.distance, weight * ~pairs.same, pairs.distance[pairs.same])
    own = weight[pairs.same]
    return float(1 - (near * own).sum() / own.sum())


def interval(pairs: Pairs, limit: float, rng: np.random.Generator) -> tuple[tuple[float, float], tuple[float, float]]:
    """95 % intervals of both rates at a limit: people are drawn again and again, with all that shows them."""
    names, place = np.unique(np.concatenate([pairs.person, pairs.other]), return_inverse=True)
    first, second = place[: len(pairs.person)], place[len(pairs.person) :]
    weight, near, found = pairs.weight, pairs.distance <= limit, list[tuple[float, float]]()
    for _ in range(_RESAMPLES):
        drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)))
        again = weight * np.where(pairs.same, drawn[first], drawn[first] * drawn[second])
        strangers, own = again * ~pairs.same, again * pairs.same
        found.append(((strangers * near).sum() / max(strangers.sum(), 1e-12), (own * ~near).sum() / max(own.sum(), 1e-12)))
    low, high = np.percentile(np.array(found), [2.5, 97.5], axis=0)
    # What was never seen cannot be resampled: the end is what so many people leave possible.
    never = [
        at_most(len(np.unique(pairs.person[pairs.same == same]))) if high[i] == 0 else 0.0 for i, same in enumerate((False, True))
    ]
    return (float(low[0]), float(high[0] + never[0])), (float(low[1]), float(high[1] + never[1]))


def at_most(n: int) -> float:
    """The share that n independent people who never showed a thing leave possible, with 95 % confidence: 1 − 0.05^(1/n)."""
    return float(1 - 0.05 ** (1 / n)) if n else 1.0


def folds(people: NDArray[np.str_], rng: np.random.Generator) -> dict[str, int]:
    """A fold for each person."""
    names = np.unique(people)
    return dict(zip(names.tolist(), (rng.permutation(len(names)) % FOLDS).tolist(), strict=True))


def cross_fitted(pairs: Pairs, rng: np.random.Generator) -> Floats:
    """`[m]`: the probability of each pair by a curve that saw neither of its people."""
    fold = folds(np.concatenate([pairs.person, pairs.other]), rng)
    first = np.array([fold[name] for name in pairs.person])
    second = np.array([fold[name] for name in pairs.other])
    found = np.full(len(first), np.nan)
    for a in range(FOLDS):
        for b in range(FOLDS):
            test = (first == a) & (second == b)
            seen = pairs.where(~np.isin(first, (a, b)) & ~np.isin(second, (a, b)))
            if test.any() and seen.same.any() and not seen.same.all():
                found[test] = probability(fit_logistic(seen.distance, seen.same, seen.weight), pairs.distance[test])
    return found


def columns(pairs: Pairs) -> list[dict[str, object]]:
    """The columns of the table, as `restore.same_person` reads them; columns without pairs of both kinds are left out."""
    table = list[dict[str, object]]()
    for index, start in enumerate(STARTS):
        some = pairs.column(index)
        if not some.same.any() or some.same.all():
            continue
        accept, reject = rates(some, GRID)
        curve = fit_logistic(some.distance, some.same, some.weight)
        table.append(
            {
                "n_from": start if table else 1,
                "distances": GRID.tolist(),
                "probability": np.round(probability(curve, GRID), 5).tolist(),
                "false_accept": np.round(accept, 5).tolist(),
                "false_reject": np.round(np.clip(reject, 0, 1), 5).tolist(),
                "resolution": round(1 / len(np.unique(some.person[~some.same])), 5),
            }
        )
    return table
