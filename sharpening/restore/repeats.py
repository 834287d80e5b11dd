"""Frames that repeat others: they say nothing of their own, so they are found, left out, and replaced by the next ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import median_high
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import InputError
from sharpening.models.face_align.crop import crop_square
from sharpening.models.face_align.track import Square
from sharpening.restore.located import Located
from sharpening.restore.source import Source
from sharpening.restore.window import neighbours

__all__ = ["LEAST_LIMIT", "MOST_LIMIT", "FilmRepeats", "Repeat", "Repeats", "apart", "limit_of", "repeats_in", "without_repeats"]

# Measured on 28 November 2026, mean absolute differences [grey levels] of squares brought to 32 px. Repeats in dense clips that are stored
# at another rate than they were filmed at: 0.07 to 0.43, where the next frames differ by 1 to 9; a frozen H.264 film (7 scenes, CRF 20 to
# 35): up to 0.08. Frames of the stillest clips that are no repeats: 0.29 and more, in the middle 0.41: a limit of 1 would call whole clips
# copies. By the rule of `limit_of` 18 windows of 219 (7 frames each, 56 clips) have a repeat, all of them beside much larger differences.
LEAST_LIMIT = 0.25
"""Grey levels: below this two frames are one, however still the scene is."""
MOST_LIMIT = 1.0
"""Grey levels: above this two frames are two, however much the others differ."""
# Of how much the frames of a window differ (lower quartile of the pairs): in a scene that moves, coding changes a repeat a little more.
SHARE = 1 / 6
# Times that the next frames are looked at in place of repeats; six fill a window of a film with each frame twice. A frozen film has
# hundreds of repeats, and each turn reads it again.
TURNS = 6
STEPS = 12  # differences between frames of a film, one after the other, that say how much its frames usually differ


Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Repeat:
    """One frame that is another one again.

    Attributes:
        of: number of that other frame.
        difference: mean absolute difference of the two faces [grey levels].
    """

    of: int
    difference: float


@dataclass(frozen=True)
class Repeats:
    """What was found in one input.

    Attributes:
        found: the frames that repeat another one, by their numbers.
        n_distinct: number of frames that are left for the network.
        stand_ins: whether other frames took the places of some.
    """

    found: Mapping[int, Repeat]
    n_distinct: int
    stand_ins: bool = False

    def facts(self) -> dict[str, Any]:
        """For the report, among the facts on the frames."""
        rows = [{"index": i, "of": each.of, "difference": round(each.difference, 3)} for i, each in sorted(self.found.items())]
        return {"n_distinct": self.n_distinct, "repeats": rows}

    def warnings(self) -> list[str]:
        """What to tell the user; nothing where no frame repeats another."""
        if not self.found:
            return []
        n, total = len(self.found), len(self.found) + self.n_distinct
        are, add, they = ("is a repeat", "adds", "it was") if n == 1 else ("are repeats", "add", "they were")
        instead = "; others took their place as far as there are any" if self.stand_ins else ""
        return [
            f"{n} of {total} frames {are} of others and {add} nothing (frozen film, a film made faster by repeating frames, or a still "
            f"scene of which the coding kept no more than one frame): {they} left out{instead}."
        ]


def without_repeats(located: Located, source: Source) -> tuple[Located, dict[int, Repeat]]:
    """Leave out of a window the frames that repeat another one, and take the next usable frames instead, as far as there are any.

    Args:
        located: the cut sequence; its middle stays.
        source: the input, to look at the same place of two frames.

    Returns:
        The window of frames that differ (its `again` leaves repeats out likewise), and the repeats by their numbers. The dictionary grows
        when `again` finds more.

    Raises:
        InputError: a frame that was read before cannot be read any more.
    """
    found: dict[int, Repeat] = {}
    return _sieved(located, source, {}, found), found


def _sieved(located: Located, source: Source, strangers: Mapping[int, str], found: dict[int, Repeat]) -> Located:
    again = located.again
    for turn in range(TURNS + 1):
        new = repeats_in(located, source)
        if not new:
            break
        found.update(new)
        located = _only_others(located, new) if again is None or turn == TURNS else again({**strangers, **_reasons(found)})
    if again is None:
        return located

    def afresh(more: Mapping[int, str]) -> Located:
        return _sieved(again({**more, **_reasons(found)}), source, more, found)

    return replace(located, again=afresh)


def _reasons(found: Mapping[int, Repeat]) -> dict[int, str]:
    return {index: f"it repeats frame {each.of}" for index, each in found.items()}


def _only_others(located: Located, new: Mapping[int, Repeat]) -> Located:
    """The window without some of its frames and without any in their places; the middle stays at n // 2."""
    kept = [i for i in located.indexes if i not in new]
    order = [located.indexes.index(i) for i in neighbours(kept, located.indexes[len(located.indexes) // 2], len(kept))]
    sequence, sources = located.sequence, located.sequence.sources
    return replace(
        located,
        sequence=replace(sequence, frames=sequence.frames[order], sources=tuple(sources[i] for i in order) if sources else sources),
        indexes=tuple(located.indexes[i] for i in order),
        squares=tuple(located.squares[i] for i in order),
        how=tuple(located.how[i] for i in order),
        skipped=dict(sorted({**located.skipped, **_reasons(new)}.items())),
    )


def repeats_in(located: Located, source: Source) -> dict[int, Repeat]:
    """Which frames of a window repeat another one: of frames that are the same, the one nearest to the middle is kept.

    A frame is held against those that are kept, never against a repeat: in a slow motion each frame is near the next, and yet not one.
    """
    numbers, middle = located.indexes, len(located.indexes) // 2
    far = apart(_looks(located, source))
    limit, kept, found = limit_of(far), [middle], dict[int, Repeat]()
    for i in sorted(range(len(numbers)), key=lambda i: (abs(numbers[i] - numbers[middle]), numbers[i])):
        nearest = min(kept, key=lambda k: far[i, k])
        if i == middle:
            continue
        if far[i, nearest] < limit:
            found[numbers[i]] = Repeat(numbers[nearest], float(far[i, nearest]))
        else:
            kept.append(i)
    return found


def limit_of(far: NDArray[np.float64]) -> float:
    """Below which difference two frames are one [grey levels], of the differences `[n, n]` of a window."""
    pairs = far[np.triu_indices(len(far), 1)]
    # The quartile, not the median: a face that holds still for a moment and then turns is no repeat.
    return _limit(float(np.percentile(pairs, 25)) if len(pairs) else 0.0)


def _limit(usual: float) -> float:
    return min(max(LEAST_LIMIT, SHARE * usual), MOST_LIMIT)


class FilmRepeats:
    """Tells of the frames of a film, one after the other, which of them show the last one that differed once more.

    The face of a frame is held against the same place of that last one, so one whole picture is remembered. How much frames usually differ
    is the (upper) median of the last `STEPS` differences of this stretch from `LEAST_LIMIT` on: what was called a repeat counts too, or a
    lively scene would make repeats of the still one after it for good.
    """

    def __init__(self) -> None:
        self._steps: deque[float] = deque(maxlen=STEPS)
        self._last: tuple[int, int, Picture] | None = None

    def shows(self, at: int, run: int, picture: Picture, square: Square, cut: Picture) -> int:
        """The frame that is shown: `at` itself, or an earlier one.

        Args:
            at: place of the frame in the film.
            run: number of its stretch; −1 for a frame without a face, which repeats nothing.
            picture: uint8 `[H, W, 3]`.
            square: of the face.
            cut: uint8 `[S, S, 3]`, what the square shows.
        """
        if self._last is None or not self._last[1] == run >= 0:
            self._steps.clear()
        else:
            before = crop_square(self._last[2], *square, len(cut))
            far = _difference(cut, before)
            limit = _limit(median_high(self._steps) if self._steps else 0.0)
            if far >= LEAST_LIMIT:
                self._steps.append(far)
            if far < limit:
                return self._last[0]
        self._last = (at, run, picture)
        return at


def apart(looks: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How much any two frames differ.

    Args:
        looks: `[n, m, S, S, 3]`: each frame at m places; m = n where place j is that of the face in frame j, else 1.

    Returns:
        `[n, n]`: mean absolute difference [grey levels], at the place of the face in the one frame or the other, whichever is more.
    """
    n, m = looks.shape[:2]
    far = np.zeros((n, n))
    for i in range(n):
        for j in range(i):
            places = (i, j) if m == n else (0,)
            far[i, j] = far[j, i] = max(_difference(looks[i, k], looks[j, k]) for k in places)
    return far


def _difference(a: Picture, b: Picture) -> float:
    return float(np.abs(a.astype(np.int16) - b).mean())


def _looks(located: Located, source: Source) -> NDArray[np.uint8]:
    """Each frame where the face lies in each; the cuts alone where all were cut at one place.

    In a film the cuts lie on a smooth path: of a picture that is there twice they show two places, some tenths of a pixel apart.
    """
    frames, squares = located.sequence.frames, [square for square in located.squares if square is not None]
    if len(squares) < len(frames) or np.ptp(np.array(squares), axis=0).max() < 1e-3:
        return frames[:, None]
    size, at = frames.shape[1], {index: i for i, index in enumerate(located.indexes)}
    looks = np.empty((len(frames), len(frames), *frames.shape[1:]), np.uint8)
    for index, picture in source.read(min(at), max(at) + 1):
        if index in at:
            if isinstance(picture, InputError):
                raise picture  # readable a moment ago: it changed on disk
            looks[at[index]] = [crop_square(picture, *square, size) for square in squares]
    return looks
