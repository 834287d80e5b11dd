"""Following one face: films that move, shake and lose the face for a moment, and separate pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sharpening.errors import NoFaceFound, RangeError, ShapeError
from sharpening.models.face_align.sightings import LIVE_FOR, thumbnail
from sharpening.models.face_align.track import LONGEST_GAP, Place, Track, crop_square, follow_face


def scene(face: np.ndarray, x: float, y: float, side: int = 80, size: tuple[int, int] = (160, 200)) -> np.ndarray:
    """A grey picture with the face, `side` px wide, its centre at (x, y)."""
    picture = np.full((*size, 3), 110, np.uint8)
    picture[::7] = 116
    put(picture, face, x, y, side)
    return picture


def put(picture: np.ndarray, face: np.ndarray, x: float, y: float, side: int) -> None:
    small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
    matrix = np.float32([[1, 0, x - (side - 1) / 2], [0, 1, y - (side - 1) / 2]])
    height, width = picture.shape[:2]
    moved = cv2.warpAffine(small, matrix, (width, height))
    mask = cv2.warpAffine(np.full((side, side), 255, np.uint8), matrix, (width, height)) > 127
    picture[mask] = moved[mask]


@pytest.fixture(scope="module")
def walk(astronaut_face) -> list[np.ndarray]:
    """The face goes 1.3 px to the right in each of nine frames; frame 4 shows none."""
    frames = [scene(astronaut_face, 70 + 1.3 * i, 80) for i in range(9)]
    frames[4] = np.full_like(frames[4], 110)
    return frames


@pytest.fixture(scope="module")
def walked(walk) -> Track:
    return follow_face(iter(walk))


def test_film_is_followed_smoothly(walked) -> None:
    centres = np.array([place.square[:2] for place in walked.places])
    steps = np.diff(centres[:, 0])
    assert walked.steady
    assert np.abs(steps - 1.3).max() < 0.5
    assert np.abs(np.diff(centres[:, 1])).max() < 0.5


def test_short_gap_is_bridged_and_said(walked) -> None:
    assert [place.how for place in walked.places] == ["found"] * 4 + ["bridged"] + ["found"] * 4
    assert "no face" in walked.places[4].why
    assert walked.places[4].score is None
    assert walked.usable == list(range(9))


def test_window_has_one_side(walked) -> None:
    sides = {square[2] for square in walked.squares([1, 3, 4, 7])}
    assert len(sides) == 1
    own = [walked.places[i].square[2] for i in (1, 3, 4, 7)]
    assert min(own) <= sides.pop() <= max(own)


def test_long_gap_is_not_bridged(astronaut_face) -> None:
    empty = np.full((160, 200, 3), 110, np.uint8)
    face = scene(astronaut_face, 90, 80)
    track = follow_face([empty, face, face, *[empty] * (LONGEST_GAP + 1), face])
    assert [place.square is not None for place in track.places] == [False, True, True, *[False] * (LONGEST_GAP + 1), True]
    assert all(place.why for place in track.places if place.square is None)


def test_shake_is_not_smoothed_away(astronaut_face) -> None:
    jump = 12  # px, 15 % of the side: more than the network can undo
    xs = [80, 80, 80, 80 + jump, 80, 80, 80]
    track = follow_face([scene(astronaut_face, x, 80) for x in xs])
    centres = [place.square[0] for place in track.places]
    assert centres[3] - centres[1] == pytest.approx(jump, abs=1.5)


@pytest.mark.parametrize("side", [36, 48])
def test_small_face_is_found(astronaut_face, side) -> None:
    track = follow_face([scene(astronaut_face, 100 + i, 80, side) for i in range(3)])
    assert track.usable == [0, 1, 2]
    assert track.places[1].square[2] == pytest.approx(side * 1.2, rel=0.25)


@pytest.fixture(scope="module")
def two_faces(astronaut_face) -> list[np.ndarray]:
    """A large face on the right, a smaller one on the left."""
    frames = []
    for i in range(3):
        picture = scene(astronaut_face, 150 - i, 80, 84, (160, 220))
        put(picture, astronaut_face[:, ::-1], 45 + i, 80, 60)
        frames.append(picture)
    return frames


def test_of_two_faces_the_larger_is_taken(two_faces) -> None:
    track = follow_face(two_faces)
    assert track.n_faces == 2
    assert track.places[0].square[0] > 110
    assert "largest" in track.choice


@pytest.mark.parametrize(("face", "on_the_left"), [(0, True), (1, False)])
def test_face_number_counts_from_the_left(two_faces, face, on_the_left) -> None:
    track = follow_face(two_faces, face=face)
    assert all((place.square[0] < 110) == on_the_left for place in track.places)


def test_face_number_that_is_not_there(two_faces) -> None:
    with pytest.raises(RangeError, match="0 to 1"):
        follow_face(two_faces, face=2)


def test_box_chooses_the_face_in_it(two_faces) -> None:
    track = follow_face(two_faces, box=(10, 40, 70, 80))
    assert all(place.square[0] < 110 for place in track.places)
    assert all(place.how == "found" for place in track.places)


def test_who_comes_to_the_place_of_the_box_much_later_is_not_the_face_in_it(two_faces) -> None:
    empty = np.full_like(two_faces[0], 90)
    soon = follow_face([empty, *two_faces], box=(10, 40, 70, 80))
    assert soon.choice == "the face in the box that was given"
    late = follow_face([empty] * (LIVE_FOR + 2) + list(two_faces), box=(10, 40, 70, 80))
    assert "no face was found in it" in late.choice
    assert {place.how for place in late.places} == {"given"}


def test_box_without_a_face_is_taken_itself() -> None:
    frames = [np.full((60, 80, 3), 90, np.uint8)] * 2
    track = follow_face(frames, box=(10, 20, 30, 20))
    assert [place.how for place in track.places] == ["given", "given"]
    assert track.squares([0, 1]) == [(24.5, 29.5, 30), (24.5, 29.5, 30)]


@pytest.mark.parametrize(
    "box", [(0, 0, 0, 10), (10, 10, 0, 0), (10, 10, -5, 5), (500, 0, 10, 10), (float("nan"), 1, 5, 5), (1, 2, 3)]
)
def test_impossible_box(box) -> None:
    with pytest.raises(RangeError, match="box"):
        follow_face([np.zeros((40, 50, 3), np.uint8)], box=box)


def test_box_has_no_meaning_in_pictures_of_different_sizes() -> None:
    frames = [np.zeros((40, 50, 3), np.uint8), np.zeros((41, 50, 3), np.uint8)]
    with pytest.raises(RangeError, match="one size"):
        follow_face(frames, box=(1, 1, 20, 20))


def test_box_and_face_exclude_each_other() -> None:
    with pytest.raises(RangeError, match="one of the two"):
        follow_face([], box=(1, 1, 2, 2), face=0)


def test_pictures_of_different_sizes_have_squares_of_their_own(astronaut_face) -> None:
    empty = np.full((90, 120, 3), 110, np.uint8)
    pictures = [scene(astronaut_face, 60, 70, 80, (150, 180)), empty, scene(astronaut_face, 120, 90, 120, (190, 240))]
    track = follow_face(pictures)
    assert not track.steady
    assert track.usable == [0, 2]
    first, last = track.squares([0, 2])
    assert last[2] / first[2] == pytest.approx(1.5, rel=0.1)
    assert last[0] == pytest.approx(120, abs=12)


def test_no_face_anywhere_is_no_error_here() -> None:
    track = follow_face([np.full((50, 60, 3), 128, np.uint8)] * 2)
    assert track.usable == []
    assert track.score is None
    assert track.n_faces == 0
    assert track.places[0] == Place(0, None, "none", "no face was found")
    with pytest.raises(NoFaceFound):
        track.squares([0])


def test_crop_with_whole_pixels_copies(rng) -> None:
    picture = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    assert np.array_equal(crop_square(picture, 20.5, 15.5, 12, 12), picture[10:22, 15:27])


def test_crop_shrinks_by_area(rng) -> None:
    picture = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    wanted = cv2.resize(picture[4:36, 8:40], (8, 8), interpolation=cv2.INTER_AREA)
    got = crop_square(picture, 8 + 15.5, 4 + 15.5, 32, 8)
    assert np.abs(got.astype(int) - wanted).max() <= 1


def test_crop_between_pixels_moves_by_the_fraction() -> None:
    ramp = np.repeat(np.arange(0, 200, 2, dtype=np.uint8)[None, :, None], 40, axis=0).repeat(3, axis=2)
    at = crop_square(ramp, 50, 20, 16, 16).astype(float)
    later = crop_square(ramp, 50.5, 20, 16, 16).astype(float)
    assert np.abs(later - at - 1).max() <= 1  # half a pixel of a ramp of 2 a pixel


def test_crop_enlarges_in_place() -> None:
    ramp = np.repeat(np.arange(0, 200, 2, dtype=np.uint8)[None, :, None], 40, axis=0).repeat(3, axis=2)
    large = crop_square(ramp, 50, 20, 16, 64)
    assert large.shape == (64, 64, 3)
    assert large.mean() == pytest.approx(crop_square(ramp, 50, 20, 16, 16).mean(), abs=1)


def test_crop_repeats_the_edge_outside() -> None:
    picture = np.zeros((10, 10, 3), np.uint8)
    picture[:, 0] = (200, 10, 30)
    cut = crop_square(picture, -4.5, 4.5, 10, 10)
    assert (cut[:, :9] == (200, 10, 30)).all()


@pytest.mark.parametrize("square", [(1, 1, 0, 8), (1, 1, -2, 8), (float("nan"), 1, 4, 8), (1, 1, float("inf"), 8), (1, 1, 4, 0)])
def test_impossible_crop(square) -> None:
    with pytest.raises(RangeError):
        crop_square(np.zeros((4, 4, 3), np.uint8), *square)


def test_crop_of_no_picture() -> None:
    with pytest.raises(ShapeError):
        crop_square(np.zeros((4, 4), np.uint8), 1, 1, 2, 2)


def test_sightings_keep_a_thumbnail_of_the_square(walk, walked) -> None:
    place = walked.places[2]
    wanted = cv2.cvtColor(crop_square(walk[2], *place.square, 32), cv2.COLOR_RGB2GRAY)
    assert place.thumbnail.shape == (32, 32)
    # The stored one is cut round the sighting itself, before the path was smoothed.
    assert np.corrcoef(place.thumbnail.ravel(), wanted.ravel())[0, 1] > 0.95
    assert walked.places[4].thumbnail is None


def test_thumbnail_of_a_whole_picture(rng) -> None:
    picture = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    assert np.array_equal(thumbnail(picture, (15.5, 15.5, 32)), cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
