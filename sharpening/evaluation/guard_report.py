"""The findings on the identity guard as tables, a picture and files."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpening.evaluation.facts import circumstances, mean_interval
from sharpening.evaluation.guard import Findings
from sharpening.evaluation.guard_calibration import GRID, Pairs, at_most
from sharpening.evaluation.guard_frames import KINDS, MIDDLE, MOST_FALSE, MOST_LOST
from sharpening.evaluation.guard_sets import POOR_MIDDLE, SETS
from sharpening.evaluation.table_text import Grid, markdown
from sharpening.imaging.files import write_bytes, write_text
from sharpening.weights.commit import checkout_commit

__all__ = ["grids", "reliability", "write_guard"]

STEM = "identity-guard"

_BINS = np.array([0.0, 0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98, 1.0])
_NAMES = {"alike": "called alike below", "unlike": "called unlike above", "dlib": "limit of dlib's author"}


def grids(found: Findings) -> list[Grid]:
    """The tables of the report."""
    return [_limits(found), _areas(found), _reading(found), _calibration(found), _frames(found), _gains(found), _unseen(found)]


def reliability(pairs: Pairs, predicted: NDArray[np.float64]) -> list[dict[str, float]]:
    """What was predicted and what was seen, both at even odds; a row for each range of predictions that occurs."""
    rows, weight = list[dict[str, float]](), pairs.weight
    place = np.clip(np.searchsorted(_BINS, predicted, "right") - 1, 0, len(_BINS) - 2)
    for k in range(len(_BINS) - 1):
        here = (place == k) & np.isfinite(predicted)
        if here.any():
            share = weight[here] / weight[here].sum()
            seen = float((share * pairs.same[here]).sum())
            row = {"from": float(_BINS[k]), "to": float(_BINS[k + 1]), "predicted": float((share * predicted[here]).sum())}
            rows.append({**row, "seen": seen, "pairs": int(here.sum()), "weight": float(weight[here].sum())})
    return rows


def _percent(value: float, half: float = float("nan"), n_people: int = 0) -> str:
    if np.isnan(value):
        return "–"
    if value in (0, 1) and n_people:
        # Where all people were alike no deviation says how sure that is.
        return f"{value:.1%} " + (f"(≤ {at_most(n_people):.1%})" if value == 0 else f"(≥ {1 - at_most(n_people):.1%})")
    return f"{value:.1%}" + ("" if np.isnan(half) else f" ± {half:.1%}")


def _between(pair: Sequence[float]) -> str:
    return f"{pair[0]:.1%} … {pair[1]:.1%}"


def _limits(found: Findings) -> Grid:
    rows = tuple(
        (
            f"{_NAMES[row['limit']]} {row['distance']:.3f}",
            row["group"],
            f"{row['false_accept']:.1%}",
            _between(row["false_accept_interval"]),
            f"{row['false_reject']:.1%}",
            _between(row["false_reject_interval"]),
            "–" if row["truth_reject"] is None else f"{row['truth_reject']:.0%}",
            f"{row['n_results']} / {row['n_strangers']}",
        )
        for row in found.limits
    )
    rates_of = (each for kind in ("accepts", "rejects") for each in (f"false {kind}", "95 % interval"))
    heads = ("distance", "set", *rates_of, "truth rejected", "results / strangers")
    notes = (
        "False accepts: results held against frames of another person, chosen at random, that come as near. False rejects: results "
        "that are further from their own frames. Four frames with a face or more; “all” counts each set alike; people were resampled.",
        "Truth rejected: true, sharp pictures that lie further away. A result shares the damage of its frames and lies nearer to them than "
        "the truth does: the table holds for results of these weights alone, and would call many results of a perfect network strangers.",
        "Relatives and look-alikes come nearer than people chosen at random. Two sets show few people, see the last table. The limits are "
        "those of the table that these very pairs made; the next two tables say what it is worth for others.",
    )
    return Grid("Rates where a verdict changes", heads, rows, notes)


def _areas(found: Findings) -> Grid:
    rows = tuple(
        (row["frames"], row["group"], f"{row['area']:.4f}", _spread(row["own"]), _spread(row["strangers"]), str(row["n_results"]))
        for row in found.areas
    )
    heads = ("frames with a face", "set", "area under ROC", "own frames", "strangers' frames", "results")
    return Grid("Distances of results: median (5 % … 95 %)", heads, rows)


def _spread(values: Sequence[float]) -> str:
    return f"{values[1]:.2f} ({values[0]:.2f} … {values[2]:.2f})"


def _reading(found: Findings) -> Grid:
    table = found.table["same_person"]
    heads = ["distance"]
    for column in table:
        heads += [f"{column['n_from']}+: same person", "false accepts", "false rejects"]
    rows = []
    for k in range(0, len(GRID), 2):
        cells = [f"{GRID[k]:.2f}"]
        for column in table:
            cells += [f"{column['probability'][k]:.3f}", f"{column['false_accept'][k]:.2%}", f"{column['false_reject'][k]:.1%}"]
        if 0.3 <= GRID[k] <= 0.8:
            rows.append(tuple(cells))
    least = ", ".join(f"{column['resolution']:.2%}" for column in table)
    notes = (
        "Probability of the same person at even odds, by the number of frames with a face in the mean; every second row of the part that "
        f"matters. False accepts below {least} cannot be told from none with so few people.",
    )
    return Grid("The calibrated table", tuple(heads), tuple(rows), notes)


def _calibration(found: Findings) -> Grid:
    pairs, predicted = found.pairs, found.predicted
    rows = tuple(
        (f"{row['from']:.2f} … {row['to']:.2f}", f"{row['predicted']:.3f}", f"{row['seen']:.3f}", str(row["pairs"]))
        for row in reliability(pairs, predicted)
    )
    there = np.isfinite(predicted)
    weight = pairs.weight[there] / pairs.weight[there].sum()
    brier = float((weight * np.square(predicted[there] - pairs.same[there])).sum())
    notes = (f"By curves that saw neither of the two people. Brier score {brier:.4f} (0.25: no knowledge).",)
    return Grid("Are the probabilities true?", ("predicted", "mean", "seen", "pairs"), rows, notes)


def _cells(rows: Sequence[dict[str, Any]], part: str, whole: str | None) -> tuple[float, float, int]:
    """A share, half of its interval over people, and their number: of all `whole`, or of the sequences."""
    if not rows:
        return float("nan"), float("nan"), 0
    people = np.array([row["person"] for row in rows])
    if whole is None:
        return *mean_interval(np.array([float(row[part] > 0) for row in rows]), people), len(np.unique(people))
    values = np.concatenate([np.repeat([1.0, 0.0], [row[part], row[whole] - row[part]]) for row in rows])
    each = np.repeat(people, [row[whole] for row in rows])
    return *mean_interval(values, each), len(np.unique(each))


def _frames(found: Findings) -> Grid:
    rows = []
    for group in (*SETS, POOR_MIDDLE):
        for kind in KINDS:
            some = [row for row in found.frames if row["group"] == group and row["kind"] == kind]
            some = [row for row in some if kind != MIDDLE or row["middle_face"]]
            if not some:
                continue
            known = [row for row in some if row["middle_face"]]
            share, clear = _cells(some, "found", "strangers"), _cells(known, "found", "strangers")
            false = _cells(known, "wrong", None)
            told = _percent(*_cells(some, "told", None)) if kind == MIDDLE else "–"
            words = "the middle alone is a stranger" if kind == MIDDLE else f"{kind} of {some[0]['frames']} are strangers"
            # Of a clean sequence there is none to find; of a stranger in the middle, none to lose.
            shares = ("–", "–") if kind == "0" else (_percent(*share), _percent(*clear))
            cells = *shares, "–" if kind == MIDDLE else _percent(*false)
            rows.append((group, words, *cells, told, str(len(some))))
    apart = found.apart
    notes = (
        f"Limits: noise {apart.noise:.3f}, another person from {apart.person:.2f} on, where half of the frames or more would go from "
        f"{apart.most:.2f} on (squared distances less noise); the lowest with which at most {MOST_FALSE:.1%} of clean sequences with a "
        f"face in the middle lose a few frames and {MOST_LOST:.1%} lose half. The figures are by limits that did not see "
        "the sequence's person. Behind ≤ and ≥ is what so few people leave possible where none, or all, were so (95 %).",
        "Found: of the strangers' frames in which a face is found at all. Lost: sequences with a face in the middle in which a frame of "
        "the right person was left out; without one nobody is. With a stranger in the middle the others are the strangers to it; “told”: "
        "the report says that the middle is or may be another person than the rest.",
    )
    heads = ("set", "frames", "strangers found", "if the middle has a face", "sequences that lost a frame", "told", "sequences")
    return Grid("Frames of another person", heads, tuple(rows), notes)


def _gains(found: Findings) -> Grid:
    rows = []
    for group in dict.fromkeys(row["group"] for row in found.gains):
        for kind in KINDS:
            some = [row for row in found.gains if row["group"] == group and row["kind"] == kind]
            if some:
                people = np.array([row["person"] for row in some])
                shares = [
                    mean_interval(np.array([row[how] - row["all"] for row in some]), people) for how in ("guard", "truth", "clean")
                ]
                cells = [f"{mean:+.2f}" + ("" if np.isnan(half) else f" ± {half:.2f}") for mean, half in shares]
                few = f"{len(some)} ({len(np.unique(people))} people)"
                rows.append((group, kind, f"{np.mean([row['all'] for row in some]):.2f}", *cells, few))
    heads = (
        "set",
        "strangers",
        "all frames [dB]",
        "without those found",
        "without all strangers",
        "had there been none",
        "sequences",
    )
    return Grid("What leaving strangers out is worth: PSNR against using all frames [dB]", heads, tuple(rows))


def _unseen(found: Findings) -> Grid:
    rows = tuple(
        (
            row["group"],
            SETS.get(row["group"], "right frames, but a poor middle: for false alarms alone"),
            str(row["n"]),
            str(row["people"]),
            f"{row['frames_without_face']:.0%}",
            "–" if row["results_without_face"] is None else f"{row['results_without_face']:.0%}",
        )
        for row in found.unseen
    )
    heads = ("set", "what", "sequences", "people", "frames without a face", "results without a face")
    notes = ("Of frames and results in which no face is found nothing is said; such frames are never left out.",)
    return Grid("The sets", heads, rows, notes)


def write_guard(found: Findings, out: str | Path) -> list[Path]:
    """Write `identity-guard` as .md, .csv (a row a pair), .frames.csv (a row a sequence with strangers), .json and .png.

    Returns:
        The files.
    """
    import pandas as pd

    out, pairs = Path(out), found.pairs
    rows = pd.DataFrame({name: getattr(pairs, name) for name in pairs.__dataclass_fields__} | {"probability": found.predicted})
    facts = {
        **found.facts,
        "table": found.table,
        "limits": found.limits,
        "areas": found.areas,
        "reliability": reliability(pairs, found.predicted),
        "gains": found.gains,
        "sets": found.unseen,
        "commit": checkout_commit(),
        **circumstances("dlib-bin"),
    }
    head = "# Identity guard\n\nMade by `sharpening guard`; every figure comes from the rows beside it.\n\n"
    words = f"Calibrated on {found.table['made_of']}.\n\n![Distances, reliability, strangers found]({STEM}.png)\n\n"
    return [
        write_text(out / f"{STEM}.md", head + words + "\n\n".join(f"#{markdown(grid)}" for grid in grids(found)) + "\n"),
        write_text(out / f"{STEM}.csv", rows.to_csv(index=False, float_format="%.5g")),
        write_text(out / f"{STEM}.frames.csv", pd.DataFrame(found.frames).to_csv(index=False)),
        write_text(out / f"{STEM}.json", json.dumps(facts, indent=1, ensure_ascii=False) + "\n"),
        write_bytes(out / f"{STEM}.png", _picture(found)),
    ]


def _picture(found: Findings) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14, 4), layout="constrained")
    distances, truth, strangers = figure.subplots(1, 3)
    _draw_distances(distances, found)
    _draw_reliability(truth, found)
    _draw_frames(strangers, found)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100)
    return content.getvalue()


def _draw_distances(axes: Any, found: Findings) -> None:
    column = found.table["same_person"][-1]
    pairs = found.pairs.where(found.pairs.n >= column["n_from"])
    for same, name, colour in ((True, "own frames", "tab:blue"), (False, "strangers' frames", "tab:red")):
        here = pairs.same == same
        axes.hist(pairs.distance[here], GRID, weights=2 * pairs.weight[here], alpha=0.5, color=colour, label=name)
    axes.set(xlabel="distance of result to mean of the frames", ylabel="share of pairs", title=f"{column['n_from']} frames or more")
    axes.legend(loc="upper right")
    second = axes.twinx()
    second.plot(column["distances"], column["probability"], color="black")
    second.set(ylabel="probability of the same person", ylim=(0, 1.02))


def _draw_reliability(axes: Any, found: Findings) -> None:
    rows = reliability(found.pairs, found.predicted)
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1)
    axes.plot([row["predicted"] for row in rows], [row["seen"] for row in rows], "o-")
    axes.set(xlabel="predicted probability", ylabel="share of the same person", title="cross-fitted over people")


def _draw_frames(axes: Any, found: Findings) -> None:
    for group in SETS:
        shares = []
        for kind in KINDS[1:-1]:
            some = [row for row in found.frames if row["group"] == group and row["kind"] == kind]
            shares.append(_cells(some, "found", "strangers")[0])
        axes.plot([int(kind) for kind in KINDS[1:-1]], shares, "o-", label=group)
    axes.set(xlabel="frames of a stranger", ylabel="share found", title="strangers among the frames", ylim=(0, 1.02))
    axes.set_xticks([1, 2, 3])
    axes.legend(loc="lower right")
