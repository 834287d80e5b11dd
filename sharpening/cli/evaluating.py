"""`sharpening evaluate`, `goals`, `guard`, `calibrate`, `ablations`, `tables`, `probe` and `poses`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sharpening.cli import console
from sharpening.cli.console import SeedOption

__all__ = ["ablations", "calibrate", "evaluate", "goals", "guard", "poses", "probe", "tables"]

DataOption = Annotated[Path, typer.Option(help="Folder with stills, clips and splits.csv.")]
PretrainedOption = Annotated[Path | None, typer.Option(help="Folder to search weights in first.")]
SplitOption = Annotated[str, typer.Option(help="As in splits.csv.")]


def evaluate(
    data: DataOption,
    protocol: Annotated[str, typer.Option(help="stills, h264, clips, …; an unknown name lists them all.")] = "stills",
    methods: Annotated[str | None, typer.Option(help="Names, separated by commas; all that can be had when left out.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many sequences.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the rows (CSV), the facts (JSON) and the table.")
    ] = None,
    pretrained: PretrainedOption = None,
    twin: Annotated[Path | None, typer.Option(help="Weights of the single-frame twin.")] = None,
    peers: Annotated[Path | None, typer.Option(help="Folder with published files of other methods (FSRCNN_x4.pb).")] = None,
    split: SplitOption = "valid",
    seed: SeedOption = 0,
) -> None:
    """Measure methods on a fixed set of sequences with known answers: mean ± half of the 95 % interval."""
    from sharpening.evaluation.protocols import PROTOCOLS
    from sharpening.evaluation.run import evaluate as run
    from sharpening.evaluation.run import summary, to_markdown

    if protocol not in PROTOCOLS:
        raise typer.BadParameter(f"no protocol is called {protocol!r}; known: {', '.join(PROTOCOLS)}.", param_hint="--protocol")
    names = [name.strip() for name in methods.split(",")] if methods else None
    with console.counter("sequences") as step:
        places: dict[str, Any] = {"pretrained": pretrained, "twin": twin, "peers": peers, "split": split}
        rows = run(protocol, data, methods=names, limit=limit, out=out, seed=seed, progress=step, **places)
    console.out.print(to_markdown(summary(rows)), markup=False)


def goals(
    data: DataOption,
    weights: Annotated[str, typer.Option(help="Name or path of our weights.")] = "default",
    twin: Annotated[Path | None, typer.Option(help="Weights of the same net trained as long on one frame.")] = None,
    fidelity: Annotated[str | None, typer.Option(help="Name or path of the weights for a second column, called fidelity.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder of goals.md, .csv and .json; stored rows that still hold are reused.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many sequences of each protocol.")] = None,
    peers: Annotated[Path | None, typer.Option(help="Folder with published files of other methods (FSRCNN_x4.pb).")] = None,
    pretrained: PretrainedOption = None,
    split: SplitOption = "valid",
    anew: Annotated[bool, typer.Option("--anew", help="Measure everything again.")] = False,
    seed: SeedOption = 0,
) -> None:
    """Fill the table of goals: must, target and moonshot beside what is measured. Goes on after an interruption."""
    from sharpening.evaluation.goals import goals as run
    from sharpening.evaluation.table_text import text
    from sharpening.weights.names import true_name

    if fidelity is not None and true_name(fidelity) == true_name(weights):
        raise typer.BadParameter("these are the weights of the first column already. Leave it out.", param_hint="--fidelity")
    more = {} if fidelity is None else {"fidelity": fidelity}
    nets: dict[str, Any] = {"weights": weights, "twin": twin, "more": more, "peers": peers, "pretrained": pretrained}
    with console.counter("pictures") as step:
        done = run(data, **nets, out=out, limit=limit, split=split, seed=seed, anew=anew, progress=step, said=_say)
    for grid in done.grids():
        console.out.print(text(grid), markup=False)


def _say(line: str) -> None:
    console.err.print(line, markup=False)


def ablations(
    runs: Annotated[Path, typer.Argument(help="Folder of training runs; those called abl-… are legs.")],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder of ablations.md and .csv, and of ablations.json, which says what was changed."),
    ],
) -> None:
    """Lay short training legs side by side: what was changed, and what it did to the figures on held-out sequences."""
    from sharpening.evaluation.ablation import ablations as run
    from sharpening.evaluation.table_text import text

    console.out.print(text(run(runs, out)), markup=False)


def guard(
    data: DataOption,
    weights: Annotated[str, typer.Option(help="Name or path of the weights whose results are judged.")] = "default",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of identity-guard.md, .csv, .json and .png.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many sequences of each set.")] = None,
    write: Annotated[bool, typer.Option("--write", help="Store the table in the package, where restoring reads it.")] = False,
    pretrained: PretrainedOption = None,
    split: SplitOption = "valid",
    seed: SeedOption = 0,
) -> None:
    """Calibrate the identity guard: how near strangers come to a result, and how well frames of other people are found."""
    from sharpening.evaluation.guard import guard as run
    from sharpening.evaluation.guard import write_table
    from sharpening.evaluation.guard_report import grids, write_guard
    from sharpening.evaluation.table_text import text

    if write and limit is not None:
        raise typer.BadParameter("the table of a trial does not go into the package. Leave --limit out.", param_hint="--write")
    with console.counter("sequences") as step:
        found = run(data, weights=weights, pretrained=pretrained, limit=limit, split=split, seed=seed, progress=step)
    for grid in grids(found):
        console.out.print(text(grid), markup=False)
    written = [] if out is None else write_guard(found, out)
    for path in [*written, *([write_table(found)] if write else [])]:
        console.out.print(str(path), markup=False)


def calibrate(
    data: DataOption,
    weights: Annotated[str, typer.Option(help="Name or path of weights whose network estimates its own error.")] = "default",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of calibration.md, .csv, .json and .png.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many sequences of each protocol.")] = None,
    write_card: Annotated[
        bool, typer.Option("--write-card", help="Put the table into the card, where restoring reads it.")
    ] = False,
    pretrained: PretrainedOption = None,
    split: SplitOption = "valid",
    seed: SeedOption = 0,
) -> None:
    """Calibrate the error that a network expects: of the pixels it calls good to 5 grey levels, 68 % shall be."""
    from sharpening.evaluation.calibration import calibrate as run
    from sharpening.evaluation.calibration import write_error_table
    from sharpening.evaluation.calibration_page import grids, write_calibration
    from sharpening.evaluation.table_text import text
    from sharpening.weights.names import true_name
    from sharpening.weights.store import find

    if write_card and limit is not None:
        raise typer.BadParameter("the table of a trial goes into no card. Leave --limit out.", param_hint="--write-card")
    with console.counter("sequences") as step:
        found = run(data, weights, pretrained=pretrained, limit=limit, split=split, seed=seed, progress=step)
    for grid in grids(found):
        console.out.print(text(grid), markup=False)
    written = [] if out is None else write_calibration(found, out)
    if write_card:
        written.append(write_error_table(find(true_name(weights), pretrained), found.table, sha256=found.facts["sha256"]))
    for path in written:
        console.out.print(str(path), markup=False)


def tables(
    table: Annotated[str, typer.Argument(help="Table of the thesis: 3.1 to 3.6.")],
    data: DataOption,
    methods: Annotated[
        str | None,
        typer.Option(
            help="row=weights, separated by commas (U-Net=FILE,BiO-Net=FILE,finetune=FILE); runs/ is searched for the rest."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for rows, facts and the table; stored rows that still hold are reused."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many sequences.")] = None,
    thesis: Annotated[Path | None, typer.Option(help="CSV (table,row,column,value) with figures copied out of the thesis.")] = None,
    base: Annotated[
        str, typer.Option(help="Weights of the multi-frame network before finetuners and reconstructions.")
    ] = "default",
    runs: Annotated[Path, typer.Option(help="Folder of training runs, searched for weights.")] = Path("runs"),
    pretrained: PretrainedOption = None,
    split: SplitOption = "valid",
    keep: Annotated[Path | None, typer.Option(help="Folder for the pictures of all methods, for sharpening survey.")] = None,
    anew: Annotated[bool, typer.Option("--anew", help="Measure everything again.")] = False,
    seed: SeedOption = 0,
) -> None:
    """Fill a table of the thesis with measured figures: the thesis's beside ours. Trains nothing; goes on after an interruption."""
    from sharpening.evaluation.table_text import text
    from sharpening.evaluation.thesis_tables import make_table

    places: dict[str, Any] = {"runs": runs, "pretrained": pretrained, "base": base, "thesis": thesis, "keep": keep}
    with console.counter("pictures") as step:
        grids = make_table(
            table, data, methods=methods, out=out, limit=limit, split=split, seed=seed, anew=anew, progress=step, **places
        )
    for grid in grids:
        console.out.print(text(grid), markup=False)


def probe(
    model: Annotated[str, typer.Argument(help="Name or path of weights, or a method of evaluate: bicubic, back-projection, …")],
    data: DataOption,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for the picture, the facts and the rows.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Number of persons.")] = 64,
    one_frame: Annotated[
        Path | None, typer.Option(help="Weights of the single-frame twin: what the gain of the other frames is measured against.")
    ] = None,
    pretrained: PretrainedOption = None,
    split: SplitOption = "valid",
    seed: SeedOption = 0,
) -> None:
    """Measure whether a model uses the other frames (thesis 3.3.7): noise, copies or a stranger in their place, damage in the middle."""
    from sharpening.evaluation.methods import build_methods, network_method
    from sharpening.evaluation.probe import probe as run
    from sharpening.evaluation.probe_report import probe_grid, write_probe
    from sharpening.evaluation.table_text import text

    method = build_methods([model], pretrained=pretrained)[model]
    twin = None if one_frame is None else network_method(one_frame, pretrained, one_frame=True)
    with console.counter("persons") as step:
        found = run(method, data, one_frame=twin, limit=limit, seed=seed, split=split, progress=step)
    console.out.print(text(probe_grid(found, model)), markup=False)
    if out is not None:
        for path in write_probe(found, model, out, {"split": split, "seed": seed}):
            console.out.print(str(path), markup=False)


def poses(
    folder: Annotated[Path, typer.Argument(help="Pictures of one person from several angles: a clip, or the HeadPose set.")],
    transfers: Annotated[str, typer.Option(help="Transfers, separated by commas.")] = "no transfer,align-blend,dlib,dense",
    crossover: Annotated[str, typer.Option(help="How the moved parts are put in.")] = "soft",
    most_angle: Annotated[float, typer.Option(min=0, help="Only pairs that look no further apart than this [degrees].")] = 180,
) -> None:
    """Measure position transfer (thesis 3.4): the parts of every picture on every other one, by the angle between them."""
    from sharpening.evaluation.pose_transfer import NO_TRANSFER, pose_series, pose_transfer, pose_transfer_table
    from sharpening.evaluation.table_text import text
    from sharpening.reconstruct.crossover.method import crossovers
    from sharpening.reconstruct.transfer import method

    names = [name.strip() for name in transfers.split(",")]
    # Only the names are looked up in here: a KeyError of the work itself is no wrong option.
    with console.known("--transfers"):
        for name in names:
            if name != NO_TRANSFER:
                method.transfers.get(name)
    with console.known("--crossover"):
        crossovers.get(crossover)
    rows = []
    for paths in pose_series(folder):
        rows += pose_transfer(paths, methods=names, crossover=crossover, most_angle=most_angle)
    console.out.print(text(pose_transfer_table(rows)), markup=False)
