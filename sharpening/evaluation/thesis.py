"""What the thesis printed, as far as it is known here; a person who has the PDF can supply the rest.

Nothing in this file is guessed: a figure whose table, row and column are not all known stands among the notes, in words.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from sharpening.errors import InputError

__all__ = ["COLUMNS", "FIGURES", "NOTES", "Figures", "Place", "read_figures", "thesis_figures"]

# Columns that the thesis's tables are known to have or that our sources name, with the unit of each figure.
COLUMNS: dict[str, str] = {"MSE": "0–255", "PSNR": "dB", "SSIM": "-", "CPBD": "-", "SER-FIQ": "%"}
TABLES = ("3.1", "3.2", "3.3", "3.4", "3.5", "3.6")


class Place(NamedTuple):
    """Where a figure stands: number of the table, name of the row, name of the column."""

    table: str
    row: str
    column: str


Figures = Mapping[Place, float]

# A. Svorad, Increasing Quality of Facial Images Using Sequence of Images, Brno 2021; as quoted in the project's sources.
FIGURES: dict[Place, float] = {
    Place("3.6", "bicubic", "MSE"): 178.38,
    Place("3.6", "bicubic", "PSNR"): 18.27,
}

# Known of a table, but not of which row.
NOTES: dict[str, tuple[str, ...]] = {
    "3.1": (
        "The thesis prints a row with MSE 80.32 and PSNR 26.42 dB; which net it is, is not known here. The two do not fit together: "
        "MSE 80.32 on 0–255 means at least 29.08 dB.",
        "The thesis prints no bicubic row in Table 3.1; ours has one.",
    ),
    "3.2": (
        "The thesis's second test set, MLFDB, cannot be had: ours are real frames of clips, so no figure can be compared with it.",
    ),
    "3.6": ("The best learned model of the thesis has 17.28 dB, less than bicubic.",),
}
ANY_TABLE = (
    "The thesis's SER-FIQ columns lie between 36 and 48 %, PULSE being best with 47.57 %; 'CPBD before' is 0.0742 and 0.09. "
    "In which rows they stand is not known here."
)


def thesis_figures(file: str | Path | None = None, *, rows: Mapping[str, Collection[str]] | None = None) -> Figures:
    """The known figures, with those of a file on top; see `read_figures`."""
    return FIGURES if file is None else {**FIGURES, **read_figures(file, rows=rows)}


def read_figures(file: str | Path, *, rows: Mapping[str, Collection[str]] | None = None) -> Figures:
    """Read figures that somebody copied out of the thesis.

    Args:
        file: CSV in UTF-8 with the columns table, row, column, value: "3.1,BiO-Net,PSNR,26.42". Values have a decimal point;
            columns are those of `COLUMNS`, in its units (SER-FIQ in %).
        rows: The rows that each table may have; a table that is not named here may have any.

    Raises:
        InputError: Not such a file; the line is told.
    """
    path = Path(file)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            table = csv.DictReader(stream)
            if table.fieldnames is None or [name.strip() for name in table.fieldnames] != ["table", "row", "column", "value"]:
                raise InputError(path, f"has the columns {table.fieldnames}.", "Wanted: table,row,column,value.")
            found: dict[Place, float] = {}
            for line in table:
                place, value = _figure(path, table.line_num, line, rows or {})
                if place in found:
                    raise InputError(path, f"line {table.line_num} gives {', '.join(place)} a second time.", "Keep one of them.")
                found[place] = value
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"cannot be read ({error}).", "Give a CSV file in UTF-8.") from error
    return found


def _figure(path: Path, number: int, line: Mapping[str, str | None], rows: Mapping[str, Collection[str]]) -> tuple[Place, float]:
    values = [str(value).strip() for value in line.values() if value is not None]
    if len(values) != 4 or None in line:
        raise InputError(path, f"line {number} has not four values.", "Quote a value that holds a comma.")
    place = Place(*values[:3])
    for what, name, known in (
        ("table", place.table, TABLES),
        ("column", place.column, tuple(COLUMNS)),
        ("row", place.row, rows.get(place.table, (place.row,))),
    ):
        if name not in known:
            raise InputError(path, f"line {number} names the {what} {name!r}.", f"Known: {', '.join(known)}.")
    try:
        value = float(values[3])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(path, f"line {number} has the value {values[3]!r}.", "Wanted: a number with a decimal point.")
    return place, value
