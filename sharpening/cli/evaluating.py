"""`sharpening evaluate`, `sharpening tables`, `sharpening probe` and `sharpening poses`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sharpening.cli import console
from sharpening.cli.console import SeedOption

__all__ = ["evaluate", "poses", "probe", "tables"]

DataOption = Annotated[Path, typer.Option(help="Folder with stills, clips and splits.csv.")]
PretrainedOption = Annotated[Path | None, typer.Option(help="Folder to search weights in first.")]
SplitOption = Annotated[str, typer.Option(help="As in splits.csv.")]


def evaluate(
    data: DataOption,
    protocol: Annotated[str, typer.Option(help="stills, h264, damaged-middle, noise-others, clips or sections.")] = "stills",
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
