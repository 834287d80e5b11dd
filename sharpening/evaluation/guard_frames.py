"""Frames of other people put into sequences: the limits that find them, what is found, and what leaving them out is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sharpening.errors import RangeError
from sharpening.evaluation.guard_calibration import FOLDS, folds
from sharpening.evaluation.guard_sets import POOR_MIDDLE, Described
from sharpening.evaluation.methods import Method, fitted
from sharpening.imaging.convert import to_tensor
from sharpening.metrics import metrics
from sharpening.restore.guard import People, sort_people
from sharpening.restore.same_person import Apart

__all__ = ["KINDS", "MIDDLE", "MOST_FALSE", "Mixture", "calibrate", "frame_rows", "gain_rows", "mixtures"]

KINDS = ("0", "1", "2", "3", "middle")
"""How many of the other frames show somebody else; "middle": the middle does, alone."""
MIDDLE = "middle"
MOST_FALSE = 0.015
"""In so many sequences of one person a frame beside the middle may be taken for another person's."""
MOST_LOST = 0.005
"""In so many more half of the frames or more may be lost."""

_GAINED = ("stills", "clips")
_LIMITS = np.round(np.arange(0.1, 0.5, 0.01), 3)
_REPEATS = 2


@dataclass(frozen=True, eq=False)
class Mixture:
    """A sequence with frames of another one in it, at the same places.

    Attributes:
        kind: see `KINDS`.
        own: the sequence.
        other: another person's.
        foreign: bool `[n]`: which frames are taken from the other.
    """

    kind: str
    own: Described
    other: Described
    foreign: NDArray[np.bool_]

    @property
    def rows(self) -> NDArray[np.float64]:
        """The descriptors, `[n, d]`."""
        return np.where(self.foreign[:, None], self.other.frames, self.own.frames)

    @property
    def pictures(self) -> NDArray[np.uint8]:
        """The frames, uint8 `[n, h, w, 3]`."""
        return np.where(self.foreign[:, None, None, None], self.other.sample.frames, self.own.sample.frames)

    @property
    def faces(self) -> NDArray[np.bool_]:
        """Bool `[n]`: in which frames there is a face."""
        return np.isfinite(self.rows[:, 0])

    def people(self, apart: Apart) -> People:
        """What the guard sees in it."""
        return sort_people(self.rows, len(self.foreign) // 2, apart)


def mixtures(sequences: Sequence[Described], rng: np.random.Generator) -> list[Mixture]:
    """Every sequence as it is, and with frames of another person of its set; of poor middles only as they are."""
    made = list[Mixture]()
    for own in sequences:
        n = len(own.frames)
        made.append(Mixture("0", own, own, np.zeros(n, bool)))
        others = [b for b in sequences if b.group == own.group and b.person != own.person and len(b.frames) == n]
        if own.group == POOR_MIDDLE or not others:
            continue
        beside = [i for i in range(n) if i != n // 2]
        for kind in KINDS[1:]:
            for _ in range(1 if kind == MIDDLE else _REPEATS):
                other, foreign = others[rng.integers(len(others))], np.zeros(n, bool)
                chosen = [n // 2] if kind == MIDDLE else rng.choice(beside, min(int(kind), len(beside)), replace=False)
                foreign[chosen] = True
                if kind == MIDDLE or int(kind) <= (n - 1) // 2:
                    made.append(Mixture(kind, own, other, foreign))
    return made


def calibrate(clean: Sequence[Mixture]) -> Apart:
    """The limits, on sequences of one person each.

    The noise is half the mean squared distance of two frames; the limits are the lowest that keep false alarms below `MOST_FALSE` and
    `MOST_LOST`. Each set counts as much as the others; sequences whose middle has no face, of which the guard says nothing, do not count.

    Raises:
        RangeError: no sequence has a face in its middle.
    """
    clean = [each for each in clean if each.faces[len(each.faces) // 2]]
    if not clean:
        raise RangeError("sequences with a face in the middle", 0, "at least 1", "Take more sequences.")
    groups = np.array([each.own.group for each in clean])
    noise = float(np.mean([_noise([each for each in clean if each.own.group == group]) for group in np.unique(groups)]))

    # Frames that are one group by the lowest limit are one by all others.
    one = [not (people.strangers or people.unsure) for people in (each.people(Apart(noise, _LIMITS[0], np.inf)) for each in clean)]

    def lowest(limits: Sequence[float], most: float, false: Callable[[Mixture, float], bool]) -> float:
        for place, limit in enumerate(limits):
            wrong = np.array([not alike and false(each, limit) for each, alike in zip(clean, one, strict=True)])
            if np.mean([wrong[groups == group].mean() for group in np.unique(groups)]) <= most:
                return float(limits[place])
        return float(limits[-1])

    person = lowest(_LIMITS.tolist(), MOST_FALSE, lambda each, x: bool(each.people(Apart(noise, x, np.inf)).strangers))
    higher = [x for x in _LIMITS.tolist() if x >= person]
    most = lowest(higher, MOST_LOST, lambda each, x: _lost(each, Apart(noise, person, x)))
    return Apart(round(noise, 5), person, most)


def _noise(some: Sequence[Mixture]) -> float:
    found = list[float]()
    for each in some:
        rows = each.rows[each.faces]
        if len(rows) > 1:
            # The variance over all numbers: half the mean squared distance of two rows.
            found.append(float(rows.var(axis=0, ddof=1).sum()))
    return float(np.mean(found)) if found else np.nan


def _lost(each: Mixture, apart: Apart) -> bool:
    """Whether half of the frames with a face, or more, are taken for another person's."""
    return 0 < int(each.faces.sum()) <= 2 * len(each.people(apart).strangers)


def frame_rows(made: Sequence[Mixture], rng: np.random.Generator) -> list[dict[str, object]]:
    """What the guard finds in each mixture, by limits that saw no sequence of the person whose it is (of the other one perhaps).

    Returns:
        A row each: set, kind, person, strangers with a face, those found, frames of the right person left out, whether another person was
        seen in the middle's place (or might be), and the size of the sequence.
    """
    fold = folds(np.array([each.own.person for each in made] + [each.other.person for each in made]), rng)
    limits = {k: calibrate([each for each in made if each.kind == "0" and fold[each.own.person] != k]) for k in range(FOLDS)}
    return [_row(each, limits[fold[each.own.person]]) for each in made]


def _row(each: Mixture, limits: Apart) -> dict[str, object]:
    there = each.faces
    people = each.people(limits)
    named = np.isin(np.arange(len(there)), people.strangers)
    # Where the middle is the stranger, the others are another person than it: none of them is a false alarm.
    foreign = ~each.foreign if each.kind == MIDDLE else each.foreign
    return {
        "group": each.own.group,
        "kind": each.kind,
        "name": each.own.sample.name,
        "person": each.own.person,
        "strangers": int((foreign & there).sum()),
        "found": int((foreign & named).sum()),
        "wrong": int((~foreign & named).sum()),
        "middle_face": bool(there[len(there) // 2]),
        "told": bool(people.minority or people.unsure),
        "limit": limits.person,
        "frames": len(there),
    }


def gain_rows(made: Sequence[Mixture], method: Method, apart: Apart, limit: int) -> list[dict[str, object]]:
    """PSNR [dB] of results of all frames, without those that the guard finds, without all strangers, and of the clean sequence.

    Args:
        made: mixtures; used are the first ones of each kind of stills and of clips in which others than the middle are strangers.
        method: restores the middle of frames `[1, 3·n, h, h]`.
        apart: the limits.
        limit: number of each.
    """
    rows, count, clean = list[dict[str, object]](), dict[tuple[str, str], int](), dict[int, float]()
    for each in made:
        key = each.own.group, each.kind
        if each.kind in ("0", MIDDLE) or each.own.group not in _GAINED or count.get(key, 0) >= limit:
            continue
        count[key] = count.get(key, 0) + 1
        strangers = np.isin(np.arange(len(each.foreign)), each.people(apart).strangers)
        without = {"all": np.zeros_like(strangers), "guard": strangers, "truth": each.foreign}
        row: dict[str, object] = {"group": each.own.group, "kind": each.kind, "person": each.own.person}
        row |= {how: _psnr(each.own, each.pictures, out, method) for how, out in without.items() if how == "all" or out.any()}
        if id(each.own) not in clean:
            clean[id(each.own)] = _psnr(each.own, each.own.sample.frames, without["all"], method)
        rows.append({"guard": row["all"]} | row | {"clean": clean[id(each.own)]})
    return rows


def _psnr(own: Described, pictures: NDArray[np.uint8], out: NDArray[np.bool_], method: Method) -> float:
    n = len(pictures)
    left = [i for i in range(n) if not out[i] and i != n // 2]
    # The middle keeps its place in the stack, as in restoring.
    half = (len(left) + 1) // 2
    order = [*left[:half], n // 2, *left[half:]]
    label = to_tensor(own.sample.label)[None]
    with torch.no_grad():
        made = fitted(method(to_tensor(pictures[order]).flatten(0, 1)[None]), label)
    return float(metrics.get("psnr")(made, label)[0])
