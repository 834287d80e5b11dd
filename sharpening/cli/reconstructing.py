"""`sharpening reconstruct`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sharpening.cli import console
from sharpening.cli.restoring import box_of, picture_out

if TYPE_CHECKING:
    from sharpening.reconstruct import Choice, Reconstructed

__all__ = ["reconstruct"]


def reconstruct(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A film, a folder of frames, or a stored state (.state.npz).")],
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="PATH", help="Picture to write (.png, .jpg, .webp), or a folder for it.")
    ],
    base: Annotated[int | None, typer.Option(help="Number of the frame to improve; chosen by itself when left out.")] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option("--source", help="part=frame, as eyes=1; again for more parts; mouth=base leaves it. Others are chosen."),
    ] = None,
    masks: Annotated[
        list[str] | None, typer.Option("--mask", help="part=FILE.png: a mask of yours, black where the part is; again for more.")
    ] = None,
    choice: Annotated[Path | None, typer.Option(help="JSON of an earlier run, edited or not: its choice and its settings.")] = None,
    begin: Annotated[str | None, typer.Option("--from", help="With a stored state: the first step to do again.")] = None,
    clean: Annotated[str | None, typer.Option(help="What removes artifacts: bicubic, or weights.")] = None,
    parts: Annotated[str | None, typer.Option("--masks", help="landmarks, or a face parser's file.")] = None,
    enlarge: Annotated[int | None, typer.Option(min=1, help="How many times larger bicubic makes the frames.")] = None,
    mask_clean: Annotated[
        str | None, typer.Option(help="What makes the copy that a face parser looks at: unet, pulse, spandrel …")
    ] = None,
    mask_clean_weights: Annotated[str | None, typer.Option(help="Weights of that.")] = None,
    clearly: Annotated[float | None, typer.Option(help="How many times sharper a source must be than the base.")] = None,
    margin: Annotated[float | None, typer.Option(help="How far masks reach beyond the parts, in eye distances.")] = None,
    transfer: Annotated[
        str | None, typer.Option(help="dense, align-blend, dlib; with a published file few-shot or interface-gan.")
    ] = None,
    transfer_weights: Annotated[str | None, typer.Option(help="Weights of the transfer's network.")] = None,
    crossover: Annotated[
        str | None, typer.Option(help="colour, sharp, soft, gradient, unet; with a published file stylegan.")
    ] = None,
    crossover_weights: Annotated[str | None, typer.Option(help="Weights of the cross-over network.")] = None,
    finetune: Annotated[
        str | None, typer.Option(help="none, unsharp-mask, unet; with a published file spandrel, psfr-gan or pulse.")
    ] = None,
    finetune_weights: Annotated[str | None, typer.Option(help="Weights or checkpoint of the finetuner.")] = None,
    most_change: Annotated[float | None, typer.Option(help="Identity distance from which on a finetuner is undone.")] = None,
    pretrained: Annotated[Path | None, typer.Option(help="Folder to search weights in first.")] = None,
    box: Annotated[str | None, typer.Option(metavar="X,Y,W,H", help="Box round the wanted head in the first frame [px].")] = None,
    face: Annotated[int | None, typer.Option(help="Number of the wanted face, from 0, left to right.")] = None,
    cropped: Annotated[
        bool | None, typer.Option("--cropped/--search", help="The frames are cropped faces / look for the face.")
    ] = None,
    middle: Annotated[int | None, typer.Option(help="Number of the frame round which frames are taken.")] = None,
    start: Annotated[int, typer.Option(help="First frame to use.")] = 0,
    stop: Annotated[int | None, typer.Option(help="First frame not to use any more.")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Most frames to use; 7 when left out.")] = None,
    any_person: Annotated[bool, typer.Option("--any-person", help="Do not refuse frames that seem to show two persons.")] = False,
    keep_state: Annotated[bool, typer.Option("--keep-state", help="Also write OUT.state.npz, to go on from any step.")] = False,
) -> None:
    """Build one picture of the best parts of some frames, step by step; every choice is automatic, or yours.

    Writes the picture, and beside it a sheet of all steps (.sheet.png) and a report (.json) that holds the choice: edit it, give it back.
    """
    from sharpening.imaging.writing import picture_path
    from sharpening.reconstruct import Choice, Reconstruction, Settings, read_choice, read_state
    from sharpening.restore.place import check_places, check_result

    given: dict[str, Any] = {"clean": clean, "enlarge": enlarge, "masks": parts, "margin": margin, "clearly": clearly}
    given |= {"mask_clean": mask_clean, "mask_clean_weights": mask_clean_weights, "most_change": most_change}
    given |= {"transfer": transfer, "transfer_weights": transfer_weights, "crossover": crossover}
    given |= {"crossover_weights": crossover_weights, "finetune": finetune, "finetune_weights": finetune_weights}
    given |= {"keep_person": False} if any_person else {}
    where: dict[str, Any] = {"cropped": cropped, "box": box_of(box), "face": face, "middle": middle}
    where |= {"start": start or None, "stop": stop, "n_frames": frames}
    where = {name: value for name, value in where.items() if value is not None}
    state = read_state(source) if source.suffix == ".npz" else None
    if state is None and begin is not None:
        raise typer.BadParameter("goes with a stored state (INPUT.state.npz, made with --keep-state).", param_hint="--from")
    if state is not None and where:
        raise typer.BadParameter(f"A stored state has its frames already; leave {', '.join(where)} out, or give the film.")
    before, settings = (Choice(), Settings()) if state is None else (state.choice or Choice(), state.settings or Settings())
    if choice is not None:
        before, settings = read_choice(choice, settings)
    earlier, settings = settings, replace(settings, **{name: value for name, value in given.items() if value is not None})
    if settings.finds_otherwise(earlier):
        before = before.anew()
    chosen = _decided(before, base, sources or [], masks or [])
    place = picture_path(picture_out(out, source))
    ends = (".json", ".sheet.png", *([".state.npz"] if keep_state else []))
    written = (place, *(place.with_suffix(end) for end in ends))
    check_result(place, source, written)
    check_places(written, [*([] if choice is None else [choice]), *chosen.masks.values()])
    try:
        method = Reconstruction(settings, pretrained=pretrained)
    except KeyError as error:  # an unknown method; the message names those that there are
        raise typer.BadParameter(str(error.args[0])) from error
    done = method(source, chosen, **where) if state is None else method.again(state, chosen, start=begin or "select")
    _tell(done.save(place, keep_state=keep_state), done)


def _decided(choice: Choice, base: int | None, sources: list[str], masks: list[str]) -> Choice:
    """An earlier choice, and over it what the command line says."""
    from sharpening.models.face_seg.parts import part_names
    from sharpening.reconstruct.choice import parse_sources

    if base is not None and base != choice.base:
        # What was found was found for another base: it is looked for anew, and only what the user chose stays.
        before, choice = choice.base, choice.anew()
        choice = replace(
            choice, base=base, sources={part: base if frame == before else frame for part, frame in choice.sources.items()}
        )
    named = parse_sources(sources, choice.base)
    found = {part: frame for part, frame in choice.found.items() if part not in named}
    drawn = dict(choice.masks)
    for word in masks:
        name, equals, path = word.partition("=")
        if not (equals and path):
            raise typer.BadParameter(f"{word!r} is not part=FILE.png.", param_hint="--mask")
        drawn |= dict.fromkeys(part_names(name), path)
    return replace(choice, sources={**choice.sources, **named}, found=found, masks=drawn)


def _tell(path: Path, done: Reconstructed) -> None:
    seconds = done.report["seconds"]["total"]
    console.out.print(f"{path}: {seconds:.1f} s", markup=False)
    for words in done.report["rests_on"]:
        console.out.print(f"  {words}", markup=False)
    for words in done.report["terms"]:
        console.err.print(f"note: {words}", markup=False)
    for warning in done.warnings:
        console.err.print(f"warning: {done.name}: {warning}", markup=False)
