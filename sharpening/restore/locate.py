"""From what the user hands in to the cropped sequence that the net takes: faces found, followed and cut out, frames chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import InputError, NoFaceFound
from sharpening.models.face_align.sightings import LIVE_FOR
from sharpening.models.face_align.track import Track, crop_square, follow_face
from sharpening.restore.cropped import come_cropped, take_cropped
from sharpening.restore.located import Choice, Located
from sharpening.restore.reading import cut_side, named_sequence, nothing_found, part_round, readable, search_step
from sharpening.restore.source import Source
from sharpening.restore.window import choose_middle, neighbours

__all__ = ["locate"]

Picture = NDArray[np.uint8]

MOST_SEARCHED = 240  # frames of one input in which faces are looked for at first; longer films are searched in every k-th frame


def locate(source: Source, choice: Choice, *, n: int, size: int, largest: int | None = None) -> Located:
    """Choose the window of frames and cut the face out of each.

    Args:
        source: the input.
        choice: what the user decides.
        n: most frames to take.
        size: side that the network was trained with [px]; smaller faces are enlarged to it.
        largest: up to this side [px] a face keeps the pixels that it has, found or cropped; `size` when left out.

    Raises:
        NoFaceFound: in none of the frames.
        InputError: no frame can be read, or the wanted middle is not usable.
        ShapeError: cropped frames of different sizes, or not square.
        RangeError: a box, face or start that does not fit the input.
    """
    take = take_cropped if come_cropped(source, choice) else _find
    return take(source, choice, n, (size, largest or size))


def _find(source: Source, choice: Choice, n: int, sizes: tuple[int, int]) -> Located:
    # Separate pictures are few, and every one may be of another moment: only films are searched in steps.
    step = search_step(source, choice, MOST_SEARCHED) if source.kind == "film" else 1
    skipped: dict[int, str] = {}
    track, numbers = _follow(source, choice, step, skipped)
    if not track.usable:
        raise nothing_found(source, skipped, looked=len(numbers))
    middle, why = _middle(source, choice, track, numbers, n, step)
    usable = [numbers[i] for i in track.usable]
    looked_at = set(usable)
    if step > 1 or _has_holes(source, track, numbers, middle, n):
        track, numbers = _closer(source, choice, track, numbers, middle, n, step)
        usable = [numbers[i] for i in track.usable]
    n_usable = len(looked_at.union(usable))
    if choice.middle is None:
        middle = min(usable, key=lambda i: abs(i - middle))
    else:
        choose_middle(usable, n, {}, wanted=middle, where=source.name)
    skipped.update({numbers[place.index]: place.why for place in track.places if place.square is None})

    def cut(without: Mapping[int, str]) -> Located:
        window = neighbours([i for i in usable if i not in without], middle, n)
        located = _cut(source, track, numbers, window, {**skipped, **without}, why, sizes, step)
        return replace(located, n_usable=n_usable, again=cut)

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


def _middle(source: Source, choice: Choice, track: Track, numbers: Sequence[int], n: int, step: int) -> tuple[int, str]:
    inside = choice.middle is not None and choice.start <= choice.middle < min(source.n, choice.stop or source.n)
    if choice.middle is not None and inside and (step > 1 or track.steady):
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


def _closer(
    source: Source, choice: Choice, track: Track, numbers: list[int], middle: int, n: int, step: int
) -> tuple[Track, list[int]]:
    """Follow the same face again, frame by frame round the middle: now it is known where to look closely.

    Raises:
        NoFaceFound: nothing says that a face there is the chosen one.
    """
    near = min(track.usable, key=lambda i: abs(numbers[i] - middle))
    at, (cx, cy, side) = numbers[near], track.squares([near])[0]
    first, stop = part_round(choice, middle, n)
    part = Choice(box=(cx - (side - 1) / 2, cy - (side - 1) / 2, side, side), start=first, stop=stop)
    gone, is_near = _gone(source, track, at, part, middle), abs(at - middle) <= step + LIVE_FOR
    if not is_near and (choice.box is not None or choice.face is not None):
        raise gone  # whoever is at its place by now need not be the one who was chosen
    closer, found = _follow(source, part, 1, {}, at=middle)
    words = track.choice if is_near else f"{track.choice}; here a face at the place that it had in frame {at}"
    if all(place.how == "given" for place in closer.places) and any(place.how == "found" for place in track.places):
        if choice.box is None and choice.face is None and is_near:
            return _anew(source, track, part, middle, at, gone)
        if at == middle:
            return track, numbers
        if choice.box is None:
            raise gone
        words = f"{track.choice}; here the place that it had in frame {at}"
    return replace(closer, choice=words, n_faces=max(track.n_faces, closer.n_faces)), found


def _anew(source: Source, track: Track, part: Choice, middle: int, at: int, gone: NoFaceFound) -> tuple[Track, list[int]]:
    """The face went too far between two searched frames: look for it in the whole frames round the middle."""
    closer, found = _follow(source, replace(part, box=None), 1, {})
    if not closer.usable:
        raise gone
    words = f"{closer.choice}, looked for anew near frame {middle}: it was not where it is in frame {at}"
    return replace(closer, choice=words, n_faces=max(track.n_faces, closer.n_faces)), found


def _gone(source: Source, track: Track, nearest: int, part: Choice, middle: int) -> NoFaceFound:
    last = (source.n if part.stop is None else min(part.stop, source.n)) - 1
    where = f"{source.name}, frames {part.start} to {last} ({track.choice})"
    advice = (
        f"The frame nearest to {middle} that shows it is {nearest} (--middle {nearest}, middle={nearest}). "
        f"If another face there is wanted, search that part alone (--start {part.start}, start={part.start})."
    )
    return NoFaceFound(where, advice)


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
        sequence=named_sequence(source, window, np.stack([cuts[i] for i in window])),
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


def _whole(picture: Picture | InputError) -> Picture:
    if isinstance(picture, InputError):
        raise picture  # readable a moment ago: it changed on disk
    return picture
