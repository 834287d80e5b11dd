"""The table of goals, filled by one command: must, target and moonshot beside what is measured, with the figures behind it.

`sharpening goals` writes `goals.csv` (rows), `goals.json` (figures and circumstances) and `goals.md` (the page).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharpening.evaluation.cost import THESIS, Cost, Subject, costs
from sharpening.evaluation.facts import circumstances
from sharpening.evaluation.goal_table import LEVELS, Figure, Goal, Measured, verdict
from sharpening.evaluation.goals_page import about, figures_of, page
from sharpening.evaluation.goals_rows import OURS, GoalRows, contenders, measure
from sharpening.evaluation.methods import weights_of
from sharpening.evaluation.table_text import Grid, markdown
from sharpening.imaging.files import write_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Goals", "goals", "write_goals"]


@dataclass(frozen=True)
class Goals:
    """What was measured.

    Attributes:
        rows: As `goals_rows.measure` gives them.
        costs: Of our networks and the thesis's, by label; the thesis's is the last.
        subjects: Labels of the networks that the goals are asked of; ours is the first.
        facts: For the JSON file.
    """

    rows: pd.DataFrame
    costs: Mapping[str, Cost]
    subjects: tuple[str, ...]
    facts: Mapping[str, Any]

    def grids(self) -> list[Grid]:
        """All tables of the page; the first one is that of the goals."""
        return page(Measured(self.rows), list(dict.fromkeys(self.rows["method"])), self.subjects, self.costs)


def goals(
    data: str | Path,
    *,
    weights: str | Path = "default",
    twin: str | Path | None = None,
    more: Mapping[str, str | Path] | None = None,
    peers: str | Path | None = None,
    out: str | Path | None = None,
    limit: int | None = None,
    split: str = "valid",
    seed: int = 0,
    pretrained: str | Path | None = None,
    anew: bool = False,
    progress: Callable[[int, int], None] | None = None,
    said: Callable[[str], None] | None = None,
) -> Goals:
    """Fill the table of goals; what is stored in `out` and still holds is not measured again.

    Args:
        data: Folder in the form of `../shared/data`.
        weights: Name or path of ours.
        twin: Weights of the same net trained as long on one frame; without them what is measured against it stays empty.
        more: Further weights by label ("fidelity"), which get columns of their own.
        peers: Folder with `FSRCNN_x4.pb`.
        out: Folder of `goals.csv`, `.json` and `.md`; nothing is kept when None.
        limit: Only the first so many samples of each protocol: for trying it out.
        split: As in splits.csv.
        seed: Of the protocols.
        pretrained: Folder to search weights in first.
        anew: Forget the stored rows.
        progress: Called with the number of pictures done and to do, of one protocol.
        said: Called with a line on each part that is done.

    Raises:
        InputError: There is nothing to test on, or `out` holds rows for another number of samples.
    """
    began, more = time.monotonic(), dict(more or {})
    methods = contenders(weights, twin=twin, more=more, peers=peers, pretrained=pretrained)
    store = GoalRows(None if out is None else Path(out) / "goals.csv", anew=anew)
    which: dict[str, Any] = {"limit": limit, "seed": seed, "split": split}
    rows, protocols = measure(methods, data, store, **which, progress=progress, said=said)
    place = None if pretrained is None else str(pretrained)
    nets = [Subject(label, 32, str(file), pretrained=place) for label, file in {OURS: weights, **more}.items()]
    found = costs([*nets, THESIS])
    if said:
        said(f"time and memory of {', '.join(found)}: measured side by side")
    facts = {
        **which,
        "protocols": protocols,
        "weights": {method.label: card for method in methods if (card := weights_of(method.run)) is not None},
        "costs": {label: asdict(cost) for label, cost in found.items()},
        "commits": sorted(set(rows["commit"].fillna(""))),
        **circumstances("dlib-bin"),
        "seconds": round(time.monotonic() - began),
    }
    made = Goals(rows, found, (OURS, *more), facts)
    if out is not None:
        write_goals(made, out)
    return made


def write_goals(made: Goals, out: str | Path) -> list[Path]:
    """Write `goals.md` and `goals.json` beside the rows; their paths."""
    figures = [
        {
            "goal": goal.name,
            **dict(zip(LEVELS, goal.levels, strict=True)),
            "unit": goal.unit,
            "found": _found(goal, made.subjects, each),
        }
        for goal, each in figures_of(Measured(made.rows), made.subjects, made.costs)
    ]
    first, *others = made.grids()
    text = "\n".join([markdown(first), about(made.facts), *(markdown(grid, 2) for grid in others)])
    facts = json.dumps({"goals": figures, **made.facts}, indent=1, ensure_ascii=False) + "\n"
    return [write_text(Path(out) / "goals.md", text), write_text(Path(out) / "goals.json", facts)]


def _found(goal: Goal, subjects: Sequence[str], figures: Sequence[Figure | None]) -> dict[str, Any]:
    return {
        subject: None
        if figure is None
        else {
            **asdict(figure),
            "interval": None if math.isnan(figure.interval) else figure.interval,
            "reached": verdict(goal, figure)[0],
        }
        for subject, figure in zip(subjects, figures, strict=True)
    }
