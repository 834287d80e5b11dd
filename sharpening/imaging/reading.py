"""Reading of picture files of any common kind into one form."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sharpening.errors import InputError, SharpeningError

__all__ = ["MAX_PIXELS", "PICTURE_SUFFIXES", "is_still", "picture_size", "read_head", "read_picture", "text_in_place_of"]

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")
"""Names that end like this (in either case) are taken for pictures when a folder is listed."""

MAX_PIXELS = 89_478_485
"""The largest picture that is read, in pixels (256 MiB as RGB): a file of a few bytes can claim any size."""

_MID_GREY = 128
_PNG = b"\x89PNG\r\n\x1a\n"
_WEB_SUBSTITUTES = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<script")
_FILM_MARKS = ((4, b"ftypisom"), (4, b"ftypmp4"), (4, b"ftypqt"), (4, b"ftypM4V"), (0, b"\x1aE\xdf\xa3"), (8, b"AVI "))
_STILL_KINDS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "GIF")
_READ_KINDS = (*_STILL_KINDS, "JPEG2000", "AVIF", "TGA", "ICO", "PCX", "DDS", "SGI", "PSD", "QOI")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_EXIF_ORIENTATION = 0x0112


def read_picture(path: str | Path) -> NDArray[np.uint8]:
    """Read a picture file of any common kind.

    Grey becomes RGB. 16-bit values are divided by 257 and rounded (65535 becomes 255), as the file declares them and not by
    their content. Transparent parts are laid over mid grey (128): neither black nor white is right for every picture, and
    mid grey gives the weakest false edge. The EXIF orientation is applied. Of several pictures in a file the first is taken.

    Args:
        path: a picture file; what it is called does not matter, its content does.

    Returns:
        uint8 `[H, W, 3]`, RGB, 0–255.

    Raises:
        InputError: there is no such file, or it is empty, truncated, damaged, no picture, or larger than `MAX_PIXELS`.
    """
    path = Path(path)
    head = read_head(path, "picture")
    try:
        # Pillow knows kinds that start other programs (EPS) or open more files: none of them holds a frame.
        with Image.open(path, formats=_READ_KINDS) as image:
            _check_size(path, image.width, image.height)
            return _decode(path, image)
    except SharpeningError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(path, f"is larger than {MAX_PIXELS:,} pixels.", "Make the picture smaller first.") from error
    except Exception as error:  # foreign bytes make the decoders raise nearly anything: struct.error, SyntaxError, KeyError …
        problem, advice = _diagnose(head, error)
        raise InputError(path, problem, advice) from error


def picture_size(path: str | Path) -> tuple[int, int]:
    """Height and width [px] of a picture, by its header alone, as it is turned.

    Raises:
        InputError: as `read_picture`, as far as the header tells.
    """
    path = Path(path)
    head = read_head(path, "picture")
    try:
        with Image.open(path, formats=_READ_KINDS) as image:
            turned = image.getexif().get(_EXIF_ORIENTATION, 1) in (5, 6, 7, 8)
            return (image.width, image.height) if turned else (image.height, image.width)
    except Exception as error:  # as in `read_picture`
        problem, advice = _diagnose(head, error)
        raise InputError(path, problem, advice) from error


def read_head(path: Path, wanted: str) -> bytes:
    """The first 512 bytes of a file that ought to be a `wanted` ("picture", "film").

    Raises:
        InputError: no such file, a folder, empty, or not readable.
    """
    if path.is_dir():
        raise InputError(path, f"is a folder, not a {wanted}.", "Use sharpening.frames.read_sequence for a folder of frames.")
    if not path.is_file():
        raise InputError(path, "there is no such file.", "Check the name and the folder.")
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror}).", "Check the permissions.") from error
    if not head:
        raise InputError(path, "is empty (zero bytes).", "Copy or download it again.")
    return head


def is_still(path: str | Path) -> bool:
    """Whether the content of a file is one single picture (not an animation, not a film); its name does not matter."""
    try:
        with Image.open(path, formats=_STILL_KINDS) as image:
            return not getattr(image, "is_animated", False)
    except Exception:  # as in read_picture: foreign bytes
        return False


def _check_size(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InputError(path, f"is {width}×{height}, more than {MAX_PIXELS:,} pixels.", "Make the picture smaller first.")


def text_in_place_of(head: bytes, wanted: str) -> tuple[str, str] | None:
    """Problem and advice if a file's head shows a text that often lies where a `wanted` should be; else None."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(_WEB_SUBSTITUTES):
        return f"is a web page or other markup, not a {wanted}.", f"Download the {wanted} itself, not the page that shows it."
    if start.startswith(b"version https://git-lfs"):
        return f"is a Git LFS pointer, not the {wanted}.", "Run `git lfs pull`."
    return None


def _diagnose(head: bytes, error: Exception) -> tuple[str, str]:
    """Name the likely reason why the file cannot be read as a picture, and what to do."""
    text = text_in_place_of(head, "picture")
    if text is not None:
        return text
    if any(head[at:].startswith(mark) for at, mark in _FILM_MARKS):
        return "is a film, not a picture.", "Read it with sharpening.frames.read_film."
    if isinstance(error, Image.UnidentifiedImageError):
        return "is not a picture of a known kind.", f"Convert it to one of {', '.join(PICTURE_SUFFIXES)}."
    return f"is truncated or damaged ({str(error).rstrip('.') or type(error).__name__}).", "Copy or download it again."


def _decode(path: Path, image: Image.Image) -> NDArray[np.uint8]:
    deep = _is_deep_colour(image)
    image.load()
    turn = _TURNS.get(_orientation(image))
    if deep:
        image = _read_deep_colour(path) or image
    elif image.mode.startswith("I"):
        image = _from_16_bit_grey(path, image)
    elif image.mode == "F":
        raise InputError(path, "holds floating point values of no declared range.", "Save it with 8 or 16 bits a channel.")
    image = _flatten(image)
    return np.array(image if turn is None else image.transpose(turn))


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) when there is none; a damaged EXIF block does not make good pixels worthless."""
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # as in read_picture: the parser meets foreign bytes
        return 1


def _is_deep_colour(image: Image.Image) -> bool:
    """Whether the file has 16 bits a channel in colour: Pillow would keep the upper eight and cut off the rest."""
    return image.mode in ("RGB", "RGBA") and any(";16" in str(tile) for tile in getattr(image, "tile", ()))


def _read_deep_colour(path: Path) -> Image.Image | None:
    data = path.read_bytes()
    if data.startswith(_PNG):
        data = _bare_png(data)
    values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3:
        return None
    order = cv2.COLOR_BGRA2RGBA if values.shape[2] == 4 else cv2.COLOR_BGR2RGB
    return Image.fromarray(_to_8_bit(cv2.cvtColor(values, order)))


def _bare_png(data: bytes) -> bytes:
    """The header and the pixels of a PNG alone: OpenCV trusts the length that any other chunk claims, and takes gigabytes for it."""
    kept, at = [], len(_PNG)
    while at + 8 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind in (b"IHDR", b"IDAT") and at + 12 + length <= len(data):
            kept.append(data[at : at + 12 + length])
        at += 12 + length
    return b"".join((_PNG, *kept, b"\0\0\0\0IEND\xaeB`\x82"))


def _from_16_bit_grey(path: Path, image: Image.Image) -> Image.Image:
    if image.mode == "I" and image.format not in ("PNG", "PPM"):
        raise InputError(path, "holds 32-bit integers of no declared range.", "Save it with 8 or 16 bits a channel.")
    return Image.fromarray(_to_8_bit(np.asarray(image)))


def _to_8_bit(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    return np.rint(np.clip(values.astype(np.float32), 0, 65535) / 257).astype(np.uint8)


def _flatten(image: Image.Image) -> Image.Image:
    """Bring any mode to RGB; transparent parts lie over mid grey."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    ground = Image.new("RGBA", image.size, (_MID_GREY, _MID_GREY, _MID_GREY, 255))
    return Image.alpha_composite(ground, image).convert("RGB")
