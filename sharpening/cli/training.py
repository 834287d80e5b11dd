"""`sharpening synth` and `sharpening train`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from sharpening.cli import console
from sharpening.cli.console import DeviceOption, SeedOption

__all__ = ["synth", "train"]


def synth(
    stills: Annotated[Path, typer.Argument(help="Folder with sharp pictures of faces, at any depth.")],
    out: Annotated[Path, typer.Argument(help="Folder for the data set; call again to go on after an interruption.")],
    how: Annotated[
        str, typer.Option(help="Preset of the damage: thesis, thesis-warped, h264, damaged-middle, camera, train, …")
    ] = "thesis",
    frames: Annotated[int, typer.Option(min=1, help="Frames in a sequence.")] = 7,
    per_still: Annotated[int, typer.Option(min=1, help="Sequences out of each picture.")] = 1,
    seed: SeedOption = 0,
) -> None:
    """Make a data set of damaged sequences out of sharp pictures."""
    from sharpening.frames.degrade_settings import settings
    from sharpening.frames.listing import stills as find_stills
    from sharpening.frames.synth import synthesise

    with console.known("--how"):
        damage = settings(how)
    paths = find_stills(stills)
    with console.counter("sequences") as step:
        made = synthesise(paths, out, how=damage, n_frames=frames, per_still=per_still, seed=seed, progress=step)
    console.out.print(f"{out}: {made.made} sequences made, {made.kept} were there already", markup=False)
    for path, why in made.left_out.items():
        console.err.print(f"warning: left out {path}: {why}", markup=False)


def train(
    data: Annotated[Path, typer.Option(help="Folder of sequences (MLFDB's form) or of sharp pictures.")],
    recipe: Annotated[
        str, typer.Option(help="Name of the recipe: fusion, thesis-unet, thesis-bionet-small, …; a wrong one lists them.")
    ] = "fusion",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the run; runs/<recipe> when left out.")] = None,
    start: Annotated[
        str | None,
        typer.Option(help="Weights to start from, for a recipe that goes on from another's (else that one is run first)."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume/--anew", help="Go on with a run that was stopped, or start anew.")] = True,
    workers: Annotated[int, typer.Option(min=0, help="Processes that load data.")] = 0,
    device: DeviceOption = None,
) -> None:
    """Train a network by a recipe and export its weights and card."""
    from sharpening.training.learner import train as run
    from sharpening.training.recipes import recipes

    with console.known("--recipe"):
        recipes.get(recipe)
    n_epochs = 0

    def report(facts: Mapping[str, Any]) -> None:
        nonlocal n_epochs
        n_epochs += 1
        words = (f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in facts.items())
        console.out.print("  ".join(words), markup=False)

    settings: dict[str, Any] = {"resume": resume, "report": report, "start": start, "num_workers": workers, "device": device}
    place = run(recipe, data, out or Path("runs") / recipe, **settings)
    if not n_epochs:
        console.err.print("this run was complete already; --anew trains it again")
    console.out.print(f"{place}: weights; the card lies beside them", markup=False)
