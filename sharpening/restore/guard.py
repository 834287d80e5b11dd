"""Whether all frames show one person: frames of others are found, named, left out, and replaced by the next ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.models.face_id.judge import FaceJudge
from sharpening.restore.agreement import describe
from sharpening.restore.located import Located
from sharpening.restore.same_person import Apart, Reading, SamePerson, load_table, same_person

__all__ = [
    "POLICIES",
    "Guard",
    "People",
    "Reading",
    "SamePerson",
    "find_strangers",
    "group_people",
    "load_table",
    "same_person",
    "sort_people",
    "watch",
]

POLICIES = ("leave-out", "keep")
"""What is done with frames of another person; they are named in either case."""


@dataclass(frozen=True)
class People:
    """Who is seen in some frames.

    Attributes:
        strangers: positions of the frames that show another person than the middle; never the middle itself.
        minority: whether another person is seen in more frames than the one of the middle.
        unsure: whether the middle may show another person than further frames, not surely enough to leave so many out.
        distances: of each frame to the mean descriptor of the (other) frames that are not left out; None where nothing can be said.
    """

    strangers: tuple[int, ...] = ()
    minority: bool = False
    unsure: bool = False
    distances: tuple[float | None, ...] = ()


def find_strangers(descriptors: Tensor | NDArray[np.floating], middle: int, apart: Apart | None = None) -> tuple[int, ...]:
    """Which frames show another person than the middle one, see `sort_people`.

    Args:
        descriptors: `[n, d]`; NaN in the rows of frames without a measurable face, which are no strangers.
        middle: row of the frame to restore. Without a face it can be any of the people, and nobody is a stranger.
        apart: limits; those of the package's table when left out.
    """
    return sort_people(descriptors, middle, apart).strangers


def sort_people(
    descriptors: Tensor | NDArray[np.floating], middle: int, apart: Apart | None = None, *, known: Collection[int] = ()
) -> People:
    """Group frames by person: the two groups that are nearest are joined as long as they can be one person.

    The distance of two groups is that of their mean descriptors, squared, less what the noise of so many frames adds to it. So a poor frame
    is judged milder than a mean of several; a limit on plain distances finds fewer strangers for as many false alarms.

    Args:
        descriptors: `[n, d]`, NaN in rows of frames without a face.
        middle: row of the frame to restore.
        apart: limits; those of the package's table when left out.
        known: rows that were found to be strangers with fewer frames: who is grouped with them stays a stranger, however many there are.
    """
    apart = same_person().apart if apart is None else apart
    rows = np.asarray(descriptors, np.float64)
    groups = _groups(rows, apart)
    if not groups:
        return People(distances=(None,) * len(rows))
    largest = max(groups, key=len)
    own = next((group for group in groups if middle in group), largest)
    gaps, others = _gaps(rows, groups, apart)[groups.index(own)], sum(len(group) for group in groups) - len(own)
    # Without most of the frames there is little left to restore from, and the network can weigh down poor ones by itself. And where the
    # middle is poor it stands apart itself, which is no fault of the others.
    limit = apart.most if others >= len(own) else apart.person
    if middle not in own:
        limit = np.inf  # of a middle without a face nobody knows whose it is: the network's own look at the pixels must do
    strange = [
        group
        for group, gap in zip(groups, gaps, strict=True)
        if group is not own and gap >= (apart.person if set(known) & set(group) else limit)
    ]
    near = [group for group in groups if not any(group is each for each in strange)]
    return People(
        strangers=tuple(sorted(i for group in strange for i in group)),
        minority=any(len(group) > len(own) for group in strange),
        unsure=len(near) > 1,
        distances=_distances(rows, sorted(i for group in near for i in group)),
    )


def group_people(descriptors: Tensor | NDArray[np.floating], apart: Apart) -> list[list[int]]:
    """Rows of descriptors `[n, d]` that show one person, as `sort_people` groups them; rows with NaN are in no group."""
    return _groups(np.asarray(descriptors, np.float64), apart)


def _groups(rows: NDArray[np.float64], apart: Apart) -> list[list[int]]:
    groups = [[int(i)] for i in np.flatnonzero(np.isfinite(rows).all(axis=1))]
    while len(groups) > 1:
        gaps = _gaps(rows, groups, apart)
        i, j = sorted(int(k) for k in np.unravel_index(gaps.argmin(), gaps.shape))
        if gaps[i, j] > apart.person:
            break
        groups[i] = sorted(groups[i] + groups.pop(j))
    return groups


def _gaps(rows: NDArray[np.float64], groups: list[list[int]], apart: Apart) -> NDArray[np.float64]:
    """Between any two groups, `[g, g]`; infinite from one to itself."""
    means = np.stack([rows[group].mean(axis=0) for group in groups])
    noise = apart.noise / np.array([len(group) for group in groups])
    gaps = np.square(means[:, None] - means[None]).sum(axis=2) - noise[:, None] - noise[None]
    np.fill_diagonal(gaps, np.inf)
    return np.asarray(gaps)


def _distances(rows: NDArray[np.float64], own: list[int]) -> tuple[float | None, ...]:
    found = list[float | None]()
    for i, row in enumerate(rows):
        others = [j for j in own if j != i]
        far = float(np.linalg.norm(row - rows[others].mean(axis=0))) if others else float("nan")
        found.append(far if np.isfinite(far) else None)
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Guard:
    """What the guard saw and did; the numbers are those of the frames in the input.

    Attributes:
        policy: "leave-out" or "keep".
        problem: why nothing was checked; empty when it was.
        strangers: frames of another person, with their distance to the mean descriptor of the middle's person.
        left_out: those of them that the network does not get.
        stand_ins: frames that took the places of those left out.
        middle: frame that is restored.
        minority: whether most frames show another person than the middle.
        unsure: whether the middle may show another person than many others.
        unseen: whether no face was recognised in the middle, so that nobody knows whose it is.
        n_described: number of frames that were looked at and show a face.
        described: `[n, d]`: descriptors of the frames that go into the network; None where none were made.
    """

    policy: str = POLICIES[0]
    problem: str = ""
    strangers: Mapping[int, float] = field(default_factory=dict)
    left_out: tuple[int, ...] = ()
    stand_ins: tuple[int, ...] = ()
    middle: int = 0
    minority: bool = False
    unsure: bool = False
    unseen: bool = False
    n_described: int = 0
    described: Tensor | None = None

    def facts(self) -> dict[str, Any]:
        """For the report."""
        return {
            "checked": not self.problem,
            "problem": self.problem,
            "policy": self.policy,
            "n_described": self.n_described,
            "strangers": [{"index": index, "distance": round(far, 4)} for index, far in self.strangers.items()],
            "left_out": list(self.left_out),
            "stand_ins": list(self.stand_ins),
            "middle_in_minority": self.minority,
            "middle_unsure": self.unsure,
            "middle_without_face": self.unseen,
        }

    def warnings(self) -> list[str]:
        """What to tell the user."""
        if self.problem:
            return [f"Whether all frames show one person was not checked: {self.problem}."]
        words = []
        if self.strangers:
            done = "were left out" if self.left_out else "were kept"
            instead = f"; {_listed(self.stand_ins)} took their place" if self.stand_ins else ""
            words.append(
                f"Frame(s) {_listed(self.strangers)} show another person than frame {self.middle}, the middle, and {done}{instead}."
            )
        if self.minority:
            words.append(
                f"More frames show that other person than the one of frame {self.middle}: the result is the person of frame {self.middle}. "
                "If the other one is wanted, choose another frame (--middle)."
            )
        if self.unsure:
            words.append(
                f"Frame {self.middle}, the middle, may show another person than many others, or is too poor to tell; they were used."
            )
        if self.unseen:
            words.append(
                f"Whether frame {self.middle}, the middle, shows the person of the others could not be told: no face was recognised in it."
            )
        return words


def watch(located: Located, judge: FaceJudge | None, *, scale: float, policy: str = POLICIES[0]) -> tuple[Located, Guard]:
    """Look for frames of another person and put the next usable frames in their places, if there are any.

    Args:
        located: the cut sequence.
        judge: describes faces; None when nobody is to be looked for.
        scale: how many times larger than the frames the result will be; the frames are described at its size.
        policy: "leave-out", or "keep" to name them only.

    Returns:
        The sequence for the network, and what was seen.
    """
    if judge is None:
        return located, Guard(policy, "the judge of faces was left out")
    table, scene = same_person(), _Scene(judge, scale)
    scene.look(located)
    if judge.network.name != table.judge:
        problem = f"the limits were measured with {table.judge}, not with {judge.network.name}"
        return located, Guard(policy, problem, described=scene.of(located))
    first, middle, strangers = located.indexes, located.indexes[len(located.indexes) // 2], dict[int, float]()
    # Each turn leaves at least one frame out, so this ends; it costs about 0.1 s a stand-in.
    while True:
        numbers, people = scene.people(middle, table.apart, strangers)
        new = {numbers[i]: people.distances[i] or 0.0 for i in people.strangers if numbers[i] not in strangers}
        strangers |= new
        if not new or policy == "keep" or located.again is None:
            break
        located = located.again({i: f"shows another person (distance {far:.2f})" for i, far in strangers.items()})
        scene.look(located)
    if not scene.n_with_face:
        return located, Guard(policy, "no face was recognised in any of the frames", middle=middle, described=scene.of(located))
    left_out = tuple(sorted(set(strangers) - set(located.indexes)))
    stand_ins = tuple(sorted(set(located.indexes) - set(first)))
    return located, Guard(
        policy,
        strangers=dict(sorted(strangers.items())),
        left_out=left_out,
        stand_ins=stand_ins,
        middle=middle,
        minority=people.minority,
        unsure=people.unsure,
        unseen=not bool(scene.seen[middle].isfinite().all()),
        n_described=scene.n_with_face,
        described=scene.of(located),
    )


class _Scene:
    """All frames that were looked at, by their numbers; each is described once."""

    def __init__(self, judge: FaceJudge, scale: float) -> None:
        self.judge, self.scale, self.seen = judge, scale, dict[int, Tensor]()

    def look(self, located: Located) -> None:
        frames = located.sequence.frames
        new = [i for i, index in enumerate(located.indexes) if index not in self.seen]
        if new:
            rows = describe([frames[i] for i in new], round(frames.shape[1] * self.scale), self.judge)
            self.seen |= {located.indexes[i]: row for i, row in zip(new, rows, strict=True)}

    def of(self, located: Located) -> Tensor:
        return torch.stack([self.seen[i] for i in located.indexes])

    @property
    def n_with_face(self) -> int:
        return sum(bool(row.isfinite().all()) for row in self.seen.values())

    def people(self, middle: int, apart: Apart, strangers: Collection[int]) -> tuple[list[int], People]:
        numbers = sorted(self.seen)
        rows, known = torch.stack([self.seen[i] for i in numbers]), [numbers.index(i) for i in strangers]
        return numbers, sort_people(rows, numbers.index(middle), apart, known=known)


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in numbers)
