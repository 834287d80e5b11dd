"""Finding one face and following it through a list of frames, so that it can be cut out of each.

Two kinds of input are told apart. In a *film* the face moves little from one frame to the next: it is followed, short gaps between two
sightings are bridged, and the cuts lie on one smooth path with one side, so that what moves in the cuts is the face and not the
detector's error. *Separate pictures* (of different sizes, or with the face somewhere else in each) are each cut round their own face.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import NoFaceFound, RangeError
from sharpening.models.face_align.crop import Square, crop_square
from sharpening.models.face_align.sightings import LIVE_FOR, Sighting, Survey, Trail, survey

__all__ = ["Box", "Place", "Square", "Track", "crop_square", "follow_face", "plain_box"]

Picture = NDArray[np.uint8]
Box = tuple[float, float, float, float]
"""Left, top, width, height [px]."""

LONGEST_GAP = 4  # frames without a sighting, between two with one, that are bridged
UNSURE_SCORE = 0.15  # of dlib's detector: patterns that are no face reach about 0.1, clear faces 1 to 3, small poor ones 0.2 to 1
SMOOTHING = 1.5  # frames: sigma of the weights with which the neighbours count in the smooth path
FAR = 10 * (LONGEST_GAP + 2)  # frames: at 6 sigma and more, in a gap too, a neighbour counts nothing
# The shipped network was trained to undo shifts of 5.5 % of the side (7 px of 128). The detector errs by 1 to 2 %.
SHAKE = 0.04


@dataclass(frozen=True)
class Place:
    """Where the face is in one frame.

    Attributes:
        index: number of the frame among those given.
        square: centre x, centre y, side [px] of the standard square; None where the face is not known to be.
        how: "found" by the detector, "bridged" between two sightings, "given" by the user, or "none".
        why: for "bridged" and "none" the reason, in words.
        score: of the detector [-]; None where it found nothing.
        thumbnail: the face in grey, uint8 `[32, 32]`, to compare frames by; None where it was not found.
    """

    index: int
    square: Square | None
    how: str
    why: str = ""
    score: float | None = None
    thumbnail: Picture | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Track:
    """One face through all frames.

    Attributes:
        places: one for each frame, in order.
        n_faces: the largest number of faces in one frame.
        choice: how this face was chosen, in words.
        steady: whether the squares lie on one path (film) or each picture has its own.
    """

    places: tuple[Place, ...]
    n_faces: int
    choice: str
    steady: bool

    @property
    def usable(self) -> list[int]:
        """Numbers of the frames with a square."""
        return [place.index for place in self.places if place.square is not None]

    @property
    def score(self) -> float | None:
        """Mean score of the detector over the sightings [-]; None when there are none."""
        scores = [place.score for place in self.places if place.score is not None]
        return float(np.mean(scores)) if scores else None

    def squares(self, indexes: Sequence[int]) -> list[Square]:
        """The squares of some frames; in a film all with the same side, the median of theirs.

        Raises:
            NoFaceFound: for a frame that has none.
        """
        found = [(i, self.places[i].square) for i in indexes]
        squares = [square for _, square in found if square is not None]
        if len(squares) < len(found):
            raise NoFaceFound(f"frame {next(i for i, square in found if square is None)}", "Take frames out of Track.usable only.")
        if not (self.steady and squares):
            return squares
        side = float(np.median([square[2] for square in squares]))
        return [(cx, cy, side) for cx, cy, _ in squares]


def follow_face(
    frames: Iterable[Picture], *, box: Box | None = None, face: int | None = None, at: int = 0, thumbnails: bool = True
) -> Track:
    """Find one face and follow it.

    Left to itself it takes the face with the largest mean area over all frames, among those of which the detector is sure. The detector
    looks at every frame given, so for a long film give every k-th frame first (`restore.locate` does).

    Args:
        frames: pictures uint8 `[H, W, 3]` RGB, in order; they are taken one at a time, so a generator will do.
        box: left, top, width, height [px] round the wanted head in frame `at`. The face found in it is followed. When none is found there,
            the box itself is the place of the face in every frame.
        face: number of the wanted face, counted from 0 and from left to right in the first frame that has a face (in
            separate pictures: in each).
        at: the frame that `box` speaks of.
        thumbnails: whether each place shall have its thumbnail; without, a frame costs about 1 kB of memory, with it 2.

    Returns:
        A place for each frame; without any face all of them are of the kind "none".

    Raises:
        RangeError: both choices at a time, a box without area or outside the picture, a face number that is not there, or a box for
            pictures of different sizes.
    """
    if box is not None and face is not None:
        raise RangeError("box and face", (box, face), "one of the two", "Leave one out.")
    if box is not None:
        box = plain_box(box)
        seen = survey(frames, near=(box[0], box[1], box[0] + box[2], box[1] + box[3]), thumbnails=thumbnails)
        return _in_box(seen, _checked(box, seen), at)
    seen = survey(frames, thumbnails=thumbnails)
    if not seen.trails:
        places = tuple(Place(i, None, "none", _reason(seen, i, "no face was found")) for i in range(seen.n))
        return Track(places, 0, "no face was found", False)
    trail = _wanted(seen, face)
    with_faces = sum(bool(seen.in_frame(i)) for i in range(seen.n))
    if seen.mixed or 2 * len(trail.sightings) < with_faces:
        return _separate(seen, face)
    return _followed(seen, trail, _words(seen, face))


def plain_box(box: Any) -> Box:
    """A box as four floats.

    Raises:
        RangeError: it is something else, or without area.
    """
    try:
        left, top, width, height = (float(each) for each in box)
    except (TypeError, ValueError):
        raise RangeError("box", box, "four numbers: left, top, width, height") from None
    if not all(map(math.isfinite, (left, top, width, height))) or width <= 0 or height <= 0:
        raise RangeError("box", box, "left, top, width, height, all finite, width and height above 0")
    return left, top, width, height


def _checked(box: Box, seen: Survey) -> Box:
    if seen.mixed:
        advice = "Use face=N, or restore the pictures one by one."
        raise RangeError("box", box, "frames of one size (a box has no meaning in pictures of different sizes)", advice)
    height, width = seen.sizes[0] if seen.sizes else (0, 0)
    left, top, wide, tall = box
    if not (left < width and top < height and left + wide > 0 and top + tall > 0):
        raise RangeError("box", box, f"left, top, width, height in the picture of {width}×{height} px")
    return box


def _in_box(seen: Survey, box: Box, at: int) -> Track:
    left, top, wide, tall = box
    near = [(abs(min(trail.sightings, key=lambda i: abs(i - at)) - at), trail) for trail in seen.trails]
    # Who comes to this place much later is somebody else.
    inside = [(gap, -trail.mean_area(seen.n), trail) for gap, trail in near if gap <= LIVE_FOR and _lies_in(trail, box, at)]
    if inside:
        return _followed(seen, min(inside, key=lambda item: item[:2])[2], "the face in the box that was given")
    square = (left + (wide - 1) / 2, top + (tall - 1) / 2, max(wide, tall))
    places = tuple(Place(i, square, "given", "no face was found in the box, so the box itself was taken") for i in range(seen.n))
    return Track(places, seen.most_in_one_frame(), "the box that was given (no face was found in it)", True)


def _lies_in(trail: Trail, box: Box, at: int) -> bool:
    """Whether the face, where it was seen nearest to frame `at`, has its centre in the box and is not of quite another size."""
    left, top, wide, tall = box
    face = trail.sightings[min(trail.sightings, key=lambda i: abs(i - at))].face
    x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
    return left <= x <= left + wide and top <= y <= top + tall and 0.25 < face.side / max(wide, tall) < 2


def _wanted(seen: Survey, face: int | None) -> Trail:
    if face is None:
        sure = [trail for trail in seen.trails if trail.score >= UNSURE_SCORE]
        return max(sure or seen.trails, key=lambda trail: trail.mean_area(seen.n))
    first = min(min(trail.sightings) for trail in seen.trails)
    return _trail_of(seen, first, _nth(seen, first, face))


def _nth(seen: Survey, index: int, face: int) -> Sighting:
    here = seen.in_frame(index)
    if not 0 <= face < len(here):
        raise RangeError("face", face, f"0 to {len(here) - 1}: frame {index} has {len(here)} face(s), counted from left to right")
    return here[face]


def _trail_of(seen: Survey, index: int, sighting: Sighting) -> Trail:
    return next(trail for trail in seen.trails if trail.sightings.get(index) is sighting)


def _words(seen: Survey, face: int | None) -> str:
    if face is not None:
        return f"face {face} from the left"
    return "the only face" if len(seen.trails) == 1 else "the face with the largest mean area"


def _separate(seen: Survey, face: int | None) -> Track:
    """Each picture for itself: its largest face of which the detector is sure, or its `face`-th from the left."""
    places = []
    for index in range(seen.n):
        here = seen.in_frame(index)
        sure = [sighting for sighting in here if sighting.face.score >= UNSURE_SCORE] or here
        if face is not None and here:
            chosen = here[face] if 0 <= face < len(here) else None
        else:
            chosen = max(sure, key=lambda sighting: sighting.face.side, default=None)
        why = f"it has no face number {face}" if here else _reason(seen, index, "no face was found")
        places.append(_found(index, chosen) if chosen else Place(index, None, "none", why))
    if face is not None and all(place.square is None for place in places):
        raise RangeError("face", face, f"0 to {seen.most_in_one_frame() - 1}: no picture has more faces")
    choice = "the largest face of each picture" if face is None else f"face {face} from the left of each picture"
    return Track(tuple(places), seen.most_in_one_frame(), choice, False)


def _found(index: int, sighting: Sighting, square: Square | None = None) -> Place:
    return Place(index, square or sighting.square, "found", "", sighting.face.score, sighting.thumbnail)


def _followed(seen: Survey, trail: Trail, choice: str) -> Track:
    found = np.array(sorted(trail.sightings))
    own = np.array([trail.sightings[i].square for i in found.tolist()])
    places = []
    for index in range(seen.n):
        if index in trail.sightings:
            sighting = trail.sightings[index]
            places.append(_found(index, sighting, _steadied(sighting.square, _smooth(found, own, index))))
        elif (gap := _gap(found, index)) and gap <= LONGEST_GAP:
            places.append(
                Place(index, _smooth(found, own, index), "bridged", f"no face was found; its place was bridged over {gap} frame(s)")
            )
        else:
            places.append(Place(index, None, "none", _reason(seen, index, "the face was not found")))
    return Track(tuple(places), seen.most_in_one_frame(), choice, True)


def _reason(seen: Survey, index: int, words: str) -> str:
    return "it was not searched: no face for a long time before it" if index in seen.unsearched else words


def _gap(found: NDArray[np.int_], index: int) -> int | None:
    """Number of frames between the sightings before and after `index`, which has none; None before the first and after the last."""
    after = int(np.searchsorted(found, index))
    return int(found[after] - found[after - 1]) - 1 if 0 < after < len(found) else None


def _smooth(times: NDArray[np.int_], squares: NDArray[np.float64], at: int) -> Square:
    """Straight line through the neighbours in time, weighted by nearness: no lag behind a steady motion, at the ends neither."""
    # What is further away counts nothing, but costs time in a long film.
    first, last = np.searchsorted(times, (at - FAR, at + FAR + 1))
    away, squares = times[first:last] - at, squares[first:last]
    nearest = int(np.abs(away).min())
    # In a gap the nearest sightings are far: widen the weights, so that both of its ends count.
    weights = np.exp(-0.5 * (away / (SMOOTHING + nearest)) ** 2)
    weights /= weights.sum()
    mean_away, mean = weights @ away, weights @ squares
    spread = weights @ (away - mean_away) ** 2
    slope = (weights * (away - mean_away)) @ (squares - mean) / spread if spread > 1e-9 else np.zeros(3)
    cx, cy, side = (mean - slope * mean_away).tolist()
    return cx, cy, max(side, float(squares[:, 2].min()))


def _steadied(own: Square, smooth: Square) -> Square:
    """The smooth place, but where the face really is elsewhere (a shaken camera) its own."""
    strays = np.hypot(own[0] - smooth[0], own[1] - smooth[1]) > SHAKE * smooth[2]
    return own if strays else smooth
