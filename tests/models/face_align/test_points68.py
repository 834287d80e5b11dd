"""The 68 landmarks: dlib's own, between pixels, in small and poor pictures, with an honest `sure`."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from sharpening.errors import ShapeError
from sharpening.models.face_align import dlib_models, find_faces
from sharpening.models.face_align.landmarks import LANDMARK_GROUPS, Landmarks
from sharpening.models.face_align.points68 import MIRROR_OF_68, _sure, find_landmarks


@pytest.fixture(scope="module")
def sharp(astronaut_face) -> Landmarks:
    return find_landmarks(astronaut_face)


def small(picture: np.ndarray, side: int, quality: int | None = None) -> np.ndarray:
    shrunk = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    if quality is None:
        return shrunk
    coded = cv2.imencode(".jpg", shrunk, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.imdecode(coded, cv2.IMREAD_COLOR)


def off(found: Landmarks, wanted: Landmarks) -> float:
    """Mean error of the inner points [eye distances]."""
    return float(np.hypot(*(found.points - wanted.points)[17:].T).mean() / wanted.eye_distance)


def test_parts_lie_in_order(sharp) -> None:
    middle = {name: sharp.group(name).mean(axis=0) for name in LANDMARK_GROUPS}
    assert middle["right_eye"][0] < middle["nose"][0] < middle["left_eye"][0]
    assert middle["right_brow"][1] < middle["right_eye"][1] < middle["nose"][1] < middle["mouth"][1] < sharp.points[8, 1]
    assert sharp.how == "found"
    assert sharp.sure > 0.95


def test_it_agrees_with_dlib_itself(astronaut_face, sharp) -> None:
    import dlib

    box = dlib.get_frontal_face_detector()(astronaut_face)[0]
    path = dlib_models.dlib_model_path(dlib_models.SIXTY_EIGHT_POINTS)
    shape = dlib.shape_predictor(str(path))(np.ascontiguousarray(astronaut_face), box)
    assert off(Landmarks(np.array([(p.x, p.y) for p in shape.parts()], float)), sharp) < 0.04


def test_five_points_agree_with_the_five_point_predictor(astronaut_face, sharp) -> None:
    five = find_faces(astronaut_face)[0].landmarks
    assert np.hypot(*(sharp.five - five).T)[:4].mean() < 0.08 * sharp.eye_distance


@pytest.mark.parametrize(("side", "quality", "error"), [(128, None, 0.03), (64, 80, 0.04), (32, 80, 0.06), (24, None, 0.08)])
def test_small_pictures(astronaut_face, sharp, side, quality, error) -> None:
    found = find_landmarks(small(astronaut_face, side, quality))
    assert off(found.enlarged(160 / side), sharp) < error


def test_points_move_with_parts_of_a_pixel(astronaut_face) -> None:
    moved = cv2.warpAffine(astronaut_face, np.float32([[1, 0, 1.5], [0, 1, 0.5]]), (160, 160), flags=cv2.INTER_CUBIC)
    face = find_faces(small(astronaut_face, 32))[0]
    first = find_landmarks(small(astronaut_face, 32), face)
    other = find_landmarks(small(moved, 32), face)
    assert np.allclose((other.points - first.points)[17:].mean(axis=0), (0.3, 0.1), atol=0.1)


def test_mirrored_picture_has_mirrored_points(astronaut_face, sharp) -> None:
    other = find_landmarks(np.ascontiguousarray(astronaut_face[:, ::-1]))
    back = Landmarks(((159, 0) + other.points * (-1, 1))[list(MIRROR_OF_68)])
    assert off(back, sharp) < 0.02


def test_mirror_is_its_own_inverse() -> None:
    mirror = np.array(MIRROR_OF_68)
    assert np.array_equal(mirror[mirror], np.arange(68))
    for side, other in [("left_eye", "right_eye"), ("left_brow", "right_brow")]:
        assert set(mirror[list(LANDMARK_GROUPS[side])]) == set(LANDMARK_GROUPS[other])


def test_worse_pictures_are_less_sure(astronaut_face, sharp) -> None:
    sures = [find_landmarks(small(astronaut_face, 32)).sure]
    for sigma in (8, 12):
        blurred = find_landmarks(small(cv2.GaussianBlur(astronaut_face, (0, 0), sigma), 32, 30))
        sures.append(blurred.sure if blurred else 0.0)
    assert sures[0] > 0.9
    assert sures == sorted(sures, reverse=True)
    assert sures[-1] < 0.7


def test_sure_falls_with_each_sign_of_trouble() -> None:
    assert _sure(0.01, 0.01, 1.5) > 0.95
    for worse in [(0.05, 0.01, 1.5), (0.01, 0.05, 1.5), (0.01, 0.01, -0.2)]:
        assert _sure(*worse) < _sure(0.01, 0.01, 1.5)
    assert _sure(0.1, 0.08, -0.3) < 0.1
    assert 0 <= _sure(0.0, 0.0, 99.0) <= 1
    assert 0 <= _sure(1e6, 1e6, -99.0) <= 1


def test_wrong_box_is_not_sure(astronaut_face) -> None:
    from sharpening.models.face_align import Face

    nowhere = Face((100.0, 5.0, 150.0, 55.0), np.zeros((5, 2)), 0.0)
    assert find_landmarks(astronaut_face, nowhere).sure < 0.3


def test_the_given_face_is_taken(astronaut_face, sharp) -> None:
    both = np.concatenate([astronaut_face, small(astronaut_face, 160)[:, ::-1]], axis=1)
    faces = sorted(find_faces(both), key=lambda face: face.box[0])
    assert len(faces) == 2
    assert off(find_landmarks(both, faces[0]), sharp) < 0.03
    assert find_landmarks(both, faces[1]).points[:, 0].min() > 160


def test_nothing_is_none(rng) -> None:
    assert find_landmarks(np.full((64, 64, 3), 128, np.uint8)) is None
    noise = find_landmarks(rng.integers(0, 256, (96, 96, 3), dtype=np.uint8))
    assert noise is None or noise.sure < 0.3


@pytest.mark.parametrize("picture", [np.zeros((32, 32), np.uint8), np.zeros((32, 32, 3), np.float32)])
def test_what_is_no_picture(picture) -> None:
    with pytest.raises(ShapeError, match="picture"):
        find_landmarks(picture)


def test_terms_are_said() -> None:
    assert "300-W" in dlib_models.LANDMARKS_68_TERMS
    assert "commercial" in dlib_models.LANDMARKS_68_TERMS
