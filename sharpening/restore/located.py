"""What the user decides about an input, and what was found in it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sharpening.errors import RangeError
from sharpening.frames.sequence import FrameSequence
from sharpening.models.face_align.track import Box, Square, plain_box

__all__ = ["Choice", "Located"]


@dataclass(frozen=True)
class Choice:
    """What the user decides himself.

    Attributes:
        cropped: whether the frames are cropped faces already; None: they are if they are squares of at most 32 px.
        box: left, top, width, height [px] round the head in the first frame.
        face: number of the face, from left to right in the first frame that has one.
        middle: number of the frame to restore.
        start: first frame to use.
        stop: first frame not to use any more; None for the end.
        n_frames: most frames to use; None for what the network was trained with.
    """

    cropped: bool | None = None
    box: Box | None = None
    face: int | None = None
    middle: int | None = None
    start: int = 0
    stop: int | None = None
    n_frames: int | None = None

    def __post_init__(self) -> None:
        for name in ("face", "middle", "start", "stop", "n_frames"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, _whole(name, value))  # NumPy's numbers fit into no report
        if self.box is not None:
            object.__setattr__(self, "box", plain_box(self.box))
        if self.start < 0 or (self.stop is not None and self.stop <= self.start):
            raise RangeError("start and stop", (self.start, self.stop), "0 ≤ start < stop")
        if self.n_frames is not None and self.n_frames < 1:
            raise RangeError("n_frames", self.n_frames, "1 or more")
        if self.cropped and (self.box is not None or self.face is not None):
            raise RangeError("cropped", True, "without box and face", "Cropped frames are taken as they are; leave the others out.")


def _whole(name: str, value: Any) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise RangeError(name, value, "a whole number") from None


@dataclass(frozen=True, eq=False)
class Located:
    """A cropped sequence and how it came about.

    Attributes:
        sequence: the frames for the net, uint8 `[n, size, size, 3]`, the middle at index n // 2.
        indexes: their numbers in the input.
        squares: where they were cut out; None for frames that came cropped.
        how: for each "cropped", "found", "bridged" or "given", see `track.Place`.
        skipped: numbers of frames that could not be used, each with the reason.
        why_middle: how the middle was chosen, in words.
        choice: how the face was chosen, in words.
        n_faces: the largest number of faces in one frame; 0 where none were looked for.
        score: mean score of the detector; None where it saw nothing.
        native: side of the face's square in the input, of the middle frame [px].
        n_usable: number of frames that could have been used, of those that were looked at.
        step: 1, or k where only every k-th frame of a long film was searched at first.
        again: chooses and cuts the window anew round the same middle, without some frames that are given with the reason; None where
            there is no way to do it again.
    """

    sequence: FrameSequence
    indexes: tuple[int, ...]
    squares: tuple[Square | None, ...]
    how: tuple[str, ...]
    skipped: dict[int, str]
    why_middle: str
    choice: str
    n_faces: int
    score: float | None
    native: float
    n_usable: int
    step: int = 1
    again: Callable[[Mapping[int, str]], Located] | None = field(default=None, repr=False)
