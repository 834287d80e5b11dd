"""`sharpening restore` and `sharpening demo`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sharpening.cli import console
from sharpening.cli.console import DeviceOption, WeightsOption

if TYPE_CHECKING:
    from sharpening.restore import Restored

__all__ = ["box_of", "demo", "picture_out", "restore"]


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
    then: Annotated[
        str | None,
        typer.Option(help="Weights of a single-frame net that finetunes the result; undone where it changes the person."),
    ] = None,
    device: DeviceOption = None,
) -> None:
    """Restore one picture out of poor frames of one person.

    Writes the picture, and beside it a contact sheet (.sheet.png) and a report (.json). Of many inputs the bad ones are listed at the end.
    """
    from sharpening.restore import Restorer
    from sharpening.restore.batch import inputs_in

    inputs = inputs_in(source)
    choice: dict[str, Any] = {
        "box": box_of(box),
        "face": face,
        "cropped": cropped,
        "middle": middle,
        "start": start,
        "stop": stop,
        "n_frames": frames,
    }
    many = inputs != [source]
    if not many:
        out = picture_out(out, source)
    restorer = Restorer.from_weights(weights, device=device, then=then)
    if many:
        _restore_many(restorer, source, inputs, out, choice)
        return
    restored = restorer(source, **choice)
    _tell(restored.save(out), restored)


def box_of(text: str | None) -> tuple[float, float, float, float] | None:
    """Read "X,Y,W,H" as a user wrote it."""
    if text is None:
        return None
    try:
        x, y, w, h = (float(part) for part in text.replace(" ", "").split(","))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not four numbers X,Y,W,H.", param_hint="--box") from error
    return x, y, w, h


def picture_out(out: Path, source: Path) -> Path:
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
    console.out.print(f"{len(inputs) - len(failed)} of {len(inputs)} restored")
    if failed:
        console.err.print(f"not restored ({len(failed)}):")
        for outcome in failed:
            console.err.print(f"  {outcome.source}: {outcome.error}", markup=False)
        raise typer.Exit(console.SOME_FAILED)


def _tell(path: Path, restored: Restored) -> None:
    frames, agreement = restored.report["frames"], restored.report["identity_agreement"]
    likeness = (
        f"identity distance {agreement['distance_to_mean_of_frames']:.2f}" if agreement["measured"] else "identity not measured"
    )
    seconds = restored.report["seconds"]["total"]
    console.out.print(f"{path}: {frames['n_used']} frame(s), middle {frames['middle']}, {likeness}, {seconds:.1f} s", markup=False)
    for warning in restored.warnings:
        console.err.print(f"warning: {restored.name}: {warning}", markup=False)


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for film and pictures.")] = Path("out/demo"),
    weights: WeightsOption = "default",
    device: DeviceOption = None,
) -> None:
    """Make a small shaky film of a photograph, restore it, and compare with bicubic and with the truth."""
    from sharpening.demo import run, show

    console.out.print(show(run(out, weights=weights, device=device)))
