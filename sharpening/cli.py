"""The command line: `sharpening restore | demo | synth | train | evaluate | weights`.

Nothing heavy is imported before a command needs it, so that `sharpening --help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from sharpening.errors import SharpeningError

if TYPE_CHECKING:
    from sharpening.restore import Restored

__all__ = ["app", "main"]

BAD_INPUT, SOME_FAILED = 2, 1

app = typer.Typer(
    help="One sharp picture of the same person out of a short sequence of poor face pictures.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
weights_app = typer.Typer(help="The trained weights: what there is, and where it is looked for.", no_args_is_help=True)
app.add_typer(weights_app, name="weights")

_out, _err = Console(soft_wrap=True, highlight=False), Console(stderr=True, soft_wrap=True, highlight=False)

WeightsOption = Annotated[str, typer.Option("--weights", help="Name of weights, or path of a weight file with its card beside it.")]
DeviceOption = Annotated[str | None, typer.Option("--device", help="cpu, cuda, …; CUDA where there is one when left out.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of all chance.")]


def main() -> None:
    """Entry point: an error that the package raised on purpose is one message and exit code 2, without a traceback."""
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


@app.command()
def restore(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A film, a folder of frames, or a folder of such folders or films.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Picture to write (.png, .jpg, .webp); for many inputs the folder.")],
    box: Annotated[str | None, typer.Option(metavar="X,Y,W,H", help="Box round the wanted head in the first frame [px].")] = None,
    face: Annotated[
        int | None, typer.Option(help="Number of the wanted face, from 0, left to right in the first frame with a face.")
    ] = None,
    cropped: Annotated[
        bool | None, typer.Option("--cropped/--search", help="The frames are cropped faces / look for the face.")
    ] = None,
    middle: Annotated[int | None, typer.Option(help="Number of the frame to restore, from 0.")] = None,
    start: Annotated[int, typer.Option(help="First frame to use.")] = 0,
    stop: Annotated[int | None, typer.Option(help="First frame not to use any more.")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Most frames to use; 7 when left out.")] = None,
    weights: WeightsOption = "default",
    device: DeviceOption = None,
) -> None:
    """Restore one picture out of poor frames of one person.

    Writes the picture, and beside it a contact sheet (.sheet.png) and a report (.json). Of many inputs the bad ones are listed at the end.
    """
    from sharpening.restore import Restorer
    from sharpening.restore.batch import inputs_in

    inputs = inputs_in(source)
    choice: dict[str, Any] = {
        "box": _box(box),
        "face": face,
        "cropped": cropped,
        "middle": middle,
        "start": start,
        "stop": stop,
        "n_frames": frames,
    }
    many = inputs != [source]
    if not many:
        out = _picture_path(out, source)
    restorer = Restorer.from_weights(weights, device=device)
    if many:
        _restore_many(restorer, source, inputs, out, choice)
        return
    restored = restorer(source, **choice)
    _tell(restored.save(out), restored)


def _box(text: str | None) -> tuple[float, float, float, float] | None:
    if text is None:
        return None
    try:
        x, y, w, h = (float(part) for part in text.replace(" ", "").split(","))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not four numbers X,Y,W,H.", param_hint="--box") from error
    return x, y, w, h


def _picture_path(out: Path, source: Path) -> Path:
    """An existing folder, or a name that ends with a slash, gets the input's name."""
    return out / f"{source.resolve().stem}.png" if out.is_dir() else out


def _restore_many(restorer: Any, root: Path, inputs: list[Path], out: Path, choice: Mapping[str, Any]) -> None:
    from sharpening.restore.batch import restore_each

    failed = []
    for outcome in restore_each(restorer, root, inputs, out, **choice):
        if outcome.restored is not None and outcome.path is not None:
            _tell(outcome.path, outcome.restored)
        else:
            failed.append(outcome)
    _out.print(f"{len(inputs) - len(failed)} of {len(inputs)} restored")
    if failed:
        _err.print(f"not restored ({len(failed)}):")
        for outcome in failed:
            _err.print(f"  {outcome.source}: {outcome.error}", markup=False)
        raise typer.Exit(SOME_FAILED)


def _tell(path: Path, restored: Restored) -> None:
    frames, agreement = restored.report["frames"], restored.report["identity_agreement"]
    likeness = (
        f"identity distance {agreement['distance_to_mean_of_frames']:.2f}" if agreement["measured"] else "identity not measured"
    )
    seconds = restored.report["seconds"]["total"]
    _out.print(f"{path}: {frames['n_used']} frame(s), middle {frames['middle']}, {likeness}, {seconds:.1f} s", markup=False)
    for warning in restored.warnings:
        _err.print(f"warning: {restored.name}: {warning}", markup=False)


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for film and pictures.")] = Path("out/demo"),
    weights: WeightsOption = "default",
    device: DeviceOption = None,
) -> None:
    """Make a small shaky film of a photograph, restore it, and compare with bicubic and with the truth."""
    from sharpening.demo import run, show

    _out.print(show(run(out, weights=weights, device=device)))


@app.command()
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

    with _known("--how"):
        damage = settings(how)
    paths = find_stills(stills)
    with _progress("sequences") as step:
        made = synthesise(paths, out, how=damage, n_frames=frames, per_still=per_still, seed=seed, progress=step)
    _out.print(f"{out}: {made.made} sequences made, {made.kept} were there already", markup=False)
    for path, why in made.left_out.items():
        _err.print(f"warning: left out {path}: {why}", markup=False)


@app.command()
def train(
    data: Annotated[Path, typer.Option(help="Folder of sequences (MLFDB's form) or of sharp pictures.")],
    recipe: Annotated[str, typer.Option(help="Name of the recipe: fusion, fusion-one-frame, thesis-unet, tiny.")] = "fusion",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the run; runs/<recipe> when left out.")] = None,
    resume: Annotated[bool, typer.Option("--resume/--anew", help="Go on with a run that was stopped, or start anew.")] = True,
    workers: Annotated[int, typer.Option(min=0, help="Processes that load data.")] = 0,
    device: DeviceOption = None,
) -> None:
    """Train a network by a recipe and export its weights and card."""
    from sharpening.training.learner import train as run
    from sharpening.training.recipes import recipes

    with _known("--recipe"):
        recipes.get(recipe)
    place = run(recipe, data, out or Path("runs") / recipe, resume=resume, report=_tell_epoch, num_workers=workers, device=device)
    _out.print(f"{place}: weights; the card lies beside them", markup=False)


def _tell_epoch(facts: Mapping[str, Any]) -> None:
    words = (f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in facts.items())
    _out.print("  ".join(words), markup=False)


@app.command()
def evaluate(
    data: Annotated[Path, typer.Option(help="Folder with stills, clips and splits.csv.")],
    protocol: Annotated[str, typer.Option(help="stills, h264, damaged-middle, noise-others or clips.")] = "stills",
    methods: Annotated[str | None, typer.Option(help="Names, separated by commas; all that can be had when left out.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many sequences.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the rows (CSV), the facts (JSON) and the table.")
    ] = None,
    pretrained: Annotated[Path | None, typer.Option(help="Folder to search weights in first.")] = None,
    twin: Annotated[Path | None, typer.Option(help="Weights of the single-frame twin.")] = None,
    peers: Annotated[Path | None, typer.Option(help="Folder with published files of other methods (FSRCNN_x4.pb).")] = None,
    split: Annotated[str, typer.Option(help="As in splits.csv.")] = "valid",
    seed: SeedOption = 0,
) -> None:
    """Measure methods on a fixed set of sequences with known answers: mean ± half of the 95 % interval."""
    from sharpening.evaluation.protocols import PROTOCOLS
    from sharpening.evaluation.run import evaluate as run
    from sharpening.evaluation.run import summary, to_markdown

    if protocol not in PROTOCOLS:
        raise typer.BadParameter(f"no protocol is called {protocol!r}; known: {', '.join(PROTOCOLS)}.", param_hint="--protocol")
    names = [name.strip() for name in methods.split(",")] if methods else None
    with _progress("sequences") as step:
        places: dict[str, Any] = {"pretrained": pretrained, "twin": twin, "peers": peers, "split": split}
        rows = run(protocol, data, methods=names, limit=limit, out=out, seed=seed, progress=step, **places)
    _out.print(to_markdown(summary(rows)), markup=False)


@weights_app.command("list")
def list_weights(pretrained: Annotated[Path | None, typer.Option(help="Folder to search first.")] = None) -> None:
    """The weights in all searched places, with their terms."""
    from sharpening.weights.names import NAMES, found_weights

    short, n_found = {name: alias for alias, name in NAMES.items()}, 0
    for file, card in found_weights(pretrained):
        if isinstance(card, SharpeningError):
            _err.print(f"warning: {card}", markup=False)
            continue
        n_found += 1
        name = f"{card.name} ({short[card.name]})" if card.name in short else card.name
        size = f"{card.n_parameters:,} parameters, {card.n_bytes / 1e6:.1f} MB, {card.size_in} → {card.size_out} px"
        _out.print(f"{name}: {card.model}, {size}\n  {file}", markup=False)
        _out.print(f"  licence: {card.licence}\n  commercial use: {'yes' if card.free_use else 'no'}", markup=False)
    if not n_found:
        _err.print("no weights in any of the searched places (sharpening weights where)")
        raise typer.Exit(SOME_FAILED)


@weights_app.command("where")
def where_weights(
    name: Annotated[str, typer.Argument(help="Name of weights.")] = "default",
    pretrained: Annotated[Path | None, typer.Option(help="Folder to search first.")] = None,
) -> None:
    """The places that are searched, in order, and the file that is found."""
    from sharpening.weights.names import search_places, true_name
    from sharpening.weights.store import find

    for what, folder in search_places(pretrained):
        _out.print(f"{what}: {folder if folder is not None else 'not set'}", markup=False)
    _out.print(f"{name} is {find(true_name(name), pretrained)}", markup=False)


@contextmanager
def _known(option: str) -> Iterator[None]:
    """Turn the `KeyError` of a table of names (it lists the near ones) into the message of a wrong option."""
    try:
        yield
    except KeyError as error:
        raise typer.BadParameter(f"{error.args[0]}.", param_hint=option) from error


@contextmanager
def _progress(unit: str) -> Iterator[Callable[..., None]]:
    """A counter on stderr, at a terminal only; what is yielded takes (done) or (done, total)."""
    columns = (TextColumn("{task.completed} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=_err, disable=not _err.is_terminal, transient=True) as progress:
        task = progress.add_task(unit, total=None)
        yield lambda done, total=None: progress.update(task, completed=done, total=total)
