"""Reading the wanted frames of a source, and what is the same for faces that are found and frames that came cropped."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import InputError, NoFaceFound
from sharpening.frames.sequence import FrameSequence
from sharpening.restore.located import Choice
from sharpening.restore.source import Source

__all__ = ["cut_side", "named_sequence", "nothing_found", "part_round", "readable", "search_step"]

Picture = NDArray[np.uint8]

AROUND = 3  # lengths of the window, on both sides of the middle, that are read frame by frame in a long input


def readable(source: Source, choice: Choice, step: int, skipped: dict[int, str]) -> Iterator[tuple[int, Picture]]:
    """Number and picture of every `step`-th frame that can be read; the others go into `skipped`, with the reason."""
    for index, picture in source.read(choice.start, choice.stop, step):
        if isinstance(picture, InputError):
            skipped[index] = f"it cannot be read: {picture.problem}"
        else:
            yield index, picture


def search_step(source: Source, choice: Choice, most: int) -> int:
    """k, so that every k-th frame of the wanted part makes at most `most` frames."""
    stop = source.n if choice.stop is None else min(choice.stop, source.n)
    return max(1, math.ceil((stop - choice.start) / most))


def part_round(choice: Choice, middle: int, n: int) -> tuple[int, int]:
    """Start and stop of the frames round the middle of a window of n, within what the user wants."""
    first, last = max(choice.start, middle - AROUND * n), middle + AROUND * n + 1
    return first, last if choice.stop is None else min(last, choice.stop)


def nothing_found(source: Source, skipped: dict[int, str], looked: int = 0) -> InputError | NoFaceFound:
    """The error to raise: no frame can be read, or none of the `looked` ones shows a face."""
    if skipped and not looked:
        first = next(iter(skipped.values()))
        return InputError(
            source.name, f"none of its {len(skipped)} frame(s) can be read; the first: {first}", "Copy or download them again."
        )
    advice = (
        f"Looked in {looked} frame(s), enlarged too. If the frames are cropped faces already, say so (--cropped, cropped=True); "
        "if you see the face, draw a box round it (--box x,y,w,h, box=(x, y, w, h))."
    )
    return NoFaceFound(source.name, advice)


def cut_side(native: float, size: int, largest: int) -> int:
    """The side of the cuts [px]: no pixel of the face is given away up to `largest`; a multiple of 4.

    Args:
        native: side of the face's square in the input [px].
        size: side that the network was trained with [px]; smaller faces are enlarged to it.
        largest: largest side that it is given [px].
    """
    return size if native <= size else min(4 * math.ceil(native / 4), max(size, largest))


def named_sequence(source: Source, window: Sequence[int], frames: NDArray[np.uint8]) -> FrameSequence:
    """Frames `[n, side, side, 3]` with the name of their source, and what each is called there."""
    return FrameSequence(frames, source.name, None, tuple(source.label(i) for i in window))
