"""The command line; `sharpening --help` lists its commands.

Nothing heavy is imported before a command needs it, so that `sharpening --help` answers at once.
"""

from __future__ import annotations

import io
import sys
import warnings
from typing import Annotated

import typer

from sharpening.cli.console import BAD_INPUT
from sharpening.cli.console import err as _err
from sharpening.cli.console import out as _out
from sharpening.cli.evaluating import ablations, calibrate, evaluate, goals, guard, poses, probe, tables
from sharpening.cli.finetuning import finetune
from sharpening.cli.reconstructing import reconstruct
from sharpening.cli.restoring import demo, restore
from sharpening.cli.stylegan import stylegan_app
from sharpening.cli.survey import survey_app
from sharpening.cli.training import synth, train
from sharpening.cli.weights import check_weights, convert_weights, import_weights, list_weights, where_weights
from sharpening.errors import SharpeningError

__all__ = ["app", "main"]

app = typer.Typer(
    help="One sharp picture of the same person out of a short sequence of poor face pictures.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
weights_app = typer.Typer(help="The trained weights: what there is, and where it is looked for.", no_args_is_help=True)
app.add_typer(weights_app, name="weights")
app.add_typer(stylegan_app, name="stylegan")
app.add_typer(survey_app, name="survey")


def main() -> None:
    """Entry point: an error that the package raised on purpose is one message and exit code 2, without a traceback."""
    # Said by fastai's import about itself, at each start; nothing that a user could do.
    warnings.filterwarnings("ignore", message=".*torch.jit.script.*")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names may be anything
    try:
        app()
    except SharpeningError as error:
        if "--debug" in sys.argv:
            raise
        _err.print(f"error: {error}", markup=False)
        raise SystemExit(BAD_INPUT) from None


def _version(wanted: bool) -> None:
    if wanted:
        from sharpening import __version__

        _out.print(f"sharpening {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of errors.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """One sharp picture of the same person out of a short sequence of poor face pictures."""


for _command in (
    restore,
    reconstruct,
    finetune,
    demo,
    synth,
    train,
    evaluate,
    goals,
    ablations,
    guard,
    calibrate,
    tables,
    probe,
    poses,
):
    app.command()(_command)
weights_app.command("list")(list_weights)
weights_app.command("where")(where_weights)
weights_app.command("check")(check_weights)
weights_app.command("import")(import_weights)
weights_app.command("convert")(convert_weights)
