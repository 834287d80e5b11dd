"""Calibrating the identity guard: what distances between faces say of people, and how well frames of others are found."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sharpening.evaluation.guard_calibration import (
    STARTS,
    Pairs,
    area_under_roc,
    columns,
    cross_fitted,
    interval,
    make_pairs,
    rates,
)
from sharpening.evaluation.guard_frames import calibrate, frame_rows, gain_rows, mixtures
from sharpening.evaluation.guard_sets import SETS, Described, described_sets
from sharpening.evaluation.methods import NetworkMethod, network_method
from sharpening.imaging.files import write_text
from sharpening.models.face_id.judge import SAME_PERSON_DISTANCE, FaceJudge
from sharpening.restore.same_person import ALIKE, TABLE, UNSURE, VERSION, Apart, load_table, same_person

__all__ = ["Findings", "analyse", "guard", "write_table"]

N_STRANGERS = 10
N_GAINS = 20
N_FULL = 7


@dataclass(frozen=True, eq=False)
class Findings:
    """Everything that was found.

    Attributes:
        pairs: results against frames.
        predicted: `[m]`: the cross-fitted probability of each pair.
        table: what `restore.same_person` reads.
        limits: at the limits of the verdicts, and at dlib's own: distance, rates, their intervals, by set.
        areas: area under the ROC curve by set and number of frames.
        apart: when frames show another person.
        frames: a row a mixture, cross-fitted.
        gains: a row a mixture, PSNR.
        unseen: by set: share of results, and of frames, in which no face was found.
        facts: more for the report.
    """

    pairs: Pairs
    predicted: np.ndarray
    table: dict[str, Any]
    limits: list[dict[str, Any]]
    areas: list[dict[str, Any]]
    apart: Apart
    frames: list[dict[str, Any]]
    gains: list[dict[str, Any]]
    unseen: list[dict[str, Any]]
    facts: dict[str, Any]


def guard(
    data: str | Path,
    *,
    weights: str | Path = "default",
    pretrained: str | Path | None = None,
    limit: int | None = None,
    split: str = "valid",
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Findings:
    """Calibrate the guard with the results of some weights.

    Args:
        data: folder with stills, clips and `splits.csv`.
        weights: name or path.
        pretrained: folder to search them in first.
        limit: only the first so many sequences of a set.
        split: as in splits.csv.
        seed: of the damage and of the choice of strangers.
        progress: is told how many sequences are described.
    """
    method, judge = network_method(weights, pretrained), FaceJudge()
    found = described_sets(data, method, judge, limit=limit, split=split, seed=seed, progress=progress)
    return analyse(found, method, judge.network.name, split=split, seed=seed)


def analyse(found: Sequence[Described], method: NetworkMethod, judge: str, *, split: str, seed: int = 0) -> Findings:
    """All figures on sequences that were described.

    Args:
        found: see `guard_sets.described_sets`.
        method: made the results.
        judge: name of the network that described them.
        split: as in splits.csv, for the words.
        seed: of the choice of strangers and folds.
    """
    dice = [np.random.default_rng([seed, i]) for i in range(5)]
    pairs = make_pairs([each for each in found if each.results], N_STRANGERS, dice[0])
    made = mixtures(found, dice[1])
    apart = calibrate([each for each in made if each.kind == "0"])
    card = method.trained.card
    table = {
        "version": VERSION,
        "judge": judge,
        "made_of": _made_of(found, card.name, split),
        "weights": {"name": card.name, "sha256": card.sha256},
        "frames": {"noise": apart.noise, "person": apart.person, "most": apart.most},
        "same_person": columns(pairs),
    }
    return Findings(
        pairs=pairs,
        predicted=cross_fitted(pairs, dice[2]),
        table=table,
        limits=_limits(pairs, table, _of_truth(found), dice[3]),
        areas=_areas(pairs),
        apart=apart,
        frames=frame_rows(made, dice[4]),
        gains=gain_rows(made, method, apart, N_GAINS),
        unseen=_unseen(found),
        facts={"judge": judge, "weights": card.name, "sha256": card.sha256, "split": split, "seed": seed},
    )


def _made_of(found: Sequence[Described], name: str, split: str) -> str:
    some = [each for each in found if each.results]
    counts = ", ".join(f"{sum(each.group == group for each in some)} {group}" for group in SETS)
    n_people = len({each.person for each in some})
    return f"results of {name} on {len(some)} sequences of {n_people} people of the split {split} ({counts}); strangers chosen at random"


def _of_truth(found: Sequence[Described]) -> dict[str, np.ndarray]:
    """Distances of the true pictures to the mean of all frames, by set."""
    far = dict[str, list[float]]()
    for each in found:
        if each.truth is not None and np.isfinite(each.frames[:, 0]).sum() >= STARTS[-1]:
            far.setdefault(each.group, []).append(float(np.linalg.norm(np.nanmean(each.frames, axis=0) - each.truth)))
    return {group: np.array(values)[np.isfinite(values)] for group, values in far.items()}


def _limits(pairs: Pairs, table: dict[str, Any], truth: Mapping[str, np.ndarray], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Rates in the column of most frames, where a verdict ends and at the limit of dlib's author."""
    column, whole = table["same_person"][-1], pairs.where(pairs.n >= table["same_person"][-1]["n_from"])
    rising = np.array(column["probability"])[::-1], np.array(column["distances"])[::-1]
    places = {
        "alike": float(np.interp(ALIKE, *rising)),
        "unlike": float(np.interp(UNSURE, *rising)),
        "dlib": SAME_PERSON_DISTANCE,
    }
    rows = []
    for what, distance in places.items():
        for group in ("all", *(group for group in SETS if (whole.group == group).any())):
            some = whole if group == "all" else whole.where(whole.group == group)
            accept, reject = (float(rate[0]) for rate in rates(some, np.array([distance])))
            of_accept, of_reject = interval(some, distance, rng)
            of_truth = [float((far > distance).mean()) for name, far in truth.items() if group in ("all", name) and len(far)]
            rows.append(
                {
                    "limit": what,
                    "distance": distance,
                    "group": group,
                    "false_accept": accept,
                    "false_accept_interval": of_accept,
                    "false_reject": reject,
                    "false_reject_interval": of_reject,
                    "truth_reject": float(np.mean(of_truth)) if of_truth else None,
                    "n_results": int(some.same.sum()),
                    "n_strangers": int((~some.same).sum()),
                }
            )
    return rows


def _areas(pairs: Pairs) -> list[dict[str, Any]]:
    rows = []
    for n_from, n_to in ((1, 1), (2, 3), (4, N_FULL)):
        some = pairs.where((pairs.n >= n_from) & (pairs.n <= n_to))
        for group in ("all", *SETS):
            part = some if group == "all" else some.where(some.group == group)
            if part.same.any() and not part.same.all():
                own, strange = part.distance[part.same], part.distance[~part.same]
                rows.append(
                    {
                        "frames": f"{n_from}" if n_from == n_to else f"{n_from}–{n_to}",
                        "group": group,
                        "area": area_under_roc(part),
                        "own": [float(q) for q in np.percentile(own, [5, 50, 95])],
                        "strangers": [float(q) for q in np.percentile(strange, [5, 50, 95])],
                        "n_results": len(own),
                    }
                )
    return rows


def _unseen(found: Sequence[Described]) -> list[dict[str, Any]]:
    rows = []
    for group in dict.fromkeys(each.group for each in found):
        some = [each for each in found if each.group == group]
        most = [each.results[max(each.results)] for each in some if each.results]
        rows.append(
            {
                "group": group,
                "n": len(some),
                "people": len({each.person for each in some}),
                "frames_without_face": float(np.mean([np.isnan(each.frames[:, 0]).mean() for each in some])),
                "results_without_face": float(np.mean([np.isnan(row[0]) for row in most])) if most else None,
            }
        )
    return rows


def write_table(found: Findings, path: str | Path = TABLE) -> Path:
    """Store the table where the guard reads it: whole or not at all, and only one that can be read back.

    Args:
        found: the findings.
        path: the package's own table when left out.

    Raises:
        InputError: the findings give no table that the guard would take; what was there is untouched.
    """
    path = Path(path)
    content = json.dumps(found.table, ensure_ascii=False) + "\n"
    trial = write_text(path.with_suffix(".trial.json"), content)
    try:
        load_table(trial)
        write_text(path, content)
    finally:
        trial.unlink()
    same_person.cache_clear()
    return path
