"""What a distance between descriptors says of two persons: a measured table, and how it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import InputError, RangeError

__all__ = ["ALIKE", "TABLE", "UNSURE", "Apart", "Reading", "SamePerson", "load_table", "same_person"]

TABLE = Path(__file__).with_name("same_person.json")
"""Made by `sharpening guard --write`; part of the package."""

VERSION = 1
# Of the probability at even odds: from here on the result counts as alike, and below the other one as unlike.
ALIKE, UNSURE = 0.9, 0.5

_ADVICE = "Make it anew with `sharpening guard --data … --write`, or install the package again."


@dataclass(frozen=True)
class Reading:
    """What one distance says.

    Attributes:
        probability: that it is the same person, where both were equally likely before.
        false_accept: share of strangers' pictures that come as near.
        false_reject: share of right results that are further away.
        resolution: shares below this could not be told from none.
        border: distance from which on it is rather somebody else, for as many frames.
        calibrated_on: what was measured for the table, in words.
    """

    probability: float
    false_accept: float
    false_reject: float
    resolution: float = 0.0
    border: float = float("nan")
    calibrated_on: str = ""

    @property
    def verdict(self) -> str:
        """One of "alike", "unsure" and "unlike"."""
        return "alike" if self.probability >= ALIKE else "unsure" if self.probability >= UNSURE else "unlike"

    @property
    def words(self) -> str:
        """The reading in plain words."""
        start = {
            "alike": "The result agrees with the frames on the person.",
            "unsure": "Unsure: it may be the person of the frames.",
            "unlike": "It is rather somebody else than the person of the frames.",
        }[self.verdict]
        return f"{start} A stranger's picture comes as near in {self.how_often}; {self.false_reject:.0%} of right results lie further away."

    @property
    def how_often(self) -> str:
        """How often a stranger's picture comes as near: "1 of 50 cases"."""
        if self.false_accept <= self.resolution:
            return f"fewer than 1 of {round(1 / self.resolution)} cases" if self.resolution > 0 else "no case that was measured"
        if self.false_accept > 0.4:
            return f"{self.false_accept:.0%} of the cases"
        return f"1 of {round(1 / self.false_accept)} cases"

    def facts(self) -> dict[str, Any]:
        """For the report."""
        return {
            "probability_same_person": round(self.probability, 4),
            "false_accept_rate": round(self.false_accept, 5),
            "false_reject_rate": round(self.false_reject, 5),
            "reading": self.verdict,
            "reading_words": self.words,
            "calibrated_on": self.calibrated_on,
        }


@dataclass(frozen=True)
class Apart:
    """When frames are taken for those of another person, see `guard.sort_people`.

    Attributes:
        noise: mean squared distance of a frame's descriptor to the true one of its person.
        person: squared distance of two groups of frames, less their noise, from which on they show two persons.
        most: the same where half of the frames or more would be left out, which costs most.
    """

    noise: float
    person: float
    most: float


@dataclass(frozen=True, eq=False)
class _Column:
    """The table for results that were compared with at least so many frames."""

    n_from: int
    distances: NDArray[np.float64]
    probability: NDArray[np.float64]
    false_accept: NDArray[np.float64]
    false_reject: NDArray[np.float64]
    resolution: float


@dataclass(frozen=True, eq=False)
class SamePerson:
    """The measured table.

    Attributes:
        judge: name of the network whose descriptors it was measured with; it holds for no other.
        apart: when frames show another person.
        made_of: what was measured, in words.
        weights: sha256 of the weights whose results were measured. A result shares the damage of its frames, and another network's shares
            another part of it: even true pictures lie further away.
        columns: by number of frames, ascending.
    """

    judge: str
    apart: Apart
    made_of: str
    weights: str
    columns: tuple[_Column, ...]

    def read(self, distance: float, n: int = 7) -> Reading:
        """What a distance says; the further away, the less it speaks for the same person.

        Args:
            distance: of the result's descriptor to the mean one of the frames.
            n: number of frames in that mean: of few frames it is uncertain, and right results lie further away.

        Raises:
            RangeError: a distance below 0, or no number.
        """
        if not distance >= 0:
            raise RangeError("distance", distance, "0 or more")
        column = max((each for each in self.columns if each.n_from <= max(n, 1)), key=lambda each: each.n_from)
        rows = (column.probability, column.false_accept, column.false_reject)
        probability, accept, reject = (float(np.interp(distance, column.distances, row)) for row in rows)
        border = float(np.interp(UNSURE, column.probability[::-1], column.distances[::-1]))
        return Reading(probability, accept, reject, column.resolution, border, self.made_of)


def load_table(path: str | Path) -> SamePerson:
    """Read and check a table.

    Raises:
        InputError: it is not there, no table of this version, or not monotone.
    """
    try:
        facts = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read as a table of the identity guard ({error}).", _ADVICE) from error
    try:
        return _table(facts)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path, f"is no table of the identity guard: {error}.", _ADVICE) from error


@cache
def same_person() -> SamePerson:
    """The table of the package."""
    return load_table(TABLE)


def _table(facts: Mapping[str, Any]) -> SamePerson:
    if facts["version"] != VERSION:
        raise ValueError(f"its version is {facts['version']}, {VERSION} is wanted")
    columns = tuple(_column(each) for each in facts["same_person"])
    if not columns or columns[0].n_from != 1 or any(a.n_from >= b.n_from for a, b in pairwise(columns)):
        raise ValueError("its columns do not start at one frame and ascend")
    apart = Apart(*(float(facts["frames"][key]) for key in ("noise", "person", "most")))
    if not 0 < apart.noise < np.inf or not 0 < apart.person <= apart.most < np.inf:
        raise ValueError("its limits for the frames are not 0 < noise and 0 < person ≤ most")
    return SamePerson(str(facts["judge"]), apart, str(facts["made_of"]), str(facts["weights"]["sha256"]), columns)


def _column(facts: Mapping[str, Any]) -> _Column:
    names = ("distances", "probability", "false_accept", "false_reject")
    rows = [np.asarray(facts[name], np.float64) for name in names]
    if rows[0].ndim != 1 or len(rows[0]) < 2 or any(row.shape != rows[0].shape for row in rows):
        raise ValueError("its rows are not equally long")
    for name, row, sign in zip(names, rows, (1, -1, 1, -1), strict=True):
        steps = sign * np.diff(row)
        if not np.isfinite(row).all() or (steps < 0).any() or (name == "distances" and (steps == 0).any()):
            raise ValueError(f"{name} are not monotone")
        if name != "distances" and (row.min() < 0 or row.max() > 1):
            raise ValueError(f"{name} is not between 0 and 1")
    return _Column(int(facts["n_from"]), rows[0], rows[1], rows[2], rows[3], float(facts["resolution"]))
