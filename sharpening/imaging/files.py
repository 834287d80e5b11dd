"""The one way in which the package writes any file: whole or not at all. Reading of pictures is here under its public name."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import secrets
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sharpening.errors import InputError, RangeError, ShapeError, SharpeningError
from sharpening.imaging.reading import MAX_PIXELS, PICTURE_SUFFIXES, read_picture

__all__ = [
    "MAX_PIXELS",
    "PICTURE_SUFFIXES",
    "WriteError",
    "atomic_write",
    "check_place",
    "check_suffix",
    "encode_picture",
    "json_bytes",
    "read_picture",
    "sha256_of",
    "write_bytes",
    "write_picture",
    "write_text",
]

_ENCODERS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}


class WriteError(InputError, OSError):
    """A file that could not be written; nothing half-written is left, and what was there before is untouched.

    Attributes:
        errno: the number the system gave, for example `errno.ENOSPC` for a full disk; `None` when it gave none.
    """

    def __init__(self, path: str | Path, problem: str, advice: str = "", *, number: int | None = None) -> None:
        super().__init__(path, problem, advice)
        self.errno = number


def write_picture(path: str | Path, picture: NDArray[np.uint8] | NDArray[np.floating], *, quality: int = 95) -> Path:
    """Write a picture, whole or not at all; the kind follows from the suffix.

    Args:
        path: where to; suffix `.png`, `.jpg`, `.jpeg` or `.webp`. Absent folders are made, an existing file is replaced.
        picture: `[H, W, 3]`, RGB: uint8 (0–255) or floating point in [0, 1].
        quality: 1–100, for `.jpg` (written without chroma subsampling) and `.webp`.

    Returns:
        The path.

    Raises:
        ShapeError, RangeError: the picture, or `quality`, is not as said.
        InputError: an unknown suffix.
        WriteError: the disk is full, or the place cannot be written to.
    """
    path = Path(path)
    return write_bytes(path, encode_picture(path, picture, quality=quality))


def encode_picture(path: str | Path, picture: NDArray[np.uint8] | NDArray[np.floating], *, quality: int = 95) -> bytes:
    """The content of the file that `write_picture` would write, with the same arguments and errors."""
    kind = check_suffix(path)
    if not 1 <= quality <= 100:
        raise RangeError("quality", quality, "1 to 100")
    options = {} if kind == "PNG" else {"quality": quality}
    if kind == "JPEG":
        options["subsampling"] = 0
    buffer = io.BytesIO()
    Image.fromarray(_as_bytes(picture)).save(buffer, kind, **options)
    return buffer.getvalue()


def check_suffix(path: str | Path) -> str:
    """The kind of picture that a path asks for, in Pillow's words.

    Raises:
        InputError: for a suffix that is not one of `.png`, `.jpg`, `.jpeg`, `.webp`.
    """
    suffix = Path(path).suffix
    if suffix.lower() not in _ENCODERS:
        raise InputError(path, f"has the suffix {suffix!r}.", f"Pictures are written as {', '.join(_ENCODERS)}.")
    return _ENCODERS[suffix.lower()]


def _as_bytes(picture: NDArray[np.generic]) -> NDArray[np.uint8]:
    if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ShapeError("picture", list(picture.shape), "[H, W, 3]", "Give one RGB picture, channels last.")
    if picture.dtype == np.uint8:
        return np.ascontiguousarray(picture).view(np.uint8)
    if not np.issubdtype(picture.dtype, np.floating):
        raise RangeError("picture", f"dtype {picture.dtype}", "uint8 (0–255) or floating point in [0, 1]")
    low, high = float(picture.min()), float(picture.max())  # NaN fails the comparison below
    if not (low >= -1e-3 and high <= 1 + 1e-3):
        raise RangeError("picture", f"floating point values from {low:g} to {high:g}", "[0, 1]", "Divide by 255, or clip.")
    return np.rint(np.clip(picture.astype(np.float64), 0, 1) * 255).astype(np.uint8)


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; when the block ends well, the file is flushed to disk and takes its place in one step.

    When anything fails, the temporary file is removed and a file that was at `path` before is untouched.

    Args:
        path: the name wanted in the end. Absent folders are made. A symbolic link is followed, not replaced.

    Yields:
        A name in the same folder with the same suffix, for the block to write to; no file has it yet.

    Raises:
        WriteError: the system refused to write: full disk, no permission, …
    """
    path = Path(path)
    final = path.resolve() if path.is_symlink() else path
    temporary = final.with_name(f".{final.stem[:100]}.{secrets.token_hex(6)}.tmp{final.suffix}")
    try:
        check_place(path)
        final.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _flush(temporary)
        if final.exists():
            shutil.copymode(final, temporary)
        temporary.replace(final)
    except SharpeningError:
        raise
    except OSError as error:
        raise _write_error(path, error) from error
    finally:
        _remove(temporary)


def check_place(path: str | Path) -> None:
    """See that nothing but a plain file is where one is to be written, before any work is done for it.

    Raises:
        WriteError: a folder, a device or a pipe is there.
    """
    path = Path(path)
    if path.is_dir():
        raise WriteError(path, "is a folder.", "Give the name of a file in it.", number=errno.EISDIR)
    if path.exists() and not path.is_file():
        raise WriteError(path, "is a device or pipe, not a plain file.", "Give another name.", number=errno.EINVAL)


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _remove(path: Path) -> None:
    if not os.path.lexists(path):  # never made, or already in its place
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:  # the first failure is the one to report; this one must not hide it
        warnings.warn(f"{path}: this temporary file could not be removed ({error.strerror}); delete it by hand", stacklevel=4)


def _write_error(path: Path, error: OSError) -> WriteError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        problem = "could not be written: the disk is full (or your quota on it is used up)."
        advice = f"Nothing was changed. Free some space on the disk of {path.parent.absolute()}, or write to another one."
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        problem = f"could not be written: {error.strerror}."
        advice = "Nothing was changed. Check the permissions of the folder, or write to another one."
    else:
        problem = f"could not be written: {error.strerror or error}."
        advice = "Nothing was changed. Write to another place."
    return WriteError(path, problem, advice, number=error.errno)


def write_bytes(path: str | Path, data: bytes) -> Path:
    """Write `data` to `path`, whole or not at all; see `atomic_write`."""
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)
    return Path(path)


def write_text(path: str | Path, text: str) -> Path:
    """Write `text` as UTF-8 with plain line feeds, whole or not at all; see `atomic_write`."""
    return write_bytes(path, text.encode())


def json_bytes(content: Any) -> bytes:
    """The content of a JSON file for people to read.

    File names that are not UTF-8 (old archives have them) hold lone surrogates, which no UTF-8 can: they are written as JSON escapes them.

    Raises:
        ValueError: NaN or infinite numbers, which JSON does not know.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode(errors="backslashreplace")


def sha256_of(path: str | Path) -> str:
    """The sha256 of a file as 64 hexadecimal digits.

    Raises:
        InputError: the file is absent or cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror}).", "Check the name and the permissions.") from error
