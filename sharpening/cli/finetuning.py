"""`sharpening finetune`: a single-frame method on one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sharpening.cli import console

__all__ = ["finetune"]


def finetune(
    picture: Annotated[Path, typer.Argument(metavar="PICTURE", help="A picture of a face.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Picture to write (.png, .jpg, .webp).")],
    how: Annotated[str, typer.Option(help="unet, unsharp-mask; with a published file psfr-gan, psfr-gan-square, pulse, spandrel.")],
    weights: Annotated[str | None, typer.Option(help="Name or path of its weights.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of a search (pulse).")] = None,
    most_change: Annotated[float, typer.Option(min=0, help="Identity distance from which on the result is undone.")] = 0.3,
    any_person: Annotated[bool, typer.Option("--any-person", help="Keep the result even if it shows somebody else.")] = False,
    pretrained: Annotated[Path | None, typer.Option(help="Folder to search weights in first.")] = None,
) -> None:
    """Sharpen one picture with a single-frame net or a generative prior; undone where it changes the person.

    Writes the picture, and beside it a report (.json) with what was measured. What a prior paints is no evidence.
    """
    from sharpening.imaging.convert import to_tensor, to_uint8
    from sharpening.imaging.files import encode_picture, json_bytes, read_picture
    from sharpening.imaging.writing import picture_path, write_together
    from sharpening.models.face_align import find_landmarks
    from sharpening.models.face_id.judge import FaceJudge
    from sharpening.reconstruct import Settings
    from sharpening.reconstruct.finetune.guard import guarded
    from sharpening.reconstruct.finetune.method import create_finetuner
    from sharpening.reconstruct.terms import terms_of
    from sharpening.restore.place import check_places

    out = picture_path(out)
    report_place = out.with_suffix(".json")
    check_places((out, report_place), [picture])
    pixels = read_picture(picture)
    before = to_tensor(pixels[None])[0]
    with console.known("--how"):
        method = create_finetuner(how, weights=weights, pretrained=pretrained, **({} if steps is None else {"steps": steps}))
    after = method(before)
    found = guarded(before, after, None if any_person else FaceJudge(), most_change, landmarks=find_landmarks(pixels))
    terms = terms_of(Settings(clean="bicubic", finetune=how, finetune_weights=weights), pretrained)
    facts: dict[str, Any] = {"method": how, "weights": weights, "kept": found.kept, "identity_change": found.change}
    report = {"picture": str(picture), **facts, "undone_from": most_change, "terms": terms}
    written = json_bytes(report)
    write_together({report_place: written, out: encode_picture(out, to_uint8(found.picture))})
    change = "not measured" if found.change is None else f"{found.change:.2f}"
    console.out.print(f"{out}: {found.picture.shape[2]}×{found.picture.shape[1]} px, identity distance {change}", markup=False)
    for words in terms:
        console.err.print(f"note: {words}", markup=False)
    if not found.kept:
        console.err.print("warning: the person changed, or could not be measured; the picture is as it was.", markup=False)
