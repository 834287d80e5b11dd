"""`sharpening restore` and `sharpening demo`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sharpening.cli import console
from sharpening.cli.console import DeviceOption, WeightsOption

if TYPE_CHECKING:
    from sharpening.restore import Restored

__all__ = ["box_of", "demo", "picture_out", "restore"]

_SLASHES = ("/", os.sep)

# Text, since a path forgets the slash at its end.
OutOption = Annotated[
    str,
    typer.Option(
        "--out",
        "-o",
        metavar="PATH",
        help="Picture to write (.png, .jpg, .webp), or a folder for it; with --film the film (.mp4); for many inputs the folder.",
    ),
]


def restore(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A film, a folder of frames, or a folder of such folders or films.")
    ],
    out: OutOption,
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
    keep_strangers: Annotated[
        bool, typer.Option("--keep-strangers", help="Use frames of another person than the middle too; they are named in any case.")
    ] = False,
    evidence: Annotated[
        bool, typer.Option("--evidence/--no-evidence", help="Find out where the picture rests on the frames, or save the time.")
    ] = True,
    maps: Annotated[bool, typer.Option("--maps", help="Write the maps of the evidence as numbers too (.evidence.npz).")] = False,
    film: Annotated[bool, typer.Option("--film", help="Restore every frame, and write a film of the face.")] = False,
    paste: Annotated[bool, typer.Option("--paste", help="With --film: put the face back into the whole, enlarged frame.")] = False,
    fps: Annotated[float | None, typer.Option(help="With --film: frames a second; the input's when left out.")] = None,
    device: DeviceOption = None,
) -> None:
    """Restore one picture out of poor frames of one person, or with --film every frame.

    Writes the picture, and beside it a contact sheet (.sheet.png) and a report (.json; of a film .film.json). Of many inputs the bad
    ones are listed at the end.
    """
    _check_film(
        out,
        film=film,
        only_film={"--paste": paste, "--fps": fps},
        only_picture={
            "--middle": middle,
            "--then": then,
            "--maps": maps,
            "--keep-strangers": keep_strangers,
            "--no-evidence": not evidence,
        },
    )
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
    if film:
        _restore_film(source, inputs, out, choice, weights=weights, device=device, paste=paste, fps=fps)
        return
    how = {"then": then, "strangers": "keep" if keep_strangers else "leave-out", "evidence": evidence or maps}
    _restore_pictures(source, inputs, out, choice, maps, name=weights, device=device, **how)


def _check_film(out: str, *, film: bool, only_film: Mapping[str, Any], only_picture: Mapping[str, Any]) -> None:
    """Refuse what makes no sense together; options that were not given are None or False."""
    from sharpening.frames.video import FILM_SUFFIXES

    wrong = [option for option, value in (only_picture if film else only_film).items() if value is not None and value is not False]
    if wrong and film:
        words = "--film restores every frame, each from its neighbours as they are, and finetunes none. Leave this out, or --film."
        raise typer.BadParameter(words, param_hint=wrong[0])
    if wrong:
        raise typer.BadParameter("it is for films. Add --film, or leave it out.", param_hint=wrong[0])
    if not film and out.lower().endswith(FILM_SUFFIXES):
        words = f"{Path(out).name} is the name of a film. Add --film to restore every frame, or name a picture (.png)."
        raise typer.BadParameter(words, param_hint="--out")


def _restore_film(source: Path, inputs: list[Path], out: str, choice: Mapping[str, Any], **how: Any) -> None:
    from sharpening.frames.film_write import check_film
    from sharpening.restore import Restorer, restore_film
    from sharpening.restore.place import check_beside

    if inputs != [source]:
        words = f"{source} holds {len(inputs)} inputs; --film takes one film, or one folder of frames. Give one of them."
        raise typer.BadParameter(words, param_hint="INPUT")
    place = check_film(picture_out(out, source, ".mp4"))
    check_beside([place], [source] if source.is_dir() else [])
    restorer = Restorer.from_weights(how.pop("weights"), device=how.pop("device"))
    with console.counter("frames") as count:
        done = restore_film(restorer, source, place, progress=lambda _, n, total: count(n, total), **how, **choice)
    frames, seconds = done.report["frames"], done.report["seconds"]["total"]
    console.out.print(f"{done.path}: {frames['restored']} of {frames['n']} frame(s) restored, {seconds:.1f} s", markup=False)
    for warning in done.warnings:
        console.err.print(f"warning: {done.report['input']['name']}: {warning}", markup=False)


def _restore_pictures(source: Path, inputs: list[Path], out: str, choice: Mapping[str, Any], maps: bool, **how: Any) -> None:
    from sharpening.imaging.writing import picture_path
    from sharpening.restore import Restorer
    from sharpening.restore.batch import places_for
    from sharpening.restore.place import check_result

    if inputs != [source]:
        _check_folder(source, inputs, out)
        places_for(source, inputs, Path(out))
        _restore_many(Restorer.from_weights(**how), source, inputs, Path(out), choice, maps)
        return
    place = picture_path(picture_out(out, source))
    check_result(place, source)
    restored = Restorer.from_weights(**how)(source, **choice)
    _tell(restored.save(place, maps=maps), restored)


def _check_folder(source: Path, inputs: list[Path], out: str) -> None:
    """Refuse the name of a picture where many will be written: what was taken for one input holds more."""
    from sharpening.imaging.files import PICTURE_SUFFIXES

    if out.lower().endswith(PICTURE_SUFFIXES) and not Path(out).is_dir():
        named = ", ".join(str(each) for each in inputs[:3]) + (", …" if len(inputs) > 3 else "")
        words = f"{source} holds {len(inputs)} inputs ({named}), but {Path(out).name} is the name of one picture. "
        raise typer.BadParameter(words + "Name a folder, or give one input that has no others in it.", param_hint="--out")


def box_of(text: str | None) -> tuple[float, float, float, float] | None:
    """Read "X,Y,W,H" as a user wrote it."""
    if text is None:
        return None
    try:
        x, y, w, h = (float(part) for part in text.replace(" ", "").split(","))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not four numbers X,Y,W,H.", param_hint="--box") from error
    return x, y, w, h


def picture_out(out: str | Path, source: Path, suffix: str = ".png") -> Path:
    """An existing folder, or a name that ends with a slash, gets the input's name."""
    path, full = Path(out), source.resolve()
    if not (path.is_dir() or str(out).endswith(_SLASHES)):
        return path
    return path / f"{full.name if full.is_dir() else full.stem}{suffix}"


def _restore_many(restorer: Any, root: Path, inputs: list[Path], out: Path, choice: Mapping[str, Any], maps: bool) -> None:
    from sharpening.restore.batch import restore_each

    failed = []
    for outcome in restore_each(restorer, root, inputs, out, maps=maps, **choice):
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
    if restored.evidence is not None:
        console.out.print(f"  {restored.evidence.line()}", markup=False)
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
