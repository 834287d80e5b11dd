"""Tables of words as text for a terminal, Markdown, LaTeX and CSV. They know nothing of what the words mean."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Grid", "latex", "markdown", "tex_escape", "text", "values"]

_WIDTH, _BETWEEN = 150, 2  # letters: of a terminal's line, between two columns
_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "−": r"$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "→": r"$\rightarrow$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "°": r"$^\circ$",
    "…": r"\ldots{}",
    "–": "--",
}
_TEX_PATTERN = re.compile("|".join(map(re.escape, _TEX)))


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        title: Over it.
        heads: Of the columns; the first column holds the names of the rows.
        rows: Each as long as `heads`; in a shorter one the last cell reaches over the rest.
        notes: Under it, a line each.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def text(grid: Grid) -> str:
    """The table with aligned columns, for a terminal; what is too wide goes on below, with the names of the rows again."""
    whole = [line for line in (grid.heads, *grid.rows) if len(line) == len(grid.heads)]
    widths = [max(len(line[i]) for line in whole) for i in range(len(grid.heads))]
    widths[0] = max(len(row[0]) for row in (grid.heads, *grid.rows))
    blocks = ["\n".join(_block(grid, widths, part)) for part in _parts(widths)]
    return "\n".join([grid.title, "", "\n\n".join(blocks), *_listed(grid)]) + "\n"


def _parts(widths: Sequence[int]) -> list[list[int]]:
    """The columns (but the first) that stand beside each other."""
    parts, used = list[list[int]](), 0
    for i, width in enumerate(widths[1:], 1):
        used += width + _BETWEEN
        if not parts or used > _WIDTH - widths[0]:
            parts.append([])
            used = width + _BETWEEN
        parts[-1].append(i)
    return parts


def _block(grid: Grid, widths: Sequence[int], part: Sequence[int]) -> Iterator[str]:
    gap = " " * _BETWEEN
    yield gap.join([grid.heads[0].ljust(widths[0]), *(grid.heads[i].rjust(widths[i]) for i in part)])
    yield gap.join(["-" * widths[0], *("-" * widths[i] for i in part)])
    for row in grid.rows:
        name = row[0].ljust(widths[0])
        if len(row) == len(grid.heads):
            yield gap.join([name, *(row[i].rjust(widths[i]) for i in part)])
        else:
            yield gap.join([name, *(row[1:] if part[0] == 1 else ())]).rstrip()


def markdown(grid: Grid, level: int = 1) -> str:
    """The table in Markdown under a heading of the given level."""
    width = len(grid.heads)
    filled = [(*line, *[""] * (width - len(line))) for line in (grid.heads, *grid.rows)]
    lines = ["| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in filled]
    lines.insert(1, "|---|" + "---:|" * (len(grid.heads) - 1))
    return "\n".join(["#" * level + " " + grid.title, "", *lines, *_listed(grid)]) + "\n"


def latex(grid: Grid, label: str) -> str:
    r"""The table as a LaTeX float that needs no package; `label` is what `\ref` takes."""
    rows = [_tex_row(line, len(grid.heads)) for line in (grid.heads, *grid.rows)]
    notes = [rf"\par\footnotesize {tex_escape(note)}" for note in grid.notes]
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{tex_escape(grid.title)}}}",
        rf"\label{{{label}}}",
        r"\begin{tabular}{l" + "r" * (len(grid.heads) - 1) + "}",
        r"\hline",
        rows[0],
        r"\hline",
        *rows[1:],
        r"\hline",
        r"\end{tabular}",
        *notes,
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def values(rows: Sequence[Sequence[object]]) -> str:
    """Rows as CSV, the first one holding the heads."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def tex_escape(words: str) -> str:
    r"""Words so that LaTeX prints them as they are.

    >>> print(tex_escape("50 % of a_b & c"))
    50 \% of a\_b \& c
    """
    return _TEX_PATTERN.sub(lambda found: _TEX[found[0]], words)


def _tex_row(row: Sequence[str], width: int) -> str:
    cells = [tex_escape(cell) for cell in row]
    if len(row) < width:
        cells[-1] = rf"\multicolumn{{{width - len(row) + 1}}}{{l}}{{{cells[-1]}}}"
    return " & ".join(cells) + r" \\"


def _listed(grid: Grid) -> list[str]:
    return ["", *(f"* {note}" for note in grid.notes)] if grid.notes else []
