"""Folders of folders: which inputs lie in a folder, and restoring them one after the other past the bad ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharpening.errors import InputError, SharpeningError
from sharpening.frames.listing import belongs_to_parent, natural_order, picture_folders, pictures_in
from sharpening.frames.video import FILM_SUFFIXES
from sharpening.restore.restored import Restored
from sharpening.restore.restorer import Restorer

__all__ = ["Outcome", "inputs_in", "restore_each"]


@dataclass(frozen=True)
class Outcome:
    """What became of one input: the picture's path and the result, or the error."""

    source: Path
    path: Path | None = None
    restored: Restored | None = None
    error: SharpeningError | None = None


def inputs_in(path: str | Path) -> list[Path]:
    """The inputs behind one path: itself when it is a file or a folder with frames in it, else the films and folders of frames below it.

    Raises:
        InputError: there is no such path, or neither pictures nor films in it at any depth.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(path, "there is no such file or folder.", "Check the name.")
    if path.is_file() or pictures_in(path):
        return [path]
    found = {*_films(path), *_folders(path)}
    if not found:
        advice = "Give a film, a folder of frames, or a folder that holds such films or folders."
        raise InputError(path, "holds neither pictures nor films, at any depth.", advice)
    return natural_order(found)


def _folders(path: Path) -> Iterator[Path]:
    """The folders with frames; one that is called frames/ or label/ stands for the folder above it."""
    try:
        yield from (folder.parent if belongs_to_parent(folder) else folder for folder in picture_folders(path))
    except InputError:
        return


def _films(folder: Path) -> Iterator[Path]:
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(here) / name for name in names if name.lower().endswith(FILM_SUFFIXES) and not name.startswith("."))


def restore_each(
    restorer: Restorer, root: Path, inputs: list[Path], out: Path, *, maps: bool = False, **choice: Any
) -> Iterator[Outcome]:
    """Restore each input into `out`, in folders as below `root`; one that fails becomes an outcome with its error.

    Args:
        restorer: does it.
        root: folder that the inputs were found in.
        inputs: films and folders below it.
        out: folder for the results.
        maps: whether to write the maps of the evidence as well.
        **choice: as for `Restorer`.

    Raises:
        WriteError: the disk is full, or `out` cannot be written to: the others would fail too.
    """
    for source in inputs:
        place = source.relative_to(root) if source != root else Path(source.name)
        try:
            restored = restorer(source, **choice)
            name = place.stem if source.is_file() else place.name
            yield Outcome(source, restored.save(out / place.parent / f"{name}.png", maps=maps), restored)
        except OSError:
            raise
        except SharpeningError as error:
            yield Outcome(source, error=error)
