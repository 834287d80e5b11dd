"""Whether all frames show one person."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import InputError

__all__ = ["ANOTHER_PERSON", "PERHAPS_ANOTHER", "TwoPersons", "check_one_person", "descriptor_distances", "groups_of_people"]

# Mean distance of two groups of frames, see benchmarks/bench_people.py. Of 47 sparse training clips (7 frames of 32×32, coded) enlarged by
# bicubic interpolation 1 lay over 0.65 and 7 over 0.57, of 30 with somebody else's frames in them 17 and 23; restored by the shipped net
# 0 and 2 of the 47, 22 and 26 of the 30.
ANOTHER_PERSON = 0.65
PERHAPS_ANOTHER = 0.57


class TwoPersons(InputError):
    """The frames show more than one person."""


def descriptor_distances(descriptors: Tensor) -> NDArray[np.float64]:
    """Distance between any two of the descriptors `[n, d]`, `[n, n]`; NaN where one of them is."""
    rows = descriptors.double()
    return torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist").cpu().numpy()


def groups_of_people(distances: NDArray[np.float64], *, apart: float = ANOTHER_PERSON) -> list[list[int]]:
    """Frames grouped by person, the largest group first; frames without a face are in none.

    Two groups are two persons where their frames lie further apart than `apart` on average (average linkage): a single poor frame that is
    near to some of the others stays with them.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    there = np.flatnonzero(np.isfinite(distances).sum(axis=1) > 0)
    if len(there) < 2:
        return [[int(i)] for i in there]
    square = distances[np.ix_(there, there)].copy()
    np.fill_diagonal(square, 0)
    names = fcluster(linkage(squareform((square + square.T) / 2, checks=False), "average"), apart, "distance")
    groups = [[int(i) for i in there[names == name]] for name in np.unique(names)]
    return sorted(groups, key=lambda group: (-len(group), group))


def check_one_person(distances: NDArray[np.float64], names: Sequence[int], where: str) -> str | None:
    """Refuse a sequence in which two persons were found.

    Args:
        distances: see `descriptor_distances`.
        names: number of each frame in the input.
        where: what the input is called.

    Returns:
        A warning where there may be two, too near for being sure; None where there seems to be one.

    Raises:
        TwoPersons: naming the frames of each person.
    """
    if len(groups := groups_of_people(distances)) > 1:
        problem = f"shows more than one person ({_listed(groups, distances, names)}; one person's stay under {ANOTHER_PERSON})."
        raise TwoPersons(where, problem, "Leave the others' frames out, or say that it is one person (--any-person).")
    if len(groups := groups_of_people(distances, apart=PERHAPS_ANOTHER)) > 1:
        return f"The frames may show two persons, or are too poor to tell: {_listed(groups, distances, names)}."
    return None


def _listed(groups: Sequence[Sequence[int]], distances: NDArray[np.float64], names: Sequence[int]) -> str:
    listed = "; ".join(f"person {k + 1}: frames {', '.join(str(names[i]) for i in group)}" for k, group in enumerate(groups))
    between = float(np.mean([distances[a, b] for a in groups[0] for b in groups[1]]))
    return f"{listed}; mean distance of the first two {between:.2f}"
