"""Just enough of protobuf's wire format to take a node out of a frozen TensorFlow graph without TensorFlow."""

from __future__ import annotations

import struct
from collections.abc import Iterator

__all__ = ["fields", "split_depth_to_space"]


def fields(message: bytes) -> Iterator[tuple[int, bytes | int, bytes]]:
    """The fields of a message: number, value (bytes or integer), and the field's own bytes."""
    place = 0
    while place < len(message):
        start = place
        key, place = _varint(message, place)
        kind = key & 7
        if kind == 0:
            value: bytes | int
            value, place = _varint(message, place)
        else:
            size = {1: 8, 5: 4}.get(kind, 0)
            if kind == 2:
                size, place = _varint(message, place)
            value, place = message[place : place + size], place + size
        yield key >> 3, value, message[start:place]


def split_depth_to_space(graph: bytes) -> tuple[bytes, float]:
    """Cut a frozen super-resolution graph before its DepthToSpace node.

    OpenCV 5 cannot read that node (it looks for an attribute of another name), so the caller shuffles the channels itself.

    Returns:
        The shortened graph, and the bias that the cut-off tail added to its only channel.
    """
    kept, bias, cut = b"", 0.0, {b"b8", b"NHWC_output", b"NCHW_output", b"NCHW_output/perm"}
    for number, value, raw in fields(graph):
        if number == 1 and isinstance(value, bytes):
            node = {n: v for n, v, _ in fields(value) if n in (1, 2)}
            if node.get(1) == b"b8":
                bias = _only_float(value)
            if node.get(2) == b"DepthToSpace" or node.get(1) in cut:
                continue
        kept += raw
    return kept, bias


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, place


def _only_float(node: bytes) -> float:
    """The single value of a Const node: attribute "value" (field 5) → tensor (8) → float_val (5)."""
    for number, attribute, _ in fields(node):
        if number == 5 and isinstance(attribute, bytes):
            entry = {n: v for n, v, _ in fields(attribute)}
            if entry.get(1) == b"value" and isinstance(entry[2], bytes):
                tensor = next(v for n, v, _ in fields(entry[2]) if n == 8)
                values = next(v for n, v, _ in fields(tensor) if n == 5) if isinstance(tensor, bytes) else b""
                if isinstance(values, bytes) and len(values) == 4:
                    return float(struct.unpack("<f", values)[0])
    return 0.0
