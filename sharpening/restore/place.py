"""Whether a place is free to write to: no result may take the place of what it was made of, or lie among it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sharpening.errors import InputError
from sharpening.frames.listing import sequence_roles

__all__ = ["check_beside", "check_files", "check_places", "check_result", "files_beside"]


def files_beside(path: Path) -> tuple[Path, ...]:
    """The picture itself, and what `Restored.save` writes, or removes, beside it."""
    return (path, *(path.with_suffix(end) for end in (".sheet.png", ".json", ".evidence.npz")))


def check_files(path: Path, files: Iterable[str | Path]) -> None:
    """Refuse a picture that would be written over one of the files, by itself or by what is written beside it.

    Args:
        path: of the picture.
        files: those of the input; names without a file do no harm.

    Raises:
        InputError: a file has that place, under whatever name.
    """
    check_places(files_beside(path), files)


def check_places(places: Iterable[Path], files: Iterable[str | Path]) -> None:
    """Refuse places where one of the files lies, see `check_files`."""
    taken = {_inode(Path(file)): file for file in files}
    for place in places:
        if (inode := _inode(place)) is not None and inode in taken:
            raise InputError(place, "is a file of the input, and would be written over.", "Give the result another name or folder.")


def check_beside(paths: Iterable[Path], folders: Iterable[Path]) -> None:
    """Refuse pictures that would lie among the inputs in some folders.

    Raises:
        InputError: one would be taken for an input the next time.
    """
    inside = {folder.resolve() for folder in folders}
    for path in paths:
        here = path.parent.resolve()
        # Folders are searched to their depths.
        if folder := next((each for each in (here, *here.parents) if each in inside), None):
            raise InputError(path, f"lies among the inputs in {folder}, and would be one the next time.", "Name another folder.")


def check_result(path: Path, source: Path, places: Iterable[Path] | None = None) -> None:
    """Refuse a picture that would be written over its input, or among the frames of it.

    Args:
        path: of the picture.
        source: a film, a picture, a folder of frames, or another file.
        places: all that is written; `files_beside` when left out.

    Raises:
        InputError: as said; or the folder cannot be read.
    """
    places = files_beside(path) if places is None else places
    if not source.is_dir():
        check_places(places, [source])
        return
    check_beside([path], [source])
    roles = sequence_roles(source)
    check_places(places, [*roles.frames, *roles.labels])  # links may lead anywhere


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        facts = path.stat()
    except OSError:  # nothing is there, or nothing that can be looked at
        return None
    return facts.st_dev, facts.st_ino
