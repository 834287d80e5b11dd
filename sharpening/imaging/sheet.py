"""Contact sheets: rows of pictures with titles and captions, on a dark ground."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.resize import resize

__all__ = ["sheet"]

Picture = NDArray[np.uint8]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_GROUND, _EMPTY = (24, 26, 30), (36, 39, 45)
_BRIGHT, _SOFT = (238, 240, 244), (164, 170, 180)
_GAP, _MARGIN = 8, 16
_LINE = 1.35


@dataclass(frozen=True)
class _Plan:
    """Where everything goes [px]: one cell is `size` wide, `captions[r]` is the height under the pictures of row r."""

    size: int
    n_columns: int
    left: int
    top: int
    captions: tuple[int, ...]

    def x(self, column: int) -> int:
        return self.left + column * (self.size + _GAP)

    def y(self, row: int) -> int:
        return self.top + row * (self.size + _GAP) + sum(self.captions[:row])

    @property
    def extent(self) -> tuple[int, int]:
        return self.x(self.n_columns) - _GAP + _MARGIN, self.y(len(self.captions)) - _GAP + _MARGIN


def sheet(
    rows: Sequence[Sequence[Picture | None]],
    *,
    titles: Sequence[str] | None = None,
    row_titles: Sequence[str] | None = None,
    captions: Sequence[Sequence[str]] | None = None,
    heading: str = "",
    size: int = 128,
) -> Picture:
    """Draw rows of pictures as one picture.

    Each picture keeps its proportions within a square cell. Small ones are enlarged pixel by pixel, so that a frame of 32×32
    shows as what it is; large ones are shrunk by area.

    Args:
        rows: pictures uint8 `[H, W, 3]` of any sizes; `None` leaves a cell empty. Rows may differ in length.
        titles: one line over each column.
        row_titles: a few words on the left of each row; a line feed breaks the line.
        captions: words under each picture, nested as `rows` is; a line feed breaks the line, an empty string is none.
        heading: one line over everything.
        size: side of a cell [px].

    Returns:
        uint8 `[height, width, 3]`.

    Raises:
        ShapeError: no picture at all, something that is no picture, or titles or captions that do not match the rows.
        RangeError: `size` under 16.
    """
    _check(rows, titles, row_titles, captions, size)
    text, small = _font(max(12, size // 9)), _font(max(11, size // 10))
    captions = captions or [[] for _ in rows]
    top = _MARGIN + (_height(text) + _GAP if heading else 0) + (_height(text) if titles else 0)
    left = _MARGIN + (_GAP + max(_width(small, title) for title in row_titles) if row_titles else 0)
    depths = tuple(max((_text_height(small, caption) for caption in line), default=0) for line in captions)
    plan = _Plan(size, max(len(row) for row in rows), left, top, depths)

    canvas = Image.new("RGB", plan.extent, _GROUND)
    draw = ImageDraw.Draw(canvas)
    if heading:
        draw.text((_MARGIN, _MARGIN), _fit(heading, text, plan.extent[0] - 2 * _MARGIN), font=text, fill=_BRIGHT)
    for column, title in enumerate(titles or ()):
        _centred(draw, (plan.x(column), top - _height(text)), title, text, size, _BRIGHT)
    for r, title in enumerate(row_titles or ()):
        middle = plan.y(r) + (size - _text_height(small, title)) // 2
        draw.multiline_text((_MARGIN, middle), title, font=small, fill=_BRIGHT, spacing=_spacing(small))
    for r, row in enumerate(rows):
        for column, picture in enumerate(row):
            _paste(canvas, draw, picture, (plan.x(column), plan.y(r)), size)
        for column, caption in enumerate(captions[r]):
            _centred(draw, (plan.x(column), plan.y(r) + size + 3), caption, small, size, _SOFT)
    return np.array(canvas)


def _check(
    rows: Sequence[Sequence[Picture | None]],
    titles: Sequence[str] | None,
    row_titles: Sequence[str] | None,
    captions: Sequence[Sequence[str]] | None,
    size: int,
) -> None:
    if size < 16:
        raise RangeError("size", size, "at least 16 pixels")
    pictures = [picture for row in rows for picture in row if picture is not None]
    if not pictures:
        raise ShapeError("rows", "no picture", "at least one")
    for picture in pictures:
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or 0 in picture.shape:
            raise ShapeError("picture", f"{picture.dtype} {list(picture.shape)}", "uint8 [H, W, 3]")
    lengths = [len(row) for row in rows]
    if titles is not None and len(titles) != max(lengths):
        raise ShapeError("titles", len(titles), f"one for each of the {max(lengths)} columns")
    if row_titles is not None and len(row_titles) != len(rows):
        raise ShapeError("row_titles", len(row_titles), f"one for each of the {len(rows)} rows")
    if captions is not None and [len(line) for line in captions] != lengths:
        raise ShapeError("captions", [len(line) for line in captions], f"one for each picture: {lengths}")


def _paste(canvas: Image.Image, draw: ImageDraw.ImageDraw, picture: Picture | None, corner: tuple[int, int], size: int) -> None:
    x, y = corner
    draw.rectangle((x, y, x + size - 1, y + size - 1), fill=_EMPTY)
    if picture is not None:
        fitted = _fit_picture(picture, size)
        height, width = fitted.shape[:2]
        canvas.paste(Image.fromarray(fitted), (x + (size - width) // 2, y + (size - height) // 2))


def _fit_picture(picture: Picture, size: int) -> Picture:
    factor = size / max(picture.shape[:2])
    height, width = (max(1, round(side * factor)) for side in picture.shape[:2])
    return resize(picture, (height, width), "nearest" if factor > 1 else "area")


def _centred(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], words: str, font: Font, width: int, colour: tuple[int, int, int]
) -> None:
    for i, line in enumerate(words.split("\n")):
        line = _fit(line, font, width)
        x = corner[0] + (width - _width(font, line)) // 2
        draw.text((x, corner[1] + i * _height(font)), line, font=font, fill=colour)


def _fit(line: str, font: Font, width: int) -> str:
    """Cut a line that is too long for its place, and show by dots that it was cut."""
    if _width(font, line) <= width:
        return line
    while line and _width(font, line + "…") > width:
        line = line[:-1]
    return line + "…"


def _width(font: Font, words: str) -> int:
    return max(round(font.getlength(line)) for line in words.split("\n"))


def _height(font: Font) -> int:
    return round(_LINE * getattr(font, "size", 11))


def _spacing(font: Font) -> int:
    return _height(font) - round(getattr(font, "size", 11))


def _text_height(font: Font, words: str) -> int:
    return len(words.split("\n")) * _height(font) + 3 if words else 0


@cache
def _font(size: int) -> Font:
    """DejaVu Sans out of matplotlib's files (it has nearly every letter), or Pillow's own font; matplotlib is not imported."""
    found = importlib.util.find_spec("matplotlib")
    for place in (found.submodule_search_locations or ()) if found else ():
        file = Path(place) / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if file.is_file():
            return ImageFont.truetype(str(file), size)
    return ImageFont.load_default(size)
