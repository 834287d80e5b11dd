"""`sharpening survey make` and `sharpening survey count`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sharpening.cli import console

__all__ = ["count", "make", "survey_app"]

survey_app = typer.Typer(
    help="The subjective test: which picture has the highest quality, which matches the person best?", no_args_is_help=True
)


def make(
    results: Annotated[Path, typer.Option(help="Folder with the pictures, from sharpening tables 3.6 --keep.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page, .html; its key is written beside it as .key.json.")] = Path(
        "survey.html"
    ),
    sequences: Annotated[int, typer.Option(min=1, help="How many sequences are asked.")] = 20,
    system: Annotated[
        list[str] | None, typer.Option(help="Row of the table to compare; give it several times. All when left out.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the order; a secret one when left out.")] = None,
) -> None:
    """Build a page that asks people: one HTML file without network, in which nothing tells which system made a picture.

    Keep the key to yourself. The pictures show real people: the page is for those whom you ask, and not to be published.
    """
    from sharpening.evaluation.survey import make_survey

    for path in make_survey(results, out, n_sequences=sequences, systems=system, seed=seed):
        console.out.print(str(path), markup=False)


def count(
    key: Annotated[Path, typer.Argument(help="The .key.json of the page.")],
    answers: Annotated[list[Path], typer.Argument(help="The answer files.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the tables: Table 3.6 then shows the answers.")] = None,
) -> None:
    """Count answer files: share of the answers for each system, with Wilson's 95 % interval."""
    from sharpening.evaluation.survey_count import count_survey, votes_grid, write_votes
    from sharpening.evaluation.table_text import text

    votes = count_survey(key, answers)
    console.out.print(text(votes_grid(votes)), markup=False)
    if out is not None:
        console.out.print(str(write_votes(votes, out)), markup=False)


for _command in (make, count):
    survey_app.command()(_command)
