"""A sequence of frames of one person as it lies on disk, and the reading of one from a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import InputError, RangeError, ShapeError
from sharpening.frames.listing import sequence_roles
from sharpening.imaging.convert import to_tensor
from sharpening.imaging.files import read_picture

__all__ = [
    "PARAMS_FILE",
    "FrameSequence",
    "Parts",
    "choose_label",
    "read_frames",
    "read_params",
    "read_parts",
    "read_sequence",
]

Picture = NDArray[np.uint8]

PARAMS_FILE = "params.json"
"""Beside the pictures of a made sequence: the parameters with which it can be made again."""

_LABEL_RATIO = 2  # how many times larger than the frames a picture must be to be taken for the label without a telling name


@dataclass(frozen=True, eq=False)
class FrameSequence:
    """Pictures of one person in the order in which they were taken, and the sharp one where it is known.

    Attributes:
        frames: uint8 `[n, H, W, 3]`, RGB.
        name: what the sequence is called in reports and tables.
        label: uint8 `[S, S, 3]`: the sharp picture of the middle frame; None where it is unknown.
        sources: where each frame came from, n of them, or empty.
        params: how the sequence was made, if it was.

    Raises:
        ShapeError, RangeError: frames or label of another shape or type, or sources of another number.
    """

    frames: Picture
    name: str = ""
    label: Picture | None = None
    sources: tuple[str, ...] = ()
    params: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        what = f"frames of {self.name or 'a sequence'}"
        if self.frames.ndim != 4 or self.frames.shape[-1] != 3 or 0 in self.frames.shape:
            raise ShapeError(what, list(self.frames.shape), "[n, H, W, 3] with n ≥ 1")
        if self.label is not None and (self.label.ndim != 3 or self.label.shape[-1] != 3):
            raise ShapeError(f"label of {self.name or 'a sequence'}", list(self.label.shape), "[S, S, 3]")
        for picture in (self.frames, self.label):
            if picture is not None and picture.dtype != np.uint8:
                raise RangeError(what, f"dtype {picture.dtype}", "uint8 (0–255)")
        if self.sources and len(self.sources) != self.n:
            raise ShapeError(f"sources of {self.name or 'a sequence'}", len(self.sources), f"{self.n}, one for each frame, or none")

    def __repr__(self) -> str:
        label = "no label" if self.label is None else f"label {_size(self.label)}"
        return f"FrameSequence({self.name!r}, {self.n} frames {_size(self.frames[0])}, {label})"

    @property
    def n(self) -> int:
        """Number of frames."""
        return len(self.frames)

    @property
    def middle(self) -> int:
        """Index of the frame to restore, n // 2."""
        return self.n // 2

    @property
    def middle_frame(self) -> Picture:
        """The frame to restore, uint8 `[H, W, 3]`."""
        return self.frames[self.middle]

    def stack(self) -> Tensor:
        """All frames one after the other, float32 `[3·n, H, W]` in [0, 1]."""
        return to_tensor(self.frames).flatten(0, 1)

    def window(self, centre: int, n: int) -> FrameSequence:
        """Take n frames with frame `centre` in the middle (at index n // 2); beyond the ends the edge frames repeat.

        The label stays only where `centre` is the middle it belongs to, the params only where nothing changes.

        Args:
            centre: index of a frame, 0 … self.n - 1.
            n: how many frames to take, at least 1.

        Raises:
            RangeError: no such frame, or n under 1.
        """
        if not 0 <= centre < self.n:
            raise RangeError("centre", centre, f"0 to {self.n - 1}")
        if n < 1:
            raise RangeError("n", n, "at least 1")
        chosen = np.clip(np.arange(n) + centre - n // 2, 0, self.n - 1)
        same = n == self.n and centre == self.middle
        return FrameSequence(
            self.frames[chosen],
            self.name,
            self.label if centre == self.middle else None,
            tuple(self.sources[i] for i in chosen) if self.sources else (),
            self.params if same else None,
        )


def read_sequence(folder: str | Path, *, label_size: int = 128) -> FrameSequence:
    """Read all pictures of one folder, in natural order, as one sequence.

    A picture called like a label (label…, gt…, target…, hr…; also in a sub folder of such a name), or the only one that is at
    least twice as large as all others, is the label. A `params.json` beside them becomes the params.

    Args:
        folder: of the sequence.
        label_size: wanted side of the label [px], where there are several; see `choose_label`.

    Raises:
        InputError: no such folder, no picture in it, or one that cannot be read.
        ShapeError: frames of different sizes; the message names the files.
    """
    folder = Path(folder)
    parts = read_parts(folder)
    frames = _pile(folder, parts.frame_paths, parts.frames)
    return FrameSequence(
        frames, folder.name, choose_label(parts.labels, label_size), tuple(map(str, parts.frame_paths)), read_params(folder)
    )


class Parts(NamedTuple):
    """What one sequence folder holds, before any check of counts and sizes.

    Attributes:
        frame_paths: the files of the frames, in natural order.
        frames: one picture uint8 `[H, W, 3]` for each of them.
        labels: the sharp picture; several where it is given in several sizes; empty where there is none.
    """

    frame_paths: list[Path]
    frames: list[Picture]
    labels: list[Picture]


def read_parts(folder: str | Path) -> Parts:
    """Read all pictures of a sequence folder and tell frames from labels; see `read_sequence` for how.

    Raises:
        InputError: no such folder, no picture in it, or one that cannot be read.
    """
    paths, label_paths = sequence_roles(folder)
    frames, labels = [read_picture(path) for path in paths], [read_picture(path) for path in label_paths]
    large = None if labels else _only_larger(frames)
    if large is not None:
        labels = [frames.pop(large)]
        paths = paths[:large] + paths[large + 1 :]
    return Parts(paths, frames, labels)


def read_frames(paths: Sequence[str | Path]) -> Picture:
    """Read pictures of one size into one array, in the given order.

    Returns:
        uint8 `[n, H, W, 3]`.

    Raises:
        InputError: no path at all, or a picture that cannot be read.
        ShapeError: different sizes; the message names the files.
    """
    if not paths:
        raise InputError("no path", "there is nothing to read.", "Give at least one picture.")
    return _pile(Path(paths[0]).parent, [Path(path) for path in paths], [read_picture(path) for path in paths])


def read_params(folder: Path) -> dict[str, Any] | None:
    """The stored parameters of a made sequence; None where there are none.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / PARAMS_FILE
    if not path.is_file():
        return None
    try:
        params = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(path, f"is not valid JSON ({error}).", "Make the sequence again, or delete this file.") from error
    if not isinstance(params, dict):
        raise InputError(path, "is not a JSON object.", "Make the sequence again, or delete this file.")
    return params


def _pile(where: Path, paths: Sequence[Path], pictures: Sequence[Picture]) -> Picture:
    sizes = [picture.shape[:2] for picture in pictures]
    if len(set(sizes)) > 1:
        usual = max(set(sizes), key=sizes.count)
        named = zip(paths, pictures, strict=True)
        others = [f"{path.name} {_size(picture)}" for path, picture in named if picture.shape[:2] != usual]
        got = f"{sizes.count(usual)} of {usual[1]}×{usual[0]}, but {', '.join(others[:5])}" + (" …" if len(others) > 5 else "")
        advice = "Bring them to one size, or take the odd ones out (a sharp picture is recognised when it is called label.png)."
        raise ShapeError(f"frames in {where}", got, "frames of one size", advice)
    return np.stack(pictures)


def _only_larger(pictures: Sequence[Picture]) -> int | None:
    """Index of the only picture that is much larger than all others; None if there is no such one."""
    if len(pictures) < 2:
        return None
    sides = [min(picture.shape[:2]) for picture in pictures]
    largest = int(np.argmax(sides))
    rest = [max(picture.shape[:2]) for i, picture in enumerate(pictures) if i != largest]
    return largest if sides[largest] >= _LABEL_RATIO * max(rest) else None


def choose_label(labels: Sequence[Picture], size: int = 128) -> Picture | None:
    """Of labels in several sizes that of `size` [px] (128 is the thesis's), else the next larger one, else the largest; None for none."""
    enough = [label for label in labels if label.shape[0] >= size]
    if enough:
        return min(enough, key=lambda label: label.shape[0])
    return max(labels, key=lambda label: label.shape[0], default=None)


def _size(picture: Picture) -> str:
    return f"{picture.shape[1]}×{picture.shape[0]}"
