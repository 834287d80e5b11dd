"""The first look at a film: which face it is, and where it is in every frame. One frame is in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import ShapeError
from sharpening.models.face_align.track import Track, follow_face
from sharpening.restore.cropped import come_cropped
from sharpening.restore.film_path import FacePath, steady_path
from sharpening.restore.located import Choice
from sharpening.restore.reading import cut_side, nothing_found, readable
from sharpening.restore.source import Source

__all__ = ["FilmFace", "Progress", "find_in_film"]

Picture = NDArray[np.uint8]
Progress = Callable[[str, int, int], None]
"""Takes what is being done ("looking", "restoring"), how many frames are done, and how many there are (as far as is known)."""


@dataclass(frozen=True, eq=False)
class FilmFace:
    """The face of a film.

    Attributes:
        path: where it is in each of the frames that can be read.
        numbers: the numbers of these frames in the input.
        size: side to which the face is cut out [px].
        native: median side of its square in the input [px].
        frame_size: height and width of the frames [px].
        choice: how the face was chosen, in words.
        n_faces: the largest number of faces in one frame; 0 where none were looked for.
        score: mean score of the detector; None where it saw nothing.
        skipped: numbers of frames that cannot be read, each with the reason.
    """

    path: FacePath
    numbers: tuple[int, ...]
    size: int
    native: float
    frame_size: tuple[int, int]
    choice: str
    n_faces: int
    score: float | None
    skipped: dict[int, str]


@dataclass(eq=False)
class _Look:
    """Reads the frames one by one, and remembers what they were."""

    source: Source
    choice: Choice
    progress: Progress | None
    numbers: list[int] = field(default_factory=list)
    sizes: dict[tuple[int, int], int] = field(default_factory=dict)
    skipped: dict[int, str] = field(default_factory=dict)

    def pictures(self) -> Iterator[Picture]:
        stop = self.source.n if self.choice.stop is None else min(self.choice.stop, self.source.n)
        for index, picture in readable(self.source, self.choice, 1, self.skipped):
            self.sizes.setdefault((picture.shape[0], picture.shape[1]), index)
            self.numbers.append(index)
            yield picture
            if self.progress is not None:
                self.progress("looking", len(self.numbers), stop - self.choice.start)

    def frame_size(self) -> tuple[int, int]:
        """Of all frames alike: a film has one size."""
        if len(self.sizes) > 1:
            (first, _), (other, index) = list(self.sizes.items())[:2]
            got = f"{other[1]}×{other[0]} in {self.source.label(index)}, {first[1]}×{first[0]} before it"
            advice = "Take a part of one size (--start, --stop), or restore single pictures."
            raise ShapeError(f"frames of {self.source.name}", got, "one size in the whole film", advice)
        return next(iter(self.sizes))


def find_in_film(
    source: Source, choice: Choice, *, size: int, largest: int | None = None, progress: Progress | None = None
) -> FilmFace:
    """Find one face and follow it through every frame.

    A frame costs about 1 kB of memory here, whatever its size, besides the one that is looked at.

    Args:
        source: the input.
        choice: what the user decides.
        size: side of the cut frames that the network was trained with [px].
        largest: up to this side [px] a face keeps the pixels that it has, found or cropped; `size` when left out.
        progress: told of every frame.

    Raises:
        NoFaceFound: in none of the frames.
        InputError: no frame can be read.
        ShapeError: frames of different sizes, or cropped ones that are not square.
        RangeError: a box, face or start that does not fit the input.
    """
    cropped = come_cropped(source, choice)
    look = _Look(source, choice, progress)
    take = _cropped if cropped else _followed
    return take(look, size, largest or size)


def _cropped(look: _Look, size: int, largest: int) -> FilmFace:
    for _ in look.pictures():
        pass
    if not look.numbers:
        raise nothing_found(look.source, look.skipped)
    height, width = look.frame_size()
    if height != width:
        advice = "Crop the faces to squares, or leave `cropped` out so that they are looked for."
        raise ShapeError(look.source.name, f"{width}×{height}", "square pictures of a cropped face", advice)
    n = len(look.numbers)
    whole = np.tile([(width - 1) / 2, (height - 1) / 2, width], (n, 1)).astype(np.float64)
    path = FacePath(whole, ("cropped",) * n, np.zeros(n, np.int64))
    side, words = cut_side(width, size, largest), "the frames came cropped"
    return FilmFace(path, tuple(look.numbers), side, float(width), (height, width), words, 0, None, look.skipped)


def _followed(look: _Look, size: int, largest: int) -> FilmFace:
    choice = look.choice
    track = follow_face(look.pictures(), box=choice.box, face=choice.face, thumbnails=False)
    if not track.usable:
        raise nothing_found(look.source, look.skipped, looked=len(look.numbers))
    path, native = steady_path([place.square for place in track.places], [place.how for place in track.places]), _native(track)
    return FilmFace(
        path=path,
        numbers=tuple(look.numbers),
        size=cut_side(native, size, largest),
        native=native,
        frame_size=look.frame_size(),
        choice=track.choice,
        n_faces=track.n_faces,
        score=track.score,
        skipped=look.skipped,
    )


def _native(track: Track) -> float:
    return float(np.median([place.square[2] for place in track.places if place.square is not None]))
