"""Frames that came as cropped faces: taken as they are, brought to the size for the network, and no face is looked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.resize import resize
from sharpening.models.face_align.sightings import thumbnail
from sharpening.restore.located import Choice, Located
from sharpening.restore.reading import cut_side, named_sequence, nothing_found, part_round, readable, search_step
from sharpening.restore.source import Source
from sharpening.restore.window import choose_middle, neighbours

__all__ = ["come_cropped", "take_cropped"]

Picture = NDArray[np.uint8]

CROP_SIDE = 32  # px: square frames up to this side are taken for cropped faces; nobody films so
MOST_SEARCHED = 240  # times the length of the window: frames of one input that are read at first; of longer ones every k-th is
MOST_OBLONG = 1.05  # ratio of the sides up to which a cropped face passes as a square


def come_cropped(source: Source, choice: Choice) -> bool:
    """Whether the frames are cropped faces: as the user says, else by the first that can be read, a square of at most `CROP_SIDE`.

    Raises:
        RangeError: the input has no such first frame.
    """
    if choice.start >= source.n:
        raise RangeError("start", choice.start, f"below {source.n}, the number of frames of {source.name}")
    if choice.cropped is not None:
        return choice.cropped
    if choice.box is not None or choice.face is not None:
        return False
    first = next((picture for _, picture in source.read(choice.start, choice.stop) if isinstance(picture, np.ndarray)), None)
    return first is not None and first.shape[0] == first.shape[1] <= CROP_SIDE


def take_cropped(source: Source, choice: Choice, n: int, sizes: tuple[int, int]) -> Located:
    """Choose the window out of cropped frames.

    Of a long input every k-th frame is read at first, and those round the middle one by one when it is known.

    Args:
        source: the input.
        choice: what the user decides.
        n: most frames to take.
        sizes: side that the network was trained with, and the largest that it is given [px].

    Raises:
        InputError: no frame can be read, or the wanted middle is not usable.
        NoFaceFound: there is no frame.
        ShapeError: frames of different sizes, or not square.
    """
    step = search_step(source, choice, MOST_SEARCHED * n)
    frames = _Frames(source, sizes)
    frames.read(choice, step)
    if step > 1 and choice.middle is not None:
        frames.read_round(choice, choice.middle, n)
    middle, why = frames.choose_middle(n, choice.middle)
    if step > 1 and choice.middle is None:
        frames.read_round(choice, middle, n)
    native, kept, skipped = float(min(frames.shapes[middle])), frames.kept, frames.skipped

    def cut(without: Mapping[int, str]) -> Located:
        window = neighbours([i for i in kept if i not in without], middle, n)
        sequence = named_sequence(source, window, np.stack([kept[i] for i in window]))
        nothing, how = (None,) * len(window), ("cropped",) * len(window)
        left_out, words = dict(sorted({**skipped, **without}.items())), "the frames came cropped"
        return Located(sequence, tuple(window), nothing, how, left_out, why, words, 0, None, native, len(kept), step, cut)

    return cut({})


@dataclass(eq=False)
class _Frames:
    """What was read of an input: the frames of use, the sizes that they had, and why others are of none."""

    source: Source
    sizes: tuple[int, int]
    kept: dict[int, Picture] = field(default_factory=dict)
    shapes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    skipped: dict[int, str] = field(default_factory=dict)

    def read(self, choice: Choice, step: int) -> None:
        """Read every `step`-th frame that the user wants, besides those that are there."""
        for index, picture in readable(self.source, choice, step, self.skipped):
            if index not in self.shapes:
                self.shapes[index] = picture.shape[:2]
                _check_square(self.source, index, picture)
                self.kept[index] = _to_size(picture, *self.sizes)
        self._set_label_aside()
        if not self.kept:
            raise nothing_found(self.source, self.skipped)

    def read_round(self, choice: Choice, middle: int, n: int) -> None:
        """Read each frame round the middle of a window of n."""
        first, stop = part_round(choice, middle, n)
        if first < min(stop, self.source.n):  # a middle that is not there is refused when it is chosen
            self.read(replace(choice, start=first, stop=stop), 1)

    def choose_middle(self, n: int, wanted: int | None) -> tuple[int, str]:
        """Number of the frame to restore, and why, see `window.choose_middle`."""
        side = len(next(iter(self.kept.values())))
        whole = (side - 1) / 2, (side - 1) / 2, float(side)
        thumbnails = {} if wanted is not None else {i: thumbnail(picture, whole) for i, picture in self.kept.items()}
        return choose_middle(sorted(self.kept), n, thumbnails, wanted=wanted, where=self.source.name)

    def _set_label_aside(self) -> None:
        """One much larger picture beside small ones is the sharp answer of a data set, not a frame; other differences are a mistake."""
        sizes = list(self.shapes.values())
        if len(set(sizes)) <= 1:
            return
        usual = max(set(sizes), key=sizes.count)
        odd = [i for i, each in self.shapes.items() if each != usual]
        first = self.shapes[odd[0]]
        if len(odd) == 1 and len(sizes) > 2 and min(first) >= 2 * max(usual):
            self.skipped[odd[0]] = "it is much larger than the others: taken for the sharp picture of a data set and left out"
            self.kept.pop(odd[0], None)
            return
        got = f"{len(sizes) - len(odd)} of {usual[1]}×{usual[0]}, but {self.source.label(odd[0])} of {first[1]}×{first[0]}"
        advice = "Bring them to one size, or leave `cropped` out so that the face is looked for in each."
        raise ShapeError(f"cropped frames of {self.source.name}", got, "frames of one size", advice)


def _check_square(source: Source, index: int, picture: Picture) -> None:
    height, width = picture.shape[:2]
    if max(height, width) > MOST_OBLONG * min(height, width):
        advice = "Crop the faces to squares, or leave `cropped` out so that they are looked for."
        raise ShapeError(f"{source.name}, {source.label(index)}", f"{width}×{height}", "a square picture of a cropped face", advice)


def _to_size(picture: Picture, size: int, largest: int) -> Picture:
    native = min(picture.shape[:2])
    side = cut_side(native, size, largest)
    return resize(picture, side, "area" if native >= side else "bicubic")
