"""The calibration of expected errors as tables, a reliability diagram and files."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sharpening.evaluation.calibration import Calibration, Good
from sharpening.evaluation.calibration_fit import Reliability
from sharpening.evaluation.table_text import Grid, markdown, values
from sharpening.imaging.writing import write_together

__all__ = ["grids", "write_calibration"]

STEM = "calibration"
MISSING = "–"


def grids(found: Calibration) -> list[Grid]:
    """The tables of the page."""
    return [_good(found), _sets(found), _table(found)]


def _good(found: Calibration) -> Grid:
    rows = tuple((f"{each.level:g}", *_good_cells(each)) for each in found.good)
    heads = (
        "good to [grey levels]",
        "pixels near",
        "of these good ± 95 %",
        "pixels up to",
        "of these good ± 95 %",
        "within their own bound",
    )
    notes = (
        "Near: the bound lies within 10 % of the level (4.5 … 5.5 for 5); 68 % are to be good to it. Up to: the bound is at most the "
        "level; at least 68 % are to be good to it, and 68 % within their own bound.",
        "Every pixel is judged by a map that was fitted on other people; each set counts alike; the intervals are over people.",
    )
    return Grid("Pixels called good", heads, rows, notes)


def _good_cells(each: Good) -> list[str]:
    return [f"{each.n_near:.1%}", _share(each.near), f"{each.n_under:.1%}", _share(each.under), _share(each.own)]


def _share(found: tuple[float, float, float]) -> str:
    share, low, high = found
    if math.isnan(share):
        return MISSING
    return f"{share:.1%} " + ("(one person)" if math.isnan(low) else f"({low:.1%} … {high:.1%})")


def _sets(found: Calibration) -> Grid:
    people = {"all": found.facts["n_people"], **found.facts["sets"]}
    rows = [(name, str(people[name]), _share(found.covered[name]), f"{found.expected_error(name):.1%}") for name in found.curves]
    rows.append(("all, before calibration", str(people["all"]), f"{_covered(found.raw):.1%}", f"{found.expected_error_raw:.1%}"))
    notes = (
        "Expected calibration error: pixels are sorted into 20 bins by their bound; mean over the bins of how far the share under it "
        "lies from 68 %. Before calibration the network's word is taken for the scale b of a Laplace distribution: b · ln(1 / 0.32).",
    )
    return Grid("Sets", ("set", "people", "under the bound (68 % wanted)", "expected calibration error"), tuple(rows), notes)


def _covered(curve: Sequence[Reliability]) -> float:
    return sum(each.weight * each.coverage for each in curve) / sum(each.weight for each in curve)


def _table(found: Calibration) -> Grid:
    rows = [(f"{raw:.4f}", f"{level:.2f}") for raw, level in zip(found.table.raw, found.table.levels, strict=True)]
    notes = ("Linear between the knots. Fitted on all people; this is what the card carries.",)
    return Grid("The map", ("expected by the network", "68 % are within [grey levels]"), tuple(rows), notes)


def write_calibration(found: Calibration, out: str | Path) -> list[Path]:
    """Write `calibration` as .md (the page), .csv (the bins), .json (facts and table) and .png (the diagram): all or none.

    Returns:
        The files.
    """
    out, facts = Path(out), found.facts
    short = "" if facts.get("limit") is None else f" Only the first {facts['limit']} of each set: a trial, no result."
    head = (
        f"# Calibrated errors\n\nMade by `sharpening calibrate` for `{facts.get('weights', '')}` (sha256 "
        f"{str(facts.get('sha256', ''))[:12]}…) on {facts['n_people']} people, {facts['n_pixels']:,} pixels.{short}\n\n"
        f"![Reliability]({STEM}.png)\n\n"
    )
    lines: list[list[object]] = [["set", "bin", "predicted", "seen", "coverage", "weight"]]
    for name, curve in {**found.curves, "all, before calibration": found.raw}.items():
        lines += [[name, i, *(f"{value:.5g}" for value in asdict(each).values())] for i, each in enumerate(curve)]
    content = {
        "table": found.table.pairs(),
        "good": [_plain(asdict(each)) for each in found.good],
        "covered": _plain(found.covered),
        "expected_calibration_error": {name: found.expected_error(name) for name in found.curves},
        "expected_calibration_error_before": found.expected_error_raw,
        **facts,
    }
    files = {
        out / f"{STEM}.json": (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode(),
        out / f"{STEM}.csv": values(lines).encode(),
        out / f"{STEM}.png": _picture(found),
        out / f"{STEM}.md": (head + "\n".join(markdown(grid, 2) for grid in grids(found))).encode(),
    }
    write_together(files)
    return list(files)


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows no NaN: a share of nothing is null."""
    return {
        key: [None if math.isnan(each) else each for each in value] if isinstance(value, tuple) else value
        for key, value in facts.items()
    }


def _picture(found: Calibration) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    sizes, shares = figure.subplots(1, 2)
    levels = [level for curve in (*found.curves.values(), found.raw) for each in curve for level in (each.predicted, each.seen)]
    ends = [0.9 * max(min(levels), 0.1), 1.1 * max(levels)]
    sizes.plot(ends, ends, color="black", linewidth=0.8)
    shares.axhline(68, color="black", linewidth=0.8)
    curves = [(name, curve, "-", 2.2 if name == "all" else 1.0) for name, curve in found.curves.items()]
    for name, curve, style, width in (*curves, ("all, before calibration", found.raw, ":", 1.5)):
        predicted = [each.predicted for each in curve]
        sizes.plot(predicted, [each.seen for each in curve], style, linewidth=width, marker=".", markersize=4, label=name)
        shares.plot(
            predicted, [100 * each.coverage for each in curve], style, linewidth=width, marker=".", markersize=4, label=name
        )
    sizes.set(
        xscale="log", yscale="log", xlabel="predicted: 68 % are within [grey levels]", ylabel="seen: 68 % are within [grey levels]"
    )
    shares.set(
        xscale="log", ylim=(0, 100), xlabel="predicted: 68 % are within [grey levels]", ylabel="pixels within the prediction [%]"
    )
    shares.legend(loc="lower right", fontsize="small")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=100)
    return content.getvalue()
