"""`sharpening weights list | where | check | import | convert`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sharpening.cli import console
from sharpening.errors import InputError, SharpeningError, WeightsMissing

if TYPE_CHECKING:
    from sharpening.models.published import Recognised
    from sharpening.weights.published import PublishedFile

__all__ = ["check_weights", "convert_weights", "import_weights", "list_weights", "where_weights"]

Pretrained = Annotated[Path | None, typer.Option("--pretrained", help="Folder to search first.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A published file: .pth, .pt, .pkl, .h5, .npy or .safetensors.")]
Name = Annotated[str | None, typer.Option("--as", help="Its name here (sharpening weights list), or one of your own.")]


def list_weights(pretrained: Pretrained = None) -> None:
    """The weights in all searched places, with their terms, and the published files that could be taken in."""
    from sharpening.models.published import published_files
    from sharpening.weights.names import NAMES, found_weights

    short, there = {name: alias for alias, name in NAMES.items()}, set()
    for file, card in found_weights(pretrained):
        if isinstance(card, SharpeningError):
            console.err.print(f"warning: {card}", markup=False)
            continue
        there.add(card.name)
        name = f"{card.name} ({short[card.name]})" if card.name in short else card.name
        size = f"{card.n_parameters:,} parameters, {card.n_bytes / 1e6:.1f} MB"
        size += f", {card.size_in} → {card.size_out} px" if card.size_out else ""
        console.out.print(f"{name}: {card.model}, {size}\n  {file}", markup=False)
        console.out.print(f"  licence: {card.licence}\n  commercial use: {'yes' if card.free_use else 'no'}", markup=False)
    console.out.print("\nPublished files that are not here (sharpening weights import FILE):", markup=False)
    for entry in published_files().values():
        if entry.name not in there:
            console.out.print(f"{entry.name}: needs {entry.file} of {entry.source}\n  licence: {entry.licence}", markup=False)
    if not there:
        console.err.print("no weights in any of the searched places (sharpening weights where)")
        raise typer.Exit(console.SOME_FAILED)


def where_weights(name: Annotated[str, typer.Argument(help="Name of weights.")] = "default", pretrained: Pretrained = None) -> None:
    """The places that are searched, in order, and the file that is found; of a published one, where to get it."""
    from sharpening.models.interface_gan.boundary import find_boundary
    from sharpening.models.published import published_files
    from sharpening.weights.names import search_places, true_name
    from sharpening.weights.store import find

    for what, folder in search_places(pretrained):
        console.out.print(f"{what}: {folder if folder is not None else 'not set'}", markup=False)
    entry = published_files().get(name)
    if entry is not None:
        _tell(entry)
    look = find_boundary if entry is not None and entry.model == "interface_gan" else find
    try:
        console.out.print(f"{name} is {look(true_name(name), pretrained)}", markup=False)
    except WeightsMissing as error:
        if entry is None:
            raise
        advice = f"Get {entry.file} of {entry.source}, then: sharpening weights import FILE --as {name}."
        raise WeightsMissing(name, error.searched, advice) from error


def check_weights(file: File, name: Name = None) -> None:
    """Say which published file this is, and whether it is whole; nothing is written."""
    from sharpening.models.published import recognise

    _tell_found(file, recognise(file, name))


def import_weights(
    file: File, name: Name = None, pretrained: Annotated[Path | None, typer.Option(help="Folder to store it in.")] = None
) -> None:
    """Take a published file in: recognised by its tensors, checked, converted to safetensors, and stored with its card."""
    from sharpening.models.published import import_file

    made = import_file(file, name, pretrained)
    console.out.print(f"{made.card.name}: {made.path}", markup=False)
    if (found := _found(made.card.name, pretrained)) != made.path.resolve():
        console.err.print(f"note: by this name {found} is found first.", markup=False)
    console.out.print(f"  from {made.card.source}\n  licence: {made.card.licence}", markup=False)
    if not made.card.free_use:
        console.err.print(f"note: {made.card.name} is not for commercial use.", markup=False)


def convert_weights(
    file: File,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write (.safetensors).")],
    name: Name = None,
) -> None:
    """Write a published file as safetensors in the house's form, anywhere; no card, no name."""
    from sharpening.models.published import recognise
    from sharpening.weights.store import save_state

    if out.exists() and file.exists() and out.samefile(file):
        raise InputError(out, "is the input.", "Write to another file.")
    found = recognise(file, name)
    _tell_found(file, found)
    console.out.print(f"written: {save_state(out, found.state)}", markup=False)


def _found(name: str, pretrained: Path | None) -> Path:
    from sharpening.weights.store import find

    return find(name, pretrained).resolve()


def _tell_found(file: Path, found: Recognised) -> None:
    n = sum(value.numel() for value in found.state.values())
    same = "" if found.published else ", by its form; which file it is cannot be told"
    console.out.print(f"{file} is {found.entry.name}{same}: {n:,} numbers in {len(found.state)} tensors", markup=False)
    console.out.print(f"  sha256: {found.sha256}", markup=False)
    _tell(found.entry)


def _tell(entry: PublishedFile) -> None:
    console.out.print(f"  published as {entry.file}: {entry.source}", markup=False)
    console.out.print(f"  licence: {entry.licence}\n  commercial use: {'yes' if entry.free_use else 'no'}", markup=False)
    if entry.note:
        console.out.print(f"  {entry.note}", markup=False)
