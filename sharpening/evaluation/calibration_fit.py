"""The arithmetic of calibrated errors: from what a network expects to the error that 68 % of the pixels stay under."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import RangeError
from sharpening.restore.error_table import LEVEL, ErrorTable

__all__ = ["Pixels", "Reliability", "coverage", "fit", "halves", "joined", "reliability", "rising", "weighted_quantile"]

Floats = NDArray[np.float64]

_BINS = 64  # of equal weight: the quantile is taken in each
_KNOTS = 17
_LEAST = 50  # pixels in a bin: with fewer, its quantile is chance


@dataclass(frozen=True, eq=False)
class Pixels:
    """What was expected of some pixels, and what came.

    Attributes:
        spread: `[m]`, as the network says it, in the units of its picture.
        error: `[m]`, mean over the colours of |pred − label| [grey levels].
        group: `[m]`, number of the set.
        person: `[m]`, number of the person.
    """

    spread: NDArray[np.float32]
    error: NDArray[np.float32]
    group: NDArray[np.int32]
    person: NDArray[np.int32]

    def where(self, chosen: NDArray[np.bool_]) -> Pixels:
        """Some of the pixels."""
        return Pixels(self.spread[chosen], self.error[chosen], self.group[chosen], self.person[chosen])

    @property
    def weight(self) -> Floats:
        """`[m]`: each set counts as much as the others; sums to 1."""
        count = np.bincount(self.group)
        each: Floats = 1 / (count[self.group] * (count > 0).sum())
        return each


def joined(parts: Sequence[Pixels]) -> Pixels:
    """Several as one."""
    return Pixels(*(np.concatenate([getattr(part, name) for part in parts]) for name in Pixels.__dataclass_fields__))


def fit(pixels: Pixels) -> ErrorTable:
    """The map from the expected error to the 68 % quantile of the true one: never falling, linear between about 17 knots.

    The pixels are laid in the order of what was expected of them and cut into bins of equal weight; in each the quantile is taken. Where
    quantiles fall, neighbours are pooled (isotonic regression: Barlow et al. 1972; for calibration Zadrozny and Elkan 2002,
    doi:10.1145/775047.775151).

    Args:
        pixels: at least 100.

    Raises:
        RangeError: fewer pixels, or all have one expected error.
    """
    m = len(pixels.spread)
    if m < 2 * _LEAST:
        raise RangeError("pixels", m, f"at least {2 * _LEAST}", "Take more sequences.")
    raw, found, weights = [], [], []
    for spread, error, weight in _bins(pixels.spread, pixels, min(_BINS, m // _LEAST)):
        raw.append(float(np.average(spread, weights=weight)))
        found.append(weighted_quantile(error, weight, LEVEL))
        weights.append(float(weight.sum()))
    levels = rising(np.array(found), np.array(weights))
    chosen = np.unique(np.rint(np.linspace(0, len(raw) - 1, _KNOTS)).astype(int))
    places, first = np.unique(np.array(raw)[chosen].round(6), return_index=True)
    if len(places) < 2:
        raise RangeError(
            "spread", f"{raw[0]:g} for all pixels", "different values", "This network expects the same error everywhere."
        )
    return ErrorTable(tuple(places.tolist()), tuple(levels[chosen][first].round(3).tolist()))


def _bins(order: NDArray[np.floating], pixels: Pixels, n: int) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Spread, error and weight of the pixels in n bins of about equal weight, by rising `order`; empty ones are left out."""
    ranked = np.argsort(order, kind="stable")
    weight = pixels.weight[ranked]
    place = np.minimum((np.cumsum(weight) * n).astype(int), n - 1)
    for k in range(n):
        low, high = np.searchsorted(place, [k, k + 1])
        if high > low:
            some = ranked[low:high]
            yield pixels.spread[some].astype(np.float64), pixels.error[some].astype(np.float64), weight[low:high]


def weighted_quantile(values: NDArray[np.floating], weight: NDArray[np.floating], level: float) -> float:
    """The value that this share of the weight stays under, linear between the values."""
    order = np.argsort(values)
    sums = np.cumsum(np.asarray(weight, np.float64)[order])
    return float(
        np.interp(level * sums[-1], sums - np.asarray(weight, np.float64)[order] / 2, np.asarray(values, np.float64)[order])
    )


def rising(values: Floats, weight: Floats) -> Floats:
    """The never-falling sequence that is nearest in weighted squares: neighbours that fall are pooled until none does."""
    pools = list[list[float]]()  # mean, weight, number of values
    for value, each in zip(values.tolist(), weight.tolist(), strict=True):
        pools.append([value, each, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, heavy, n = pools.pop()
            before = pools[-1]
            total = before[1] + heavy
            pools[-1] = [(before[0] * before[1] + mean * heavy) / total, total, before[2] + n]
    return np.concatenate([np.full(int(n), mean) for mean, _, n in pools])


def halves(people: NDArray[np.int32], groups: NDArray[np.int32], rng: np.random.Generator) -> NDArray[np.bool_]:
    """`[m]`: whether each pixel's person belongs to the first half; all pixels of a person are in one.

    People are dealt out set by set (one of several sets counts to the first), so that no half lacks a set of few people.
    """
    names, place = np.unique(people, return_index=True)
    dealt = names[np.lexsort((rng.permutation(len(names)), groups[place]))]
    return np.isin(people, dealt[::2])


@dataclass(frozen=True)
class Reliability:
    """One bin of predictions against what came.

    Attributes:
        predicted: mean of the predicted bounds [grey levels].
        seen: error that 68 % of the pixels do stay under [grey levels].
        coverage: share of the pixels under their own bound; 0.68 is wanted.
        weight: share of the pixels in the bin.
    """

    predicted: float
    seen: float
    coverage: float
    weight: float


def reliability(pixels: Pixels, bound: NDArray[np.floating], n_bins: int = 20) -> list[Reliability]:
    """Bins of equal weight by rising bound.

    Args:
        pixels: what came.
        bound: `[m]`, predicted for them by a map that was fitted on other people [grey levels].
        n_bins: at most so many.
    """
    rows = list[Reliability]()
    carried = Pixels(np.asarray(bound, np.float32), pixels.error, pixels.group, pixels.person)
    for predicted, error, weight in _bins(carried.spread, carried, n_bins):
        share = weight / weight.sum()
        rows.append(
            Reliability(
                float((share * predicted).sum()),
                weighted_quantile(error, weight, LEVEL),
                float((share * (error <= predicted)).sum()),
                float(weight.sum()),
            )
        )
    return rows


def coverage(pixels: Pixels, chosen: NDArray[np.bool_], limit: NDArray[np.floating] | float) -> tuple[float, float, float]:
    """How many of some pixels stay under a limit, and the 95 % interval over people.

    The interval is that of a ratio of sums over people, and Student's. Where few people weigh most, as those of the clips do, its degrees
    of freedom are fewer: one less than the number of people who would weigh as much if all weighed alike (Kish 1965).

    Args:
        pixels: all.
        chosen: `[m]`: which count.
        limit: of the error, one for all or `[m]` [grey levels].

    Returns:
        Share, lower and upper end; NaN where nothing is chosen, and ends of NaN where one person is.
    """
    from scipy.stats import t

    if not chosen.any():
        return math.nan, math.nan, math.nan
    weight, good_one = pixels.weight[chosen], (pixels.error <= limit)[chosen]
    _, place = np.unique(pixels.person[chosen], return_inverse=True)
    total, good = np.bincount(place, weight), np.bincount(place, weight * good_one)
    k, share = len(total), float(good.sum() / total.sum())
    if k < 2:
        return share, math.nan, math.nan
    alike = float(total.sum() ** 2 / (total**2).sum())
    half = float(t.ppf(0.975, max(alike - 1, 1)) * np.sqrt(((good - share * total) ** 2).sum() * k / (k - 1)) / total.sum())
    return share, max(0.0, share - half), min(1.0, share + half)
