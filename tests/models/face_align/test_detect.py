"""Faces are found where they are, at any size, and the square follows from the eyes."""

import sys

import cv2
import numpy as np
import pytest

from sharpening.errors import RangeError, ShapeError, WeightsMismatch, WeightsMissing
from sharpening.models.face_align import Face, dlib_models, eye_distance, find_faces, standard_square
from sharpening.models.face_align.detect import _factors
from sharpening.models.face_align.square import CENTRE_BELOW_EYES, SIDE_IN_EYE_DISTANCES

# The two eyes of the astronaut, read off the picture by eye (the woman's left eye is on the right).
LEFT_EYE, RIGHT_EYE = (246, 104), (204, 102)


@pytest.fixture(scope="module")
def astronaut():
    from skimage.data import astronaut

    return astronaut()


@pytest.fixture(scope="module")
def face(astronaut):
    return find_faces(astronaut)[0]


def shrunk_square(astronaut, face, side):
    """The standard crop of the face, shrunk to `side` px, and the map of points into it."""
    x, y, square = standard_square(face)
    left, top, n = round(x - square / 2 + 0.5), round(y - square / 2 + 0.5), round(square)
    crop = astronaut[top : top + n, left : left + n]
    return cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA), lambda p: (p - (left, top) + 0.5) * side / n - 0.5


def test_one_face_with_the_eyes_where_they_are(astronaut, face):
    assert len(find_faces(astronaut)) == 1
    assert np.abs(face.landmarks[0:2].mean(axis=0) - LEFT_EYE).max() < 4
    assert np.abs(face.landmarks[2:4].mean(axis=0) - RIGHT_EYE).max() < 4
    assert face.score > 1


def test_landmarks_stand_in_dlib_order(face):
    outer_left, inner_left, outer_right, inner_right, nose = face.landmarks
    assert outer_right[0] < inner_right[0] < nose[0] < inner_left[0] < outer_left[0]
    assert nose[1] > face.landmarks[:4, 1].max()


def test_it_agrees_with_dlib_itself(astronaut, face):
    import dlib

    box = dlib.get_frontal_face_detector()(astronaut)[0]
    shape = dlib.shape_predictor(str(dlib_models.dlib_model_path(dlib_models.FIVE_POINTS)))(astronaut, box)
    assert face.box == (box.left(), box.top(), box.right(), box.bottom())
    assert np.array_equal(face.landmarks, [(p.x, p.y) for p in shape.parts()])


@pytest.mark.parametrize("side", [24, 32, 40, 64, 128])
def test_small_pictures_of_a_face(astronaut, face, side):
    small, into = shrunk_square(astronaut, face, side)
    found = find_faces(small)
    assert len(found) == 1
    off = np.hypot(*(found[0].landmarks - into(face.landmarks)).T)
    assert off.mean() < 0.08 * side / SIDE_IN_EYE_DISTANCES


@pytest.mark.parametrize("box", [24, 32, 40])
def test_a_small_face_in_a_larger_picture(astronaut, face, box):
    scale = box / face.side
    small = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    picture = np.full((240, 320, 3), 90, dtype=np.uint8)
    part = small[: 240 - 60, : 320 - 100]
    picture[60 : 60 + part.shape[0], 100 : 100 + part.shape[1]] = part
    found = find_faces(picture)
    assert found
    assert np.abs(found[0].landmarks - ((face.landmarks + 0.5) * scale - 0.5 + (100, 60))).mean() < 1.5


def test_largest_face_first(astronaut):
    large, small = (
        astronaut[40:220, 130:320],
        cv2.resize(astronaut[40:220, 130:320], None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA),
    )
    picture = np.zeros((200, 340, 3), dtype=np.uint8)
    picture[10 : 10 + small.shape[0], 10 : 10 + small.shape[1]] = small
    picture[10:190, 140:330] = large
    sides = [face.side for face in find_faces(picture, upsample=1)]
    assert len(sides) == 2
    assert sides[0] > 1.3 * sides[1]


def test_upsampling_by_hand_gives_pixels_of_the_given_picture(astronaut, face):
    doubled = find_faces(astronaut[40:220, 130:320], upsample=1)[0]
    assert np.abs(doubled.landmarks + np.array([130, 40]) - face.landmarks).max() < 2.5


def test_no_face_is_an_empty_list():
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3), dtype=np.uint8)
    assert find_faces(noise) == []
    assert find_faces(np.zeros((8, 8, 3), dtype=np.uint8)) == []


def test_a_view_that_is_not_contiguous_works(astronaut):
    assert len(find_faces(astronaut[:, ::-1])) == 1


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((32, 32), np.uint8),
        np.zeros((32, 32, 4), np.uint8),
        np.zeros((32, 32, 3), np.float32),
        np.zeros((0, 32, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(picture):
    with pytest.raises(ShapeError, match="picture"):
        find_faces(picture)


def test_negative_upsampling_is_refused():
    with pytest.raises(RangeError, match="upsample"):
        find_faces(np.zeros((32, 32, 3), np.uint8), upsample=-1)


def test_enlargements_grow_and_stay_bounded():
    assert _factors(32, 32) == [8.0]
    assert _factors(240, 320) == [1.0, 2.0, 4.0]
    for height, width in [(1080, 1920), (2160, 3840), (4000, 6000)]:
        factors = _factors(height, width)
        assert factors[0] == 1.0
        assert factors == sorted(factors)
        assert all(f == 1 or f * f * height * width <= 12_000_001 for f in factors)


def test_square_of_a_made_face():
    landmarks = np.array([(68, 50), (52, 50), (32, 50), (48, 50), (50, 70)], dtype=np.float64)
    face = Face(box=(0, 0, 1, 1), landmarks=landmarks, score=1.0)
    x, y, side = standard_square(face)
    assert eye_distance(face) == 20
    assert side == pytest.approx(SIDE_IN_EYE_DISTANCES * 20)
    assert (x, y) == pytest.approx((50, 50 + CENTRE_BELOW_EYES * 20))


def test_square_turns_with_the_face():
    upright = np.array([(68, 50), (52, 50), (32, 50), (48, 50), (50, 70)], dtype=np.float64)
    turned = np.stack([100 - upright[:, 1], upright[:, 0]], axis=1)  # a quarter turn clockwise on the screen: down becomes left
    x, y, side = standard_square(Face((0, 0, 1, 1), turned, 1.0))
    assert side == pytest.approx(SIDE_IN_EYE_DISTANCES * 20)
    assert (x, y) == pytest.approx((50 - CENTRE_BELOW_EYES * 20, 50))


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(dlib_models.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsMissing, match="pip install face_recognition_models"):
        dlib_models.dlib_model_path.__wrapped__(dlib_models.FIVE_POINTS)


def test_tampered_file_is_refused(monkeypatch, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / dlib_models.FIVE_POINTS).write_bytes(b"not a predictor")
    monkeypatch.setattr(
        dlib_models.importlib.util, "find_spec", lambda name: type("Spec", (), {"submodule_search_locations": [tmp_path]})
    )
    with pytest.raises(WeightsMismatch, match="sha256"):
        dlib_models.dlib_model_path.__wrapped__(dlib_models.FIVE_POINTS)


def test_the_broken_package_is_never_imported(face):
    assert "face_recognition_models" not in sys.modules
