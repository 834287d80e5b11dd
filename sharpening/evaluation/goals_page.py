"""The page of goals: the table itself, all methods with the identity, more frames, more motion, time and memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sharpening.evaluation.cost import THESIS, Cost
from sharpening.evaluation.frame_sets import COUNTS, MOTIONS, N_COUNTED
from sharpening.evaluation.goal_table import GOALS, LEVELS, Figure, Goal, Measured, size_goals, steps, verdict
from sharpening.evaluation.goals_rows import COLUMNS, OURS, OURS_ONE, TWIN
from sharpening.evaluation.table_text import Grid
from sharpening.metrics import metrics

__all__ = ["SELECTED", "about", "figures_of", "goals_grid", "page"]

MISSING = "–"
SELECTED = (
    "No step of training saw these people. But which weights were kept, and a few constants of the design, were decided on 48 sequences of "
    "each kind of the same split, some of them the very ones here, and which weights are the default on 100 stills, 48 of h264 and the "
    "clips, by the identity cosine too (docs/decisions.md): people whom nobody looked at may give a little less."
)
"""What a reader must know of figures of the valid split."""
_HEADS = {"identity_centred": "identity cosine, centred ↑"}


def page(found: Measured, methods: Sequence[str], subjects: Sequence[str], paid: Mapping[str, Cost]) -> list[Grid]:
    """All tables.

    Args:
        found: The rows.
        methods: In the order of the tables.
        subjects: The networks that the goals are asked of; ours is the first.
        paid: What they and the thesis's net cost.
    """
    return [
        goals_grid(found, subjects, paid),
        _methods_grid(found),
        _counts_grid(found, methods),
        _motion_grid(found, methods),
        _cost_grid(paid),
    ]


def goals_grid(found: Measured, subjects: Sequence[str], paid: Mapping[str, Cost]) -> Grid:
    """The table of goals: a row each, and for each network its figure and the level that it reaches."""
    rows = []
    for goal, figures in figures_of(found, subjects, paid):
        cells = [cell for figure in figures for cell in (_words(goal, figure), _reached(goal, figure))]
        rows.append((goal.name, *(_level(goal, level) for level in goal.levels), *cells))
    heads = ("goal", *LEVELS, *(head for subject in subjects for head in (f"{subject} ± 95 %", "reached")))
    notes = (
        "Differences are taken picture by picture; the interval is over people, not windows, and Student's where they are few.",
        "(±): the interval reaches over the level or is not known (one person), so that other pictures might say otherwise.",
    )
    return Grid("The goals", heads, tuple(rows), notes)


def figures_of(found: Measured, subjects: Sequence[str], paid: Mapping[str, Cost]) -> Iterator[tuple[Goal, list[Figure | None]]]:
    """Each goal with the figure of each network; those of size for networks whose cost is known."""
    for goal in GOALS:
        yield goal, [goal.figure(found, subject) for subject in subjects]
    sizes = [size_goals(paid[subject].n_parameters, paid[subject].gflop) for subject in subjects if subject in paid]
    for goals_of in zip(*sizes, strict=True):
        yield goals_of[0][0], [figure for _, figure in goals_of]


def _level(goal: Goal, level: float | None) -> str:
    if level is None:
        return ""
    sign = "≤ " if goal.at_most else "> " if goal.strict else ""
    return f"{sign}{_number(goal, level)} {goal.unit}".strip()


def _number(goal: Goal, value: float) -> str:
    return f"{value:.{goal.decimals}f}" if goal.at_most or (goal.strict and value == 0) else f"{value:+.{goal.decimals}f}"


def _words(goal: Goal, figure: Figure | None) -> str:
    if figure is None:
        return MISSING
    interval = "" if goal.at_most else f" ± {_interval(figure, goal.decimals)}"
    people = "1 person" if figure.n_clusters == 1 else f"{figure.n_clusters} people"
    more = f" ({figure.words})" if figure.words else f" ({people})" if 0 < figure.n_clusters < figure.n else ""
    return f"{_number(goal, figure.mean)}{interval} {goal.unit}".strip() + more


def _reached(goal: Goal, figure: Figure | None) -> str:
    word, sure = verdict(goal, figure)
    return word if sure or figure is None else f"{word} (±)"


def _methods_grid(found: Measured) -> Grid:
    """All methods under all protocols that all of them ran, with the identity raw and centred."""
    names = [(protocol, group) for protocol, group, _ in found.parts if not protocol.startswith(("n-", "motion-"))]
    order = {name: i for i, name in enumerate(dict.fromkeys(names))}
    parts = sorted((part for part in found.parts if part[:2] in order), key=lambda part: order[part[:2]])
    rows = [_method_row(found, *part) for part in parts]
    heads = (
        "sequences",
        "method",
        "n",
        *(_head(column) for column in COLUMNS[:3]),
        "over bicubic",
        _head(COLUMNS[3]),
        "over bicubic",
    )
    notes = (
        "The cosine of dlib's descriptors is high for any two faces, and leaves little above bicubic. Centred: the mean descriptor of the "
        "true pictures of `stills` is taken away from both first, so that 0 is what strangers have in common and 1 the same picture.",
    )
    return Grid("All methods, and the identity", heads, tuple(rows), notes)


def _method_row(found: Measured, protocol: str, group: str, method: str) -> tuple[str, ...]:
    means = [found.mean(protocol, method, column, group=group) for column in COLUMNS]
    raw, centred = (
        found.difference(column, (protocol, method), (protocol, "bicubic"), group=group)
        for column in ("identity_cosine", "identity_centred")
    )
    cells = [_cell(column, figure) for column, figure in zip(COLUMNS, means, strict=True)]
    n = str(means[0].n if means[0] else 0)
    return (_place(protocol, group), method, n, *cells[:3], _gain(raw, 4), cells[3], _gain(centred, 4))


def _place(protocol: str, group: str) -> str:
    return protocol if group == protocol else f"{protocol}, {group}"


def _head(column: str) -> str:
    return _HEADS.get(column) or metrics.get(column).heading


def _cell(column: str, figure: Figure | None) -> str:
    digits = metrics.get("identity_cosine" if column == "identity_centred" else column).decimals
    return MISSING if figure is None else f"{figure.mean:.{digits}f} ± {_interval(figure, digits)}"


def _gain(figure: Figure | None, digits: int = 2) -> str:
    return MISSING if figure is None else f"{figure.mean:+.{digits}f} ± {_interval(figure, digits)}"


def _interval(figure: Figure, digits: int) -> str:
    return MISSING if math.isnan(figure.interval) else f"{figure.interval:.{digits}f}"


def _counts_grid(found: Measured, methods: Sequence[str]) -> Grid:
    """PSNR by the number of frames, and what each more gave."""
    rows = []
    for method in methods:
        figures = [found.mean(f"n-{n}", method, "psnr") for n in COUNTS]
        if any(figures):
            rows.append((method, *(_cell("psnr", figure) for figure in figures)))
            rows.append((f"{method}: over fewer", "", *map(_gain, steps(found, method))))
    notes = (f"PSNR [dB] of the same {N_COUNTED} stills; each number has all frames of the smaller ones, and more.",)
    return Grid("More frames", ("method", *(f"n = {n}" for n in COUNTS)), tuple(rows), notes)


def _motion_grid(found: Measured, methods: Sequence[str]) -> Grid:
    """What seven frames give over the one-frame net by how much they move."""
    rows, protocols = [], [*(f"motion-{percent}" for percent in MOTIONS), "stills"]
    for method in methods:
        if any(found.mean(protocol, method, "psnr") for protocol in protocols[:-1]):
            # What looks at the middle alone makes the same of it however the others move.
            figures = [found.difference("psnr", (protocol, method), ("stills", TWIN), among=protocols[0]) for protocol in protocols]
            rows.append((method, *map(_gain, figures)))
    heads = ("method", *(f"{percent} %" for percent in (*MOTIONS, 100)))
    notes = (
        f"PSNR [dB] over the one-frame net on the first {N_COUNTED} of `stills`; 100 % is their own motion.",
        "Without motion all frames show the same grid of pixels: what is left is light, and errors of the coding that differ.",
    )
    return Grid("More motion", heads, tuple(rows), notes)


def _cost_grid(paid: Mapping[str, Cost]) -> Grid:
    """What a sequence costs beside the thesis's net."""
    base = paid[THESIS.label]
    rows = [
        (
            label,
            f"{cost.n_parameters / 1e6:.2f}",
            f"{cost.gflop:.1f}",
            f"{1000 * cost.seconds:.0f}",
            f"{cost.seconds / base.seconds:.2f}",
            MISSING if cost.peak_mb is None else f"{cost.peak_mb:.0f}",
            MISSING if cost.peak_mb is None or not base.peak_mb else f"{cost.peak_mb / base.peak_mb:.2f}",
        )
        for label, cost in paid.items()
    ]
    heads = ("network", "parameters [M]", "GFLOP", "time [ms]", "of the thesis's", "memory [MB]", "of the thesis's")
    notes = (
        "One sequence of seven frames, batch of one, median of five, taken in turn in one process; the ratio counts, not the milliseconds.",
        "The thesis's net has its published size and random weights, and gets its frames enlarged to 128 px.",
        "GFLOP: torch's counter, convolutions and matrix products, a multiplication and an addition counted apart; sampling is not in it.",
        "Memory: the highest resident memory of a fresh process (VmHWM) less what it had before the network was loaded.",
    )
    return Grid("Time and memory", heads, tuple(rows), notes)


def about(facts: Mapping[str, Any]) -> str:
    """Whose figures these are."""
    names = {OURS: "ours", OURS_ONE: "the same, given the middle alone", TWIN: "the same net trained as long on one frame"}
    lines = [
        f"* {label}{': ' + names[label] if label in names and names[label] != label else ''} (`{card['name']}`, {card['model']}, "
        f"sha256 {card['sha256'][:12]}…)"
        for label, card in facts["weights"].items()
    ]
    short = "" if facts["limit"] is None else f" Only the first {facts['limit']} of each protocol: a trial, no result."
    made = f"Made by `sharpening goals`; goals.csv says at which commit each row was measured.{short}"
    if facts["split"] == "valid":
        made += f"\n\n{SELECTED}"
    return "\n".join([made, "", *lines]) + "\n"
