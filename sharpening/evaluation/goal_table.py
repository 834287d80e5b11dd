"""The goals of FusionNet, and what stored rows say to each: a figure with its interval, and the level that it reaches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from sharpening.evaluation.facts import mean_interval
from sharpening.evaluation.frame_sets import COUNTS
from sharpening.evaluation.goals_rows import TWIN
from sharpening.metrics import metrics

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GOALS", "LEVELS", "Figure", "Goal", "Measured", "size_goals", "steps", "verdict"]

LEVELS = ("must", "target", "moonshot")
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Figure:
    """A mean and how sure it is.

    Attributes:
        mean: Of all samples.
        interval: Half of the 95 % interval; NaN where one cluster is all there is, 0 for what is counted and not estimated.
        n: Samples.
        n_clusters: People.
        words: What more there is to say of it.
    """

    mean: float
    interval: float
    n: int = 0
    n_clusters: int = 0
    words: str = ""


class Measured:
    """Rows, so that methods and protocols can be laid side by side picture by picture.

    Args:
        rows: As `goals_rows.measure` gives them.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        grouped = rows.groupby(["protocol", "group", "method"], sort=False)
        self.parts = {(str(p), str(g), str(m)): part.set_index("name") for (p, g, m), part in grouped}

    def mean(self, protocol: str, method: str, column: str, *, group: str = "") -> Figure | None:
        """The mean of a column; None where it was not measured."""
        part = self._part(protocol, group, method)
        return None if part is None else _figure(part[column], part["cluster"])

    def difference(
        self,
        column: str,
        one: tuple[str, str],
        other: tuple[str, str],
        *,
        group: str = "",
        among: str = "",
        words: str = "",
    ) -> Figure | None:
        """The mean of what one has more than the other, picture by picture; None where one was not measured.

        Args:
            column: Of the rows.
            one: Protocol and method.
            other: Protocol and method, of the same pictures.
            group: Part of the protocols; of their own name when left out.
            among: Only the pictures that this protocol has too.
            words: For the figure.
        """
        a, b = self._part(one[0], group, one[1]), self._part(other[0], group, other[1])
        if a is None or b is None:
            return None
        # A shorter protocol has the first pictures of a longer one.
        names = a.index.intersection(b.index)
        if among:
            some = self._part(among, group, one[1])
            names = names[:0] if some is None else names.intersection(some.index)
        return _figure(a.loc[names, column] - b.loc[names, column], a.loc[names, "cluster"], words)

    def _part(self, protocol: str, group: str, method: str) -> pd.DataFrame | None:
        return self.parts.get((protocol, group or protocol, method))


def _figure(values: pd.Series, clusters: pd.Series, words: str = "") -> Figure | None:
    there = values.notna().to_numpy()
    if not there.any():
        return None
    mean, interval = mean_interval(values.to_numpy(), clusters.to_numpy())
    return Figure(mean, interval, int(there.sum()), clusters[there].nunique(), words)


@dataclass(frozen=True)
class Goal:
    """A row of the table.

    Attributes:
        name: What is measured.
        figure: Of a method; None where it was not measured.
        levels: The least that must, target and moonshot want (the most, with `at_most`); None where there is none.
        unit: Of the figure.
        decimals: Digits behind the point.
        at_most: Less is better.
        strict: The level itself is not enough.
    """

    name: str
    figure: Callable[[Measured, str], Figure | None]
    levels: tuple[float | None, float | None, float | None]
    unit: str = "dB"
    decimals: int = 2
    at_most: bool = False
    strict: bool = False

    def reaches(self, value: float, level: float) -> bool:
        """Whether a value is good enough."""
        if self.at_most:
            return value <= level
        return value > level if self.strict else value >= level


def verdict(goal: Goal, figure: Figure | None) -> tuple[str, bool]:
    """The highest level that the mean reaches, "no" where it reaches none, and whether the whole interval says the same.

    Where a goal has no "must" and the rest is missed, the word is "below target": nothing that must be is missing.
    """
    if figure is None:
        return NOT_MEASURED, False
    low, high = figure.mean - figure.interval, figure.mean + figure.interval
    for name, level in reversed(list(zip(LEVELS, goal.levels, strict=True))):
        if level is not None and goal.reaches(figure.mean, level):
            return name, goal.reaches(high if goal.at_most else low, level)
    least = next((level for level in goal.levels if level is not None), math.nan)
    sure = not goal.reaches(low if goal.at_most else high, least) and not math.isnan(figure.interval)
    return ("no" if goal.levels[0] is not None else "below target"), sure


def steps(found: Measured, method: str, column: str = "psnr") -> list[Figure | None]:
    """What each larger number of frames gives over the one before it; None where one of them was not measured."""
    return [
        found.difference(column, (f"n-{more}", method), (f"n-{fewer}", method), words=f"{fewer} → {more} frames")
        for fewer, more in pairwise(COUNTS)
    ]


def _smallest_step(found: Measured, method: str) -> Figure | None:
    return min((step for step in steps(found, method) if step is not None), key=lambda figure: figure.mean, default=None)


def _over(other: str, protocol: str, column: str = "psnr", group: str = "") -> Callable[[Measured, str], Figure | None]:
    return lambda found, method: found.difference(column, (protocol, method), (protocol, other), group=group)


def _against_clean(found: Measured, method: str) -> Figure | None:
    return found.difference("psnr", ("damaged-middle", method), ("stills", method))


def _of_clips() -> Iterator[Goal]:
    for group in ("sparse", "dense"):
        for column, unit, decimals in (("psnr", "dB", 2), ("ssim", "", 4), ("identity_cosine", "", 4)):
            word = metrics.get(column).name
            figure = _over("bicubic", "clips", column, group)
            yield Goal(f"real clips, {group}: {word} over bicubic", figure, (0.0, None, None), unit, decimals, strict=True)
        figure = _over(TWIN, "clips", "psnr", group)
        yield Goal(f"real clips, {group}: 7 frames over the one-frame net", figure, (0.3, 1.0, 2.0))


GOALS: tuple[Goal, ...] = (
    Goal("stills, 7 frames over bicubic of the middle", _over("bicubic", "stills"), (3.0, 4.0, 5.5)),
    Goal("stills, 7 frames over the same net trained as long on one", _over(TWIN, "stills"), (1.5, 2.0, 3.0)),
    Goal("h264 over bicubic", _over("bicubic", "h264"), (2.0, 3.0, 4.0)),
    Goal("damaged-middle over bicubic", _over("bicubic", "damaged-middle"), (5.0, None, None)),
    Goal("damaged-middle against its own figure on the clean middle", _against_clean, (None, -2.0, -1.0)),
    Goal("others are noise, over the one-frame net", _over(TWIN, "noise-others"), (-0.3, -0.1, 0.0)),
    Goal("others show another person, over the one-frame net", _over(TWIN, "person-others"), (-0.3, -0.1, 0.0)),
    Goal("others are half covered, over the one-frame net", _over(TWIN, "occluder-others"), (-0.3, -0.1, 0.0)),
    *_of_clips(),
    Goal("stills, identity cosine over bicubic", _over("bicubic", "stills", "identity_cosine"), (0.05, 0.10, 0.15), "", 4),
    Goal(f"n = {', '.join(map(str, COUNTS))} frames never fall: the smallest step", _smallest_step, (0.0, None, None)),
)


def size_goals(n_parameters: int, gflop: float) -> tuple[tuple[Goal, Figure], ...]:
    """The goals of size, and what a network has."""
    parameters, work = Figure(n_parameters / 1e6, 0.0), Figure(gflop, 0.0)
    return (
        (Goal("size: parameters", lambda *_: parameters, (7.0, None, 3.0), "M", 2, at_most=True), parameters),
        (Goal("size: work for 7 frames", lambda *_: work, (20.0, None, None), "GFLOP", 1, at_most=True), work),
    )
