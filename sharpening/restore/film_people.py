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
from sharpening.restore.guard import sort_people
from sharpening.restore.same_person import same_person

__all__ = ["FilmPeople", "PeopleWatch", "watched"]

EACH = 3  # frames of a stretch: one alone is too noisy to tell persons apart
EVERY = 100  # and one for so many frames of a long stretch
MOST = 60  # frames of a film: 0.1 s each


@dataclass(frozen=True)
class FilmPeople:
    """Who was seen.

    Attributes:
        n_described: number of frames that were looked at and show a face.
        strangers: positions of those that show another person than the longest stretch.
        stretches: first and last position of the stretches that they stand for; a frame alone where its stretch shows the right person too.
        unsure: whether there may be two persons, not surely enough to say which frames show whom.
        problem: why nothing was checked; empty when it was.
    """

    n_described: int = 0
    strangers: tuple[int, ...] = ()
    stretches: tuple[tuple[int, int], ...] = ()
    unsure: bool = False
    problem: str = ""


def watched(path: FacePath) -> list[int]:
    """Positions of the frames to look at: some of every stretch, the longest one first, evenly spread within it; at most `MOST`."""
    stretches = [np.flatnonzero(path.runs == number) for number in range(path.n_runs)]
    chosen = list[int]()
    for frames in sorted(stretches, key=len, reverse=True):
        wanted = min(max(EACH, len(frames) // EVERY), MOST - len(chosen), len(frames))
        # In the middle of equal parts: the first and last frames of a stretch are often blurred, or not in it at all.
        places = (np.arange(wanted) + 0.5) / max(wanted, 1) * len(frames)
        chosen += [int(frames[int(place)]) for place in places]
    return chosen


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
        # The first is of the longest stretch in which a face could be described.
        found = sort_people(torch.stack([self.seen[at] for at in numbers]), 0, table.apart)
        strangers = sorted(numbers[i] for i in found.strangers)
        return FilmPeople(len(numbers), tuple(strangers), self._stretches(strangers, numbers), found.unsure)

    def _stretches(self, strangers: list[int], numbers: list[int]) -> tuple[tuple[int, int], ...]:
        right = {int(self.path.runs[at]) for at in numbers if at not in strangers}
        stretches = set[tuple[int, int]]()
        for at in strangers:
            number = int(self.path.runs[at])
            around = [at] if number in right else np.flatnonzero(self.path.runs == number).tolist()
            stretches.add((around[0], around[-1]))
        return tuple(sorted(stretches))
