"""Reading the numbers out of a network file of dlib (`serialize` of `dlib::dnn`), without dlib.

The form, as far as it is needed:

* integer: a head byte (low four bits: how many bytes follow, top bit: negative), then the magnitude, lowest byte first;
* float: integer mantissa, integer exponent of two;
* string: integer length, then the bytes;
* tensor: the integers 2 (version), n, k, rows, columns, then float32 values, lowest byte first.

A layer is written after the layers under it, so the layers with numbers stand in the order in which data flows through them, each
as its name followed by its details. The reader runs through the names of the kinds that it knows and jumps over each tensor.
Files of trusted origin only: `dlib_model_path` checks the hash first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sharpening.errors import InputError

__all__ = ["DlibLayer", "read_layers"]

_Number = TypeVar("_Number", int, float)
_TENSOR_VERSION = 2
_CON_SETTINGS = 7
_NAME = re.compile(rb"\x01(?:\x05(con_4)|\x07(affine_)|\x04(fc_2)|\x15(input_rgb_image_sized))")


@dataclass(frozen=True, eq=False)
class DlibLayer:
    """A layer with numbers.

    Attributes:
        kind: "con", "affine", "fc" or "input".
        values: float32, flat. con: weights (out, in, height, width), then a bias for each output; affine: factors, then addends;
            fc: weights (in, out); input: the mean of red, green and blue (0–255).
        settings: con: filters, rows, columns, step down, step right, margin down, margin right; fc: outputs, inputs;
            input: rows, columns; affine: nothing.
    """

    kind: str
    values: np.ndarray
    settings: tuple[int, ...] = ()


def read_layers(data: bytes, name: str = "dlib network") -> list[DlibLayer]:
    """The layers with numbers, in the order in which data flows through them.

    Args:
        data: the bytes of the file.
        name: what to call the file in errors.

    Raises:
        InputError: when the bytes end too early, or hold no such layers.
    """
    layers: list[DlibLayer] = []
    place = 0
    try:
        while match := _NAME.search(data, place):
            layer, place = _layer(match[match.lastindex or 0], data, match.end())
            layers.append(layer)
    except (IndexError, ValueError) as error:
        raise InputError(name, f"not a network file of dlib, or a damaged one ({error}).", "Get the file again.") from error
    if not layers:
        raise InputError(name, "no layer of a dlib network in it.", "Give an uncompressed .dat file.")
    return layers


def _layer(kind: bytes, data: bytes, place: int) -> tuple[DlibLayer, int]:
    if kind == b"input_rgb_image_sized":
        means, place = _several(_float, 3, data, place)
        sides, place = _several(_integer, 2, data, place)
        return DlibLayer("input", np.array(means, dtype=np.float32), tuple(sides)), place
    if kind == b"fc_2":
        sides, place = _several(_integer, 2, data, place)
        values, place = _tensor(data, place)
        return DlibLayer("fc", values, tuple(sides)), place
    values, place = _tensor(data, place)
    settings, place = _several(_integer, _CON_SETTINGS if kind == b"con_4" else 0, data, place)
    return DlibLayer("con" if kind == b"con_4" else "affine", values, tuple(settings)), place


def _integer(data: bytes, place: int) -> tuple[int, int]:
    head = data[place]
    end = place + 1 + (head & 0x0F)
    if end > len(data):
        raise ValueError("it ends inside a number")
    magnitude = int.from_bytes(data[place + 1 : end], "little")
    return -magnitude if head & 0x80 else magnitude, end


def _float(data: bytes, place: int) -> tuple[float, int]:
    mantissa, place = _integer(data, place)
    exponent, place = _integer(data, place)
    return mantissa * 2.0**exponent, place


def _several(read: Callable[[bytes, int], tuple[_Number, int]], count: int, data: bytes, place: int) -> tuple[list[_Number], int]:
    values: list[_Number] = []
    for _ in range(count):
        value, place = read(data, place)
        values.append(value)
    return values, place


def _tensor(data: bytes, place: int) -> tuple[np.ndarray, int]:
    (version, *shape), place = _several(_integer, 5, data, place)
    if version != _TENSOR_VERSION:
        raise ValueError(f"a tensor of version {version}, wanted {_TENSOR_VERSION}")
    count = int(np.prod(shape, dtype=np.int64))
    end = place + 4 * count
    if end > len(data):
        raise ValueError("it ends inside a tensor")
    return np.frombuffer(data, dtype="<f4", count=count, offset=place), end
