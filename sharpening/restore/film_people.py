"""Who is in a film: some frames of every stretch are looked at, and those of another person than the longest stretch's are named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.models.face_id.judge import FaceJudge
from sharpening.restore.agreement import describe
from sharpening.restore.film_path import FacePath
from sharpening.restore.guard import group_people, sort_people
from sharpening.restore.same_person import same_person

__all__ = ["FilmPeople", "PeopleWatch", "watched"]

EACH = 3  # frames of a stretch: one alone is too noisy to tell persons apart
EVERY = 100  # and one for so many frames of a long stretch
MOST = 60  # frames of a film (0.1 s each), where that is enough for every stretch
LIMIT = 150  # frames of a film of many stretches: to group so many takes seconds, to group a thousand an hour and gigabytes


@dataclass(frozen=True)
class FilmPeople:
    """Who was seen.

    Attributes:
        n_described: number of frames that were looked at and show a face.
        strangers: positions of those that show another person than the longest stretch.
        stretches: first and last position of the stretches that they stand for; a frame alone where its stretch shows the right person too.
        unchecked: first and last position of the stretches of which nobody knows whom they show: not looked at, or no face was described.
        unsure: whether there may be two persons, not surely enough to say which frames show whom, or whether somebody else is seen more
            often than the person of the longest stretch.
        problem: why nothing was checked; empty when it was.
    """

    n_described: int = 0
    strangers: tuple[int, ...] = ()
    stretches: tuple[tuple[int, int], ...] = ()
    unchecked: tuple[tuple[int, int], ...] = ()
    unsure: bool = False
    problem: str = ""


def watched(path: FacePath) -> list[int]:
    """Positions of the frames to look at: some of every stretch, those of the longest one first, evenly spread within it.

    They are at most `MOST`, or `EACH` a stretch where that is more, and never more than `LIMIT`. Of more than `LIMIT` stretches the
    shortest are left out.
    """
    stretches = sorted((np.flatnonzero(path.runs == number) for number in range(path.n_runs)), key=len, reverse=True)
    chosen = list[int]()
    for frames, n in zip(stretches, _looks([len(frames) for frames in stretches]), strict=True):
        # In the middle of equal parts: the first and last frames of a stretch are often blurred, or not in it at all.
        places = (np.arange(n) + 0.5) / max(n, 1) * len(frames)
        chosen += [int(frames[int(place)]) for place in places]
    return chosen


def _looks(lengths: list[int]) -> list[int]:
    """How often to look at each stretch, by length, the longest first: in turns, so that no long one takes what a short one needs."""
    wanted = [min(max(EACH, length // EVERY), length) for length in lengths]
    given, left = [0] * len(lengths), min(max(MOST, EACH * len(lengths)), LIMIT)
    for turn in range(max(wanted, default=0)):
        takers = [i for i, most in enumerate(wanted) if most > turn][:left]
        for i in takers:
            given[i] += 1
        left -= len(takers)
    return given


class PeopleWatch:
    """Looks at some frames as they come by.

    Args:
        path: the stretches.
        judge: describes faces; None when nobody is to be looked for.
        size: side to which the frames are enlarged before they are described, that of the result [px].
    """

    def __init__(self, path: FacePath, judge: FaceJudge | None, size: int) -> None:
        self.path, self.judge, self.size, self.seen = path, judge, size, dict[int, Tensor]()
        self.order = [] if judge is None else watched(path)

    def look(self, at: int, frame: NDArray[np.uint8]) -> None:
        """Describe a frame if it is one of those.

        Args:
            at: its position.
            frame: uint8 `[h, w, 3]`, the face as it was cut.
        """
        if self.judge is not None and at in self.order:
            self.seen[at] = describe([frame], self.size, self.judge)[0]

    def people(self) -> FilmPeople:
        """What was seen."""
        if self.judge is None:
            return FilmPeople(problem="the judge of faces was left out")
        table = same_person()
        if self.judge.network.name != table.judge:
            return FilmPeople(problem=f"the limits were measured with {table.judge}, not with {self.judge.network.name}")
        numbers = [at for at in self.order if at in self.seen and bool(self.seen[at].isfinite().all())]
        if not numbers:
            return FilmPeople(problem="no face could be described in the frames that were looked at")
        rows = torch.stack([self.seen[at] for at in numbers])
        found = sort_people(rows, self._reference(rows, numbers), table.apart)
        strangers = sorted(numbers[i] for i in found.strangers)
        return FilmPeople(
            n_described=len(numbers),
            strangers=tuple(strangers),
            stretches=self._stretches(strangers, numbers),
            unchecked=self._unchecked(numbers),
            unsure=found.unsure or found.minority,
        )

    def _reference(self, rows: Tensor, numbers: list[int]) -> int:
        """Row of the person most often seen in the longest stretch with a described face: any single frame may be an outlier."""
        longest = self.path.runs[numbers[0]]  # they are ordered by the length of their stretch
        groups = group_people(rows, same_person().apart)
        often = max(groups, key=lambda group: (sum(self.path.runs[numbers[i]] == longest for i in group), len(group)))
        return next(i for i in often if self.path.runs[numbers[i]] == longest)

    def _unchecked(self, numbers: list[int]) -> tuple[tuple[int, int], ...]:
        known = {int(self.path.runs[at]) for at in numbers}
        return tuple(self._ends(number) for number in range(self.path.n_runs) if number not in known)

    def _ends(self, number: int) -> tuple[int, int]:
        frames = np.flatnonzero(self.path.runs == number)
        return int(frames[0]), int(frames[-1])

    def _stretches(self, strangers: list[int], numbers: list[int]) -> tuple[tuple[int, int], ...]:
        right = {int(self.path.runs[at]) for at in numbers if at not in strangers}
        stretches = set[tuple[int, int]]()
        for at in strangers:
            number = int(self.path.runs[at])
            stretches.add((at, at) if number in right else self._ends(number))
        return tuple(sorted(stretches))
