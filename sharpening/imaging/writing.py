"""Several files that appear together or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from sharpening.imaging.files import atomic_write, check_suffix

__all__ = ["picture_path", "write_together"]


def picture_path(path: str | Path) -> Path:
    """The path of a picture to write; `.png` is added where it has no suffix.

    Raises:
        InputError: for a suffix that no picture is written with.
    """
    path = Path(path)
    path = path if path.suffix else path.with_suffix(".png")
    check_suffix(path)
    return path


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write some files: all of them or none, as far as the file system allows.

    Raises:
        WriteError: the disk is full, or a place cannot be written to; nothing new is left behind. Only if one of the last renamings fails,
            which nothing but another program can bring about, the files before it are the new ones already.
    """
    with ExitStack() as stack:
        # All are written out before the first one takes its place.
        temporary = {file: stack.enter_context(atomic_write(file)) for file in contents}
        for file, data in contents.items():
            temporary[file].write_bytes(data)
