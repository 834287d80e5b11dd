"""Looking for faces in one frame after another, and telling which of them are the same face: trails.

A whole frame is searched when nothing is followed yet, and every tenth frame for newcomers; in between the search is kept to the
surroundings of the faces that are followed, where it is cheap and finds smaller ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpening.models.face_align.crop import Square, crop_square
from sharpening.models.face_align.detect import Face, find_faces, standard_square

__all__ = ["Sighting", "Survey", "Trail", "survey", "thumbnail"]

Picture = NDArray[np.uint8]

FULL_SEARCH_EVERY = 10  # searched frames
LIVE_FOR = 15  # searched frames that a face may be out of sight and still be taken for the same one
RETRY_AFTER = 3  # frames between two whole searches for faces that are out of sight
PATIENCE = 12  # whole searches in vain after which only every `RETRY_AFTER`-th frame is searched
MOST_TRAILS = 8  # faces that are followed closely at a time
SURROUNDINGS = 3.0  # side of the searched neighbourhood, in sides of the last box
AROUND_BOX = 2.0  # the same round a box that was given, in its own sides
# Where a face is expected the search is enlarged until it would be this large, and the detector believes more. On films of a face of
# 18 to 20 px (H.264, CRF 24 to 32) that found it in all of 100 frames and nothing false; a search of whole frames found 76 to 100 %.
EXPECTED_SIDE = 90  # px
MOST_ENLARGED = 8.0
EXPECTED_THRESHOLD = -0.2

Corners = tuple[float, float, float, float]

_THUMBNAIL_SIDE = 32  # px: what the shipped network sees


@dataclass(frozen=True, eq=False)
class Sighting:
    """A face found in one frame.

    Attributes:
        face: box and landmarks.
        square: its standard square (centre x, centre y, side) [px].
        thumbnail: the square in grey, small, to compare frames by, see `thumbnail`; None where none was wanted.
    """

    face: Face
    square: Square
    thumbnail: Picture | None


@dataclass(eq=False)
class Trail:
    """One face through the frames: frame number → sighting, in the order of the numbers."""

    sightings: dict[int, Sighting] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """Number of the frame in which the face was seen last."""
        return next(reversed(self.sightings))

    @property
    def score(self) -> float:
        """Mean score of the detector [-]."""
        return float(np.mean([sighting.face.score for sighting in self.sightings.values()]))

    def mean_area(self, n_searched: int) -> float:
        """Mean area of the box over all searched frames [px²]; a frame without this face counts as nothing."""
        return sum(sighting.face.side**2 for sighting in self.sightings.values()) / max(1, n_searched)


@dataclass(frozen=True, eq=False)
class Survey:
    """All faces of some frames.

    Attributes:
        trails: the faces, each followed as far as it could be.
        sizes: height and width of each frame [px].
        unsearched: numbers of frames that were passed over, in long stretches without any face.
    """

    trails: tuple[Trail, ...]
    sizes: tuple[tuple[int, int], ...]
    unsearched: frozenset[int] = frozenset()

    @property
    def n(self) -> int:
        """Number of frames."""
        return len(self.sizes)

    @property
    def mixed(self) -> bool:
        """Whether the frames differ in size, so that places in one say nothing about another."""
        return len(set(self.sizes)) > 1

    def in_frame(self, index: int) -> list[Sighting]:
        """The faces of one frame, from left to right."""
        here = [trail.sightings[index] for trail in self.trails if index in trail.sightings]
        return sorted(here, key=lambda sighting: sighting.face.box[0])

    def most_in_one_frame(self) -> int:
        """The largest number of faces in one frame."""
        return max((len(self.in_frame(i)) for i in range(self.n)), default=0)


def survey(frames: Iterable[Picture], *, near: Corners | None = None, thumbnails: bool = True) -> Survey:
    """Look for faces in every frame given; only one frame is held in memory at a time.

    Args:
        frames: pictures uint8 `[H, W, 3]` RGB, in order; a generator will do.
        near: left, top, right, bottom [px]: search only round this place, as long as nothing is followed.
        thumbnails: whether to keep one of each sighting; in a long film they are most of what is remembered of a frame.

    Cost on one core: about 35 ms for a whole frame of 512×512 with a face that needs no enlargement, 10 to 30 ms for the surroundings of
    a face, 1 to 2 s for a whole frame in which none is found (it is then searched enlarged).
    """
    trails: list[Trail] = []
    sizes: list[tuple[int, int]] = []
    unsearched: set[int] = set()
    last_whole, in_vain = -FULL_SEARCH_EVERY, 0
    for index, picture in enumerate(frames):
        size = (picture.shape[0], picture.shape[1])
        same_size = not sizes or size == sizes[-1]
        sizes.append(size)
        live = [trail for trail in trails if index - trail.last <= LIVE_FOR] if same_size else []
        found = _search_near(picture, live)
        since = index - last_whole
        lost = len(found) < len([trail for trail in live if index - trail.last <= RETRY_AFTER])
        alone = not live and (since >= RETRY_AFTER or in_vain < PATIENCE)
        if not same_size or alone or since >= FULL_SEARCH_EVERY or (lost and since >= RETRY_AFTER):
            everywhere = find_faces(picture) if near is None else _search_round(picture, near, AROUND_BOX, 3 * EXPECTED_SIDE)
            found, last_whole = _without_doubles([*found, *everywhere]), index
            in_vain = 0 if found else in_vain + 1
        elif not live:
            unsearched.add(index)
        newcomer_score = 0.0 if near is None else EXPECTED_THRESHOLD
        for trail, face in _associate(index, found, live, trails, newcomer_score):
            square = standard_square(face)
            trail.sightings[index] = Sighting(face, square, thumbnail(picture, square) if thumbnails else None)
    return Survey(tuple(trails), tuple(sizes), frozenset(unsearched))


def thumbnail(picture: Picture, square: Square) -> Picture:
    """The luma of a square at the size that the shipped network sees: uint8 `[32, 32]`."""
    return np.asarray(cv2.cvtColor(crop_square(picture, *square, _THUMBNAIL_SIDE), cv2.COLOR_RGB2GRAY), np.uint8)


def _search_near(picture: Picture, live: Sequence[Trail]) -> list[Face]:
    """Search round the last places of the faces that are followed, the largest of them if they are many."""
    boxes = [trail.sightings[trail.last].face.box for trail in live]
    boxes = sorted(boxes, key=lambda box: box[0] - box[2])[:MOST_TRAILS]
    return _without_doubles([face for box in boxes for face in _search_round(picture, box)])


def _search_round(picture: Picture, box: Corners, times: float = SURROUNDINGS, enlarged: float = EXPECTED_SIDE) -> list[Face]:
    """Search the surroundings of a box, `times` as large as it, with the box enlarged to at least `enlarged` px."""
    height, width = picture.shape[:2]
    side = max(box[2] - box[0], box[3] - box[1])
    x, y, reach = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, times * side / 2
    left, top = max(0, int(x - reach)), max(0, int(y - reach))
    right, bottom = min(width, int(x + reach) + 1), min(height, int(y + reach) + 1)
    if right <= left or bottom <= top:
        return []
    factor = min(max(1.0, enlarged / side), MOST_ENLARGED)
    size = max(1, round((right - left) * factor)), max(1, round((bottom - top) * factor))
    around = cv2.resize(picture[top:bottom, left:right], size, interpolation=cv2.INTER_CUBIC)
    scale = (right - left) / size[0], (bottom - top) / size[1]
    return [_moved_back(face, scale, (left, top)) for face in find_faces(around, upsample=0, threshold=EXPECTED_THRESHOLD)]


def _moved_back(face: Face, scale: tuple[float, float], corner: tuple[float, float]) -> Face:
    """A face found in an enlarged part, in pixels of the picture; pixel centres count, so half pixels do not scale."""

    def back(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return (points + 0.5) * scale - 0.5 + corner

    left, top, right, bottom = back(np.array(face.box).reshape(2, 2)).ravel().tolist()
    return replace(face, box=(left, top, right, bottom), landmarks=back(face.landmarks))


def _without_doubles(faces: Sequence[Face]) -> list[Face]:
    """The same face found twice (in overlapping surroundings, or at two enlargements) counts once: the surer one stays."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: face.score, reverse=True):
        if all(_distance(face, other) > 0.5 for other in kept):
            kept.append(face)
    return kept


def _distance(face: Face, other: Face) -> float:
    """Distance of the centres, in sides of the smaller box."""
    a, b = (np.add(each.box[:2], each.box[2:]) / 2 for each in (face, other))
    return float(np.hypot(*(a - b))) / min(face.side, other.side)


def _associate(
    index: int, faces: Sequence[Face], live: Sequence[Trail], trails: list[Trail], newcomer_score: float
) -> list[tuple[Trail, Face]]:
    """Give each face to the trail that it goes on, the nearest first; others of at least `newcomer_score` start trails of their own."""
    pairs = []
    for f, face in enumerate(faces):
        for t, trail in enumerate(live):
            before = trail.sightings[trail.last].face
            # A face out of sight may have gone further: a tenth of its side per frame more.
            reach = min(1.5, 0.5 + 0.1 * (index - trail.last - 1))
            alike_in_size = 1 / 1.5 <= face.side / before.side <= 1.5
            if alike_in_size and (distance := _distance(face, before)) <= reach:
                pairs.append((distance, f, t))
    given: dict[int, int] = {}
    for _, f, t in sorted(pairs):
        if f not in given and t not in given.values():
            given[f] = t
    newcomers = [f for f, face in enumerate(faces) if f not in given and face.score >= newcomer_score]
    new = {f: Trail() for f in newcomers}
    trails.extend(new.values())
    return [(live[given[f]] if f in given else new[f], face) for f, face in enumerate(faces) if f in given or f in new]
