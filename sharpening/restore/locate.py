"""From what the user hands in to the cropped sequence that the net takes: faces found, followed and cut out, frames chosen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import InputError, NoFaceFound, RangeError, ShapeError
from sharpening.frames.sequence import FrameSequence
from sharpening.imaging.resize import resize
from sharpening.models.face_align.sightings import thumbnail
from sharpening.models.face_align.track import Track, crop_square, follow_face
from sharpening.restore.located import Choice, Located
from sharpening.restore.source import Source
from sharpening.restore.window import choose_middle, neighbours

__all__ = ["locate"]

Picture = NDArray[np.uint8]

CROP_SIDE = 32  # px: square frames up to this side are taken for cropped faces; nobody films so
MOST_SEARCHED = 240  # frames of one input in which faces are looked for at first; longer films are searched in every k-th frame
AROUND = 3  # lengths of the window, on both sides of the middle, that are searched frame by frame in a long film
MOST_OBLONG = 1.05  # ratio of the sides up to which a cropped face passes as a square


def locate(source: Source, choice: Choice, *, n: int, size: int, largest: int | None = None) -> Located:
    """Choose the window of frames and cut the face out of each.

    Args:
        source: the input.
        choice: what the user decides.
        n: most frames to take.
        size: side of the cut frames [px]. Cropped frames of another size are brought to it.
        largest: up to this side [px] a face that was found keeps the pixels that it has; `size` when left out.

    Raises:
        NoFaceFound: in none of the frames.
        InputError: no frame can be read, or the wanted middle is not usable.
        ShapeError: cropped frames of different sizes, or not square.
        RangeError: a box, face or start that does not fit the input.
    """
    return (
        _take_cropped(source, choice, n, size)
        if come_cropped(source, choice)
        else _find(source, choice, n, (size, largest or size))
    )


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


def _take_cropped(source: Source, choice: Choice, n: int, size: int) -> Located:
    step = 1 if source.n - choice.start <= MOST_SEARCHED * n else math.ceil((source.n - choice.start) / (MOST_SEARCHED * n))
    skipped: dict[int, str] = {}
    sizes: dict[int, tuple[int, ...]] = {}
    kept: dict[int, Picture] = {}
    for index, picture in readable(source, choice, step, skipped):
        sizes[index] = picture.shape[:2]
        _check_square(source, index, picture)
        kept[index] = _to_size(picture, size)
    _set_label_aside(source, sizes, kept, skipped)
    if not kept:
        raise nothing_found(source, skipped)
    whole = (size - 1) / 2, (size - 1) / 2, float(size)
    thumbnails = {i: thumbnail(picture, whole) for i, picture in kept.items()}
    middle, why = choose_middle(list(kept), n, thumbnails, wanted=choice.middle, where=source.name)
    native, words = float(min(sizes[middle])), "the frames came cropped"

    def cut(without: Mapping[int, str]) -> Located:
        window = neighbours([i for i in kept if i not in without], middle, n)
        sequence = _sequence(source, window, np.stack([kept[i] for i in window]))
        nothing, how = (None,) * len(window), ("cropped",) * len(window)
        left_out = dict(sorted({**skipped, **without}.items()))
        return Located(sequence, tuple(window), nothing, how, left_out, why, words, 0, None, native, len(kept), step, cut)

    return cut({})


def _check_square(source: Source, index: int, picture: Picture) -> None:
    height, width = picture.shape[:2]
    if max(height, width) > MOST_OBLONG * min(height, width):
        advice = "Crop the faces to squares, or leave `cropped` out so that they are looked for."
        raise ShapeError(f"{source.name}, {source.label(index)}", f"{width}×{height}", "a square picture of a cropped face", advice)


def _to_size(picture: Picture, size: int) -> Picture:
    return resize(picture, size, "area" if min(picture.shape[:2]) >= size else "bicubic")


def _set_label_aside(source: Source, sizes: dict[int, tuple[int, ...]], kept: dict[int, Picture], skipped: dict[int, str]) -> None:
    """One much larger picture beside small ones is the sharp answer of a data set, not a frame; other differences are a mistake."""
    kinds = set(sizes.values())
    if len(kinds) <= 1:
        return
    usual = max(kinds, key=list(sizes.values()).count)
    odd = [i for i, each in sizes.items() if each != usual]
    if len(odd) == 1 and len(sizes) > 2 and min(sizes[odd[0]]) >= 2 * max(usual):
        skipped[odd[0]] = "it is much larger than the others: taken for the sharp picture of a data set and left out"
        del kept[odd[0]]
        return
    got = f"{len(sizes) - len(odd)} of {usual[1]}×{usual[0]}, but {source.label(odd[0])} of {sizes[odd[0]][1]}×{sizes[odd[0]][0]}"
    advice = "Bring them to one size, or leave `cropped` out so that the face is looked for in each."
    raise ShapeError(f"cropped frames of {source.name}", got, "frames of one size", advice)


def _find(source: Source, choice: Choice, n: int, sizes: tuple[int, int]) -> Located:
    stop = source.n if choice.stop is None else min(choice.stop, source.n)
    # Separate pictures are few, and every one may be of another moment: only films are searched in steps.
    step = max(1, math.ceil((stop - choice.start) / MOST_SEARCHED)) if source.kind == "film" else 1
    skipped: dict[int, str] = {}
    track, numbers = _follow(source, choice, step, skipped)
    if not track.usable:
        raise nothing_found(source, skipped, looked=len(numbers))
    middle, why = _middle(source, choice, track, numbers, n, step)
    if step > 1 or _has_holes(source, track, numbers, middle, n):
        track, numbers = _closer(source, choice, track, numbers, middle, n)
    usable = [numbers[i] for i in track.usable]
    if choice.middle is None:
        middle = min(usable, key=lambda i: abs(i - middle))
    else:
        choose_middle(usable, n, {}, wanted=middle, where=source.name)
    skipped.update({numbers[place.index]: place.why for place in track.places if place.square is None})

    def cut(without: Mapping[int, str]) -> Located:
        window = neighbours([i for i in usable if i not in without], middle, n)
        return replace(_cut(source, track, numbers, window, {**skipped, **without}, why, sizes, step), again=cut)

    return cut({})


def _follow(source: Source, choice: Choice, step: int, skipped: dict[int, str], at: int | None = None) -> tuple[Track, list[int]]:
    """Follow the face; also the numbers of the frames that could be read, to which the places of the track belong.

    `at` is the number of the frame that `choice.box` speaks of, the first one when left out.
    """
    numbers: list[int] = []

    def pictures() -> Iterator[Picture]:
        for index, picture in readable(source, choice, step, skipped):
            numbers.append(index)
            yield picture

    position = 0 if at is None else (at - choice.start) // step
    return follow_face(pictures(), box=choice.box, face=choice.face, at=position), numbers


def readable(source: Source, choice: Choice, step: int, skipped: dict[int, str]) -> Iterator[tuple[int, Picture]]:
    for index, picture in source.read(choice.start, choice.stop, step):
        if isinstance(picture, InputError):
            skipped[index] = f"it cannot be read: {picture.problem}"
        else:
            yield index, picture


def nothing_found(source: Source, skipped: dict[int, str], looked: int = 0) -> InputError | NoFaceFound:
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


def _middle(source: Source, choice: Choice, track: Track, numbers: Sequence[int], n: int, step: int) -> tuple[int, str]:
    if choice.middle is not None and (step > 1 or track.steady):
        # Whether it shows the face is seen when one looks closer.
        return choice.middle, "chosen by the user"
    thumbnails = {numbers[place.index]: place.thumbnail for place in track.places if place.thumbnail is not None}
    usable = [numbers[i] for i in track.usable]
    return choose_middle(usable, n, thumbnails, wanted=choice.middle, where=source.name)


def _has_holes(source: Source, track: Track, numbers: Sequence[int], middle: int, n: int) -> bool:
    """Whether a film has frames near the middle in which the face was not found, though it may be there: poor ones, or the first ones."""
    if source.kind != "film" and not track.steady:
        return False
    half = n // 2
    near = range(max(numbers[0], middle - half), min(numbers[-1], middle + half) + 1)
    found = {numbers[i] for i in track.usable if track.places[i].how == "found"}
    return bool(found) and any(i not in found for i in near)


def _closer(source: Source, choice: Choice, track: Track, numbers: list[int], middle: int, n: int) -> tuple[Track, list[int]]:
    """Follow the same face again, frame by frame round the middle: now it is known where to look closely."""
    near = min(track.usable, key=lambda i: abs(numbers[i] - middle))
    cx, cy, side = track.squares([near])[0]
    first, last = max(choice.start, middle - AROUND * n), middle + AROUND * n + 1
    stop = last if choice.stop is None else min(last, choice.stop)
    part = Choice(box=(cx - (side - 1) / 2, cy - (side - 1) / 2, side, side), start=first, stop=stop)
    closer, found = _follow(source, part, 1, {}, at=middle)
    if choice.box is None and all(place.how == "given" for place in closer.places):
        # The face went too far between two searched frames: look for it anew.
        closer, found = _follow(source, replace(part, box=None), 1, {})
    if not closer.usable:
        raise NoFaceFound(f"{source.name}, frames {first} to {stop - 1}", "Choose another middle frame (--middle, middle=).")
    return replace(closer, choice=track.choice, n_faces=max(track.n_faces, closer.n_faces)), found


def _cut(
    source: Source,
    track: Track,
    numbers: Sequence[int],
    window: Sequence[int],
    skipped: dict[int, str],
    why: str,
    sizes: tuple[int, int],
    step: int,
) -> Located:
    places = [track.places[numbers.index(i)] for i in window]
    squares = dict(zip(window, track.squares([place.index for place in places]), strict=True))
    native = squares[window[len(window) // 2]][2]
    size = cut_side(native, *sizes)
    wanted = source.read(min(window), max(window) + 1)
    cuts = {i: crop_square(_whole(picture), *squares[i], size) for i, picture in wanted if i in squares}
    return Located(
        sequence=_sequence(source, window, np.stack([cuts[i] for i in window])),
        indexes=tuple(window),
        squares=tuple(squares[i] for i in window),
        how=tuple(place.how for place in places),
        skipped=dict(sorted(skipped.items())),
        why_middle=why,
        choice=track.choice,
        n_faces=track.n_faces,
        score=track.score,
        native=native,
        n_usable=len(track.usable),
        step=step,
    )


def cut_side(native: float, size: int, largest: int) -> int:
    """The side of the cuts: no pixel of the face is given away as long as it is not larger than `largest`; a multiple of 4."""
    return size if native <= size else min(4 * math.ceil(native / 4), max(size, largest))


def _whole(picture: Picture | InputError) -> Picture:
    if isinstance(picture, InputError):
        raise picture  # readable a moment ago: it changed on disk
    return picture


def _sequence(source: Source, window: Sequence[int], frames: NDArray[np.uint8]) -> FrameSequence:
    return FrameSequence(frames, source.name, None, tuple(source.label(i) for i in window))
