"""Which pictures lie in a folder, in the order in which a person counts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from sharpening.errors import InputError
from sharpening.imaging.files import PICTURE_SUFFIXES

__all__ = [
    "FolderRoles",
    "belongs_to_parent",
    "is_label_name",
    "list_pictures",
    "natural_order",
    "picture_folders",
    "pictures_in",
    "sequence_roles",
    "stills",
]

_NUMBER = re.compile(r"([0-9]+)")
_LABEL_NAME = re.compile(r"(labels?|gt|targets?|hr|sharp|ground[ _-]?truth)(?![a-z])", re.IGNORECASE)
_FRAMES_FOLDERS = frozenset({"frames", "frame", "lr", "input", "inputs", "low"})


class FolderRoles(NamedTuple):
    """The pictures of one sequence folder, told apart by name and place only.

    Attributes:
        frames: in natural order; a label without a telling name is still among them.
        labels: pictures called like a label, or in a sub folder that is.
    """

    frames: list[Path]
    labels: list[Path]


def natural_order(paths: Iterable[str | Path]) -> list[Path]:
    """Sort as a person counts: `f2.png` before `f10.png`; upper and lower case alike.

    >>> [path.name for path in natural_order(["f10.png", "F9.png", "f1.png"])]
    ['f1.png', 'F9.png', 'f10.png']
    """
    return sorted((Path(path) for path in paths), key=_natural_key)


def _natural_key(path: Path) -> tuple[object, ...]:
    # After the split every second bit is a number, so that numbers always meet numbers.
    parts = ([int(bit) if i % 2 else bit for i, bit in enumerate(_NUMBER.split(part.lower()))] for part in path.parts)
    return (tuple(parts), str(path))


def is_label_name(name: str) -> bool:
    """Whether a file or folder of this name holds the sharp picture: label…, gt…, target…, hr…, sharp…, ground_truth….

    >>> [is_label_name(name) for name in ("label.png", "HR_256.png", "gt", "hrabal.png", "3.png")]
    [True, True, True, False, False]
    """
    return _LABEL_NAME.match(name) is not None


def pictures_in(folder: str | Path) -> list[Path]:
    """The pictures of one folder by suffix, in natural order; hidden files are left out. An empty list if there are none.

    Raises:
        InputError: the folder cannot be read.
    """
    return natural_order(entry.path for entry in _entries(folder) if _is_picture_name(entry.name) and entry.is_file())


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise InputError(folder, f"cannot be read ({error.strerror or error}).", "Check the name and the permissions.") from error


def _is_picture_name(name: str) -> bool:
    return name.lower().endswith(PICTURE_SUFFIXES) and not name.startswith(".")


def list_pictures(folder: str | Path) -> list[Path]:
    """The pictures of one folder (not of the folders in it), in natural order.

    Raises:
        InputError: no such folder, or no picture in it.
    """
    folder = _existing(folder)
    found = pictures_in(folder)
    if not found:
        raise InputError(folder, f"holds no picture ({', '.join(PICTURE_SUFFIXES)} are looked for).", _hint(folder))
    return found


def _existing(folder: str | Path) -> Path:
    folder = Path(folder)
    if not folder.exists():
        raise InputError(folder, "there is no such folder.", "Check the name.")
    if not folder.is_dir():
        raise InputError(folder, "is a file, not a folder.", "Give the folder that holds the pictures.")
    return folder


def _hint(folder: Path) -> str:
    for child in natural_order(folder.iterdir()):
        if child.is_dir() and not child.name.startswith(".") and pictures_in(child):
            return f"The folder {child.name} in it does: give that one."
    return "Give a folder that has pictures in it, or the film itself."


def stills(folder: str | Path) -> list[Path]:
    """All pictures of a folder and of the folders in it, at any depth, in natural order; hidden folders are left out.

    Raises:
        InputError: no such folder, or no picture anywhere in it.
    """
    return natural_order(here / name for here, names in _walk(folder) for name in names)


def picture_folders(folder: str | Path) -> list[Path]:
    """The folders at any depth (`folder` itself among them) that have pictures in them, in natural order.

    Raises:
        InputError: no such folder, or no picture anywhere in it.
    """
    return natural_order(here for here, _ in _walk(folder))


def _walk(folder: str | Path) -> list[tuple[Path, list[str]]]:
    folder, found = _existing(folder), []
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        pictures = [name for name in names if _is_picture_name(name)]
        if pictures:
            found.append((Path(here), pictures))
    if not found:
        raise InputError(folder, f"holds no picture at any depth ({', '.join(PICTURE_SUFFIXES)} are looked for).")
    return found


def sequence_roles(folder: str | Path) -> FolderRoles:
    """Tell frames from labels in one sequence folder, by name and place.

    Frames lie in the folder itself or in a sub folder `frames`, `lr`, `input` or `low`; labels are called like one (see
    `is_label_name`) or lie in a sub folder that is. If every picture is called like a label, the names mean nothing and
    all are frames.

    Raises:
        InputError: no such folder, no picture in it, or it or a sub folder of that kind cannot be read.
    """
    folder = _existing(folder)
    own = pictures_in(folder)
    inner = natural_order(entry.path for entry in _entries(folder) if entry.is_dir() and not entry.name.startswith("."))
    frames = [path for path in own if not is_label_name(path.name)]
    labels = [path for path in own if is_label_name(path.name)]
    for child in inner:
        if is_label_name(child.name):
            labels += pictures_in(child)
        elif child.name.lower() in _FRAMES_FOLDERS:
            frames += pictures_in(child)
    if not frames:
        frames, labels = list_pictures(folder), []
    return FolderRoles(frames, labels)


def belongs_to_parent(folder: Path) -> bool:
    """Whether a folder's name says that it holds only the frames or only the label of the sequence above it."""
    return is_label_name(folder.name) or folder.name.lower() in _FRAMES_FOLDERS
