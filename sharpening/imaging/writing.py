"""Pictures as the bytes of a file, and several files that appear together or not at all."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sharpening.errors import InputError
from sharpening.imaging.files import atomic_write

__all__ = ["picture_bytes", "picture_path", "to_bytes", "write_together"]

Picture = NDArray[np.uint8]

_KINDS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_QUALITY = 95


def picture_path(path: str | Path) -> Path:
    """The path of a picture to write; `.png` is added where it has no suffix.

    Raises:
        InputError: for a suffix that is not one of `.png`, `.jpg`, `.webp`.
    """
    path = Path(path)
    path = path if path.suffix else path.with_suffix(".png")
    if path.suffix.lower() not in _KINDS:
        raise InputError(path, f"has the suffix {path.suffix!r}.", f"Pictures are written as {', '.join(_KINDS)}.")
    return path


def to_bytes(picture: NDArray[np.float32]) -> Picture:
    """A picture `[H, W, 3]` in [0, 1] as uint8; values outside are clamped."""
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def picture_bytes(picture: Picture, suffix: str) -> bytes:
    """Code a picture uint8 `[H, W, 3]` as the suffix says; JPEG and WebP at a quality that shows nothing."""
    buffer = io.BytesIO()
    kind = _KINDS[suffix.lower()]
    options = {"PNG": {}, "JPEG": {"quality": _QUALITY, "subsampling": 0}, "WEBP": {"quality": _QUALITY}}[kind]
    Image.fromarray(picture).save(buffer, kind, **options)
    return buffer.getvalue()


def write_together(contents: Mapping[Path, bytes]) -> None:
    """Write some files: all of them or none.

    Raises:
        WriteError: the disk is full, or a place cannot be written to; nothing new is left behind.
    """
    with ExitStack() as stack:
        # All are written out before the first one takes its place.
        temporary = {file: stack.enter_context(atomic_write(file)) for file in contents}
        for file, data in contents.items():
            temporary[file].write_bytes(data)
