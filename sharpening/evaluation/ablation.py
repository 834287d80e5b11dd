"""Short training legs side by side: what each one changed, and what that did to the figures on held-out sequences.

The legs lie in folders `abl-<name>` with the `log.jsonl` of a run. What was changed is written by hand, in `ablations.json` beside the
table: `{"abl-first": {"what": "the first design"}, "abl-gate": {"what": "a gate for whole frames", "against": "abl-first"}}`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sharpening.errors import InputError
from sharpening.evaluation.table_text import Grid, markdown, values
from sharpening.imaging.files import write_text

__all__ = ["Leg", "ablations", "ablations_grid", "read_legs"]

PREFIX, LOG, WORDS, ROWS = "abl-", "log.jsonl", "ablations.json", "ablations.csv"
MISSING = "–"
# Of a line of the log that are no figures [dB].
_NO_FIGURES = {"epoch", "loss", "seconds"}
_NO_COLUMNS = ("_bicubic", "_likelihood", "_critic")  # what bicubic does is no leg's doing, and the others are no PSNR


@dataclass(frozen=True)
class Leg:
    """A training leg.

    Attributes:
        name: Its folder.
        what: What was changed.
        against: Name of the leg that it is compared with; empty for one that stands alone.
        log: A line an epoch, as the run wrote it; empty for one that has not come to its first epoch.
    """

    name: str
    what: str
    against: str = ""
    log: Sequence[Mapping[str, Any]] = ()

    @property
    def last(self) -> Mapping[str, Any]:
        """The newest line."""
        return self.log[-1] if self.log else {}

    def at(self, epoch: int) -> Mapping[str, Any]:
        """The line of an epoch; an empty one where there is none."""
        return next((line for line in self.log if line["epoch"] == epoch), {})


def ablations(runs: str | Path, out: str | Path) -> Grid:
    """Write `ablations.md` and `ablations.csv` (all epochs of all legs) into `out`; the table.

    Legs that an earlier call found and whose folders are gone keep the epochs that `ablations.csv` has of them.

    Args:
        runs: Folder of the runs.
        out: Folder of the results, in which `ablations.json` may lie.

    Raises:
        InputError: There are no legs, or a file cannot be read.
    """
    kept = _kept(Path(out) / ROWS)
    legs = [leg if leg.log else replace(leg, log=kept.get(leg.name, ())) for leg in read_legs(runs, Path(out) / WORDS)]
    grid = ablations_grid(legs)
    write_text(Path(out) / "ablations.md", markdown(grid))
    names = list(dict.fromkeys(name for leg in legs for line in leg.log for name in line))
    lines = [[leg.name, *(line.get(name, "") for name in names)] for leg in legs for line in leg.log]
    write_text(Path(out) / ROWS, values([["leg", *names], *lines]))
    return grid


def read_legs(runs: str | Path, words: str | Path) -> list[Leg]:
    """The legs: those that `words` describes in its order, then the others that lie in `runs`.

    Args:
        runs: Folder of the runs.
        words: The JSON file; need not be there.

    Raises:
        InputError: There are none, a file cannot be read, or one is to be compared with a leg that is not there.
    """
    root, described = Path(runs), _words(Path(words))
    found = sorted(path.parent.name for path in root.glob(f"{PREFIX}*/{LOG}"))
    names = [*described, *(name for name in found if name not in described)]
    if not names:
        raise InputError(root, f"holds no legs ({PREFIX}<name>/{LOG}).", "Train some, each into a folder of its own.")
    for name, (_, against) in described.items():
        if against and against not in names:
            raise InputError(words, f"compares {name!r} with {against!r}, which is not there.", f"There are: {', '.join(names)}.")
    return [Leg(name, *described.get(name, ("not described", "")), _log(root / name / LOG)) for name in names]


def _words(file: Path) -> dict[str, tuple[str, str]]:
    if not file.is_file():
        return {}
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        return {str(name): (str(each["what"]), str(each.get("against") or "")) for name, each in facts.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        advice = 'It shall be {"abl-name": {"what": "what was changed", "against": "abl-other"}, …}.'
        raise InputError(file, f"does not say what was changed ({error}).", advice) from error


def _kept(file: Path) -> dict[str, list[dict[str, Any]]]:
    """The epochs that an earlier call wrote, by leg."""
    if not file.is_file():
        return {}
    legs: dict[str, list[dict[str, Any]]] = {}
    try:
        with file.open(encoding="utf-8", newline="") as text:
            for row in csv.DictReader(text):
                name = row.pop("leg")
                numbers = {key: float(value) for key, value in row.items() if value}
                legs.setdefault(name, []).append({**numbers, "epoch": int(numbers["epoch"]), "seconds": int(numbers["seconds"])})
    except (ValueError, KeyError, AttributeError) as error:
        advice = "Remove it, and the table is made of the legs whose folders are there."
        raise InputError(file, f"is not what an earlier call wrote ({error}).", advice) from error
    return legs


def _log(file: Path) -> list[dict[str, Any]]:
    from sharpening.training.callbacks import read_log  # brings fastai

    return read_log(file) if file.is_file() else []


def ablations_grid(legs: Sequence[Leg]) -> Grid:
    """A row a leg: its figures after the last epoch, and in brackets what they are above those of the leg that it is compared with."""
    by_name, columns = {leg.name: leg for leg in legs}, _columns(legs)
    rows = [_row(leg, by_name.get(leg.against), columns) for leg in legs]
    bicubic = [next((leg.last[f"{c}_bicubic"] for leg in legs if f"{c}_bicubic" in leg.last), None) for c in columns]
    rows.append(("bicubic of the middle", "", "", "", "", *(MISSING if b is None else f"{b:.2f}" for b in bicubic)))
    heads = ("leg", "what was changed", "against", "epochs", "minutes", *(_head(column) for column in columns))
    notes = (
        "PSNR [dB] on fixed held-out sequences; in brackets the difference to the leg that it is compared with.",
        "†: the two have not run as long; the difference is that of the last epoch that both have.",
        "Legs are short: they tell which way to go, and no more. One run each, with one seed.",
    )
    return Grid("What each change was worth", heads, tuple(rows), notes)


def _columns(legs: Sequence[Leg]) -> list[str]:
    """The figures, in the order of the logs."""
    names = list(dict.fromkeys(name for leg in legs for name in leg.last))
    found = [name for name in names if name not in _NO_FIGURES and not name.endswith(_NO_COLUMNS) and _is_figure(legs, name)]
    # What all frames give stands before what one gives, whichever the log has first.
    return sorted(found, key=lambda name: (names.index(_base(name)) if _base(name) in names else len(names), name.endswith("_one")))


def _is_figure(legs: Sequence[Leg], name: str) -> bool:
    found = [leg.last[name] for leg in legs if name in leg.last]
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in found)


def _row(leg: Leg, other: Leg | None, columns: Sequence[str]) -> tuple[str, ...]:
    minutes = sum(float(line.get("seconds", 0)) for line in leg.log) / 60
    cells = (_cell(leg, other, column) for column in columns)
    epochs = str(leg.last["epoch"] + 1) if leg.log else "not run"
    return (leg.name, leg.what, leg.against or MISSING, epochs, f"{minutes:.0f}", *cells)


def _cell(leg: Leg, other: Leg | None, column: str) -> str:
    if column not in leg.last:
        return MISSING
    figure = f"{leg.last[column]:.2f}"
    if other is None or not other.log:
        return figure
    epoch = min(leg.last["epoch"], other.last["epoch"])
    ours, theirs = leg.at(epoch).get(column), other.at(epoch).get(column)
    if ours is None or theirs is None:
        return figure
    mark = "†" if leg.last["epoch"] != other.last["epoch"] else ""
    return f"{figure} ({ours - theirs:+.2f}{mark})"


def _base(column: str) -> str:
    return column.removesuffix("_one")


def _head(column: str) -> str:
    words = _base(column).replace("_", " ")
    return f"{words}, one frame" if column.endswith("_one") else words
