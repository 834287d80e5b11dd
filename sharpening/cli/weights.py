"""`sharpening weights list` and `sharpening weights where`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sharpening.cli import console
from sharpening.errors import SharpeningError

__all__ = ["list_weights", "where_weights"]


def list_weights(pretrained: Annotated[Path | None, typer.Option(help="Folder to search first.")] = None) -> None:
    """The weights in all searched places, with their terms."""
    from sharpening.weights.names import NAMES, found_weights

    short, n_found = {name: alias for alias, name in NAMES.items()}, 0
    for file, card in found_weights(pretrained):
        if isinstance(card, SharpeningError):
            console.err.print(f"warning: {card}", markup=False)
            continue
        n_found += 1
        name = f"{card.name} ({short[card.name]})" if card.name in short else card.name
        size = f"{card.n_parameters:,} parameters, {card.n_bytes / 1e6:.1f} MB, {card.size_in} → {card.size_out} px"
        console.out.print(f"{name}: {card.model}, {size}\n  {file}", markup=False)
        console.out.print(f"  licence: {card.licence}\n  commercial use: {'yes' if card.free_use else 'no'}", markup=False)
    if not n_found:
        console.err.print("no weights in any of the searched places (sharpening weights where)")
        raise typer.Exit(console.SOME_FAILED)


def where_weights(
    name: Annotated[str, typer.Argument(help="Name of weights.")] = "default",
    pretrained: Annotated[Path | None, typer.Option(help="Folder to search first.")] = None,
) -> None:
    """The places that are searched, in order, and the file that is found."""
    from sharpening.weights.names import search_places, true_name
    from sharpening.weights.store import find

    for what, folder in search_places(pretrained):
        console.out.print(f"{what}: {folder if folder is not None else 'not set'}", markup=False)
    console.out.print(f"{name} is {find(true_name(name), pretrained)}", markup=False)
