"""Folders of folders: which inputs lie in a folder, and restoring them one after the other past the bad ones."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharpening.errors import InputError, SharpeningError, WeightsMissing
from sharpening.frames.listing import belongs_to_parent, natural_order, picture_folders
from sharpening.frames.video import FILM_SUFFIXES
from sharpening.imaging.files import WriteError
from sharpening.restore.place import check_beside, files_beside
from sharpening.restore.restored import Restored
from sharpening.restore.restorer import Restorer

__all__ = ["Outcome", "inputs_in", "places_for", "restore_each"]


@dataclass(frozen=True)
class Outcome:
    """What became of one input: the picture's path and the result, or the error."""

    source: Path
    path: Path | None = None
    restored: Restored | None = None
    error: SharpeningError | None = None


def inputs_in(path: str | Path) -> list[Path]:
    """The inputs behind one path: itself when it is a file, else all films and folders of frames in it, at any depth.

    The folder itself is one of them when it has frames, and the only one when it has nothing else. Folders that cannot be read are listed
    too, so that they are told of.

    Raises:
        InputError: there is no such path, or neither pictures nor films in it at any depth.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(path, "there is no such file or folder.", "Check the name.")
    if path.is_file():
        return [path]
    found = {*_films(path), *_folders(path)}
    if not found:
        advice = "Give a film, a folder of frames, or a folder that holds such films or folders."
        raise InputError(path, "holds neither pictures nor films, at any depth.", advice)
    return natural_order(found)


def _folders(path: Path) -> Iterator[Path]:
    """The folders with frames; one that is called frames/ or label/ stands for the folder above it."""
    try:
        yield from (_sequence_of(folder, path) for folder in picture_folders(path))
    except InputError:
        return


def _sequence_of(folder: Path, root: Path) -> Path:
    return folder.parent if folder != root and belongs_to_parent(folder) else folder


def _films(root: Path) -> Iterator[Path]:
    """The films, and the folders that cannot be read."""
    closed: list[Path] = []
    for here, folders, names in os.walk(root, onerror=lambda error: closed.append(Path(error.filename))):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(here) / name for name in names if name.lower().endswith(FILM_SUFFIXES) and not name.startswith("."))
    yield from (_sequence_of(folder, root) for folder in closed)


def places_for(root: Path, inputs: Sequence[Path], out: Path) -> list[Path]:
    """The picture to write for each input: in `out`, in folders as below `root`.

    Inputs whose files would fall on each other (`clip.mp4`, `clip.avi`, `clip/`) keep the suffix in the name: `clip.mp4.png`.

    Raises:
        InputError: `out` is `root`, a picture would lie among the frames of an input, or two would still fall on each other.
    """
    if out.resolve() == root.resolve():
        raise InputError(out, "is the folder of the inputs: results would be inputs the next time.", "Name another folder.")
    long = set[int]()
    while True:
        places = [out / _name(source, root, i in long) for i, source in enumerate(inputs)]
        clashes = _clashes(places)
        new = {i for pair in clashes for i in pair if inputs[i].is_file()} - long
        if not new:
            break
        long |= new
    if clashes:
        one, other = (inputs[i] for i in min(clashes))
        raise InputError(one, f"and {other} would be written to the same files in {out}.", "Rename one of them.")
    check_beside(places, [root, *(source for source in inputs if source.is_dir())])
    return places


def _name(source: Path, root: Path, long: bool) -> Path:
    place = source.relative_to(root) if source != root else Path(source.resolve().name)
    return place.parent / f"{place.stem if source.is_file() and not long else place.name}.png"


def _clashes(places: Sequence[Path]) -> set[tuple[int, int]]:
    """Pairs that have a file in common; upper and lower case are one to some disks."""
    first, clashes = dict[str, int](), set[tuple[int, int]]()
    for i, place in enumerate(places):
        for file in files_beside(place):
            before = first.setdefault(str(file).casefold(), i)
            if before != i:
                clashes.add((before, i))
    return clashes


def restore_each(
    restorer: Restorer, root: Path, inputs: list[Path], out: Path, *, maps: bool = False, **choice: Any
) -> Iterator[Outcome]:
    """Restore each input into `out`, see `places_for`; one that fails becomes an outcome with its error.

    Args:
        restorer: does it.
        root: folder that the inputs were found in.
        inputs: films and folders below it.
        out: folder for the results.
        maps: whether to write the maps of the evidence as well.
        **choice: as for `Restorer`.

    Raises:
        InputError: there is no place for the results, see `places_for`.
        WriteError: the disk is full, or `out` cannot be written to: the others would fail too.
        WeightsMissing: so would they.
    """
    for source, place in zip(inputs, places_for(root, inputs, out), strict=True):
        try:
            restored = restorer(source, **choice)
            yield Outcome(source, restored.save(place, maps=maps), restored)
        except (WriteError, WeightsMissing):
            raise
        except SharpeningError as error:
            yield Outcome(source, error=error)
        except OSError as error:
            reason = InputError(source, f"cannot be read ({error.strerror or error}).", "Check the permissions.")
            yield Outcome(source, error=reason)
