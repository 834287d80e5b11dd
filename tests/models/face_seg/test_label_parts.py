"""Class tables, and our parts out of label maps: sides told by landmarks, skin divided."""

import numpy as np
import pytest

from sharpening.errors import RangeError
from sharpening.models.face_seg import PARTS
from sharpening.models.face_seg.classes import BISENET_CLASSES, CELEBAMASKHQ_CLASSES, label_parts, sides_of
from tests.models.face_seg.made_points import made_landmarks

TABLES = [CELEBAMASKHQ_CLASSES, BISENET_CLASSES]
SIZE = 128


def blob(labels, number, centre, radius):
    y, x = np.mgrid[: labels.shape[0], : labels.shape[1]]
    labels[np.hypot(x - centre[0], y - centre[1]) <= radius] = number


def drawn(classes, landmarks, *, persons, size=SIZE):
    """A label map as a parser would draw it; `persons`: "l_" is the person's left."""
    labels = np.zeros((size, size), np.uint8)
    unit, (left, right) = landmarks.eye_distance, landmarks.eye_centres
    middle = (left + right) / 2
    first, second = ("l", "r") if persons else ("r", "l")
    blob(labels, classes.index("hair"), np.subtract(middle, (0, 0.4 * unit)), 1.5 * unit)
    blob(labels, classes.index("skin"), np.add(middle, (0, 0.5 * unit)), 1.4 * unit)
    blob(labels, classes.index(f"{first}_eye"), left, 0.2 * unit)
    blob(labels, classes.index(f"{second}_eye"), right, 0.2 * unit)
    blob(labels, classes.index(f"{first}_brow"), landmarks.group("left_brow").mean(axis=0), 0.15 * unit)
    blob(labels, classes.index(f"{second}_brow"), landmarks.group("right_brow").mean(axis=0), 0.15 * unit)
    blob(labels, classes.index("nose"), landmarks.points[33], 0.25 * unit)
    for name, offset in (("u_lip", -0.12), ("mouth", 0.0), ("l_lip", 0.12)):
        blob(labels, classes.index(name), np.add(landmarks.points[[62, 66]].mean(axis=0), (0, offset * unit)), 0.1 * unit)
    return labels


def test_the_two_number_the_same_classes_differently():
    assert len(CELEBAMASKHQ_CLASSES) == len(BISENET_CLASSES) == 19
    assert set(CELEBAMASKHQ_CLASSES) == set(BISENET_CLASSES)
    assert [a for a, b in zip(*TABLES, strict=True) if a == b] == ["background", "skin", "l_eye", "r_eye"]
    assert CELEBAMASKHQ_CLASSES[13] == BISENET_CLASSES[17] == "hair"
    assert CELEBAMASKHQ_CLASSES[3] == BISENET_CLASSES[6] == "eye_g"


@pytest.mark.parametrize("classes", TABLES)
@pytest.mark.parametrize("turn", [0, 40])
def test_landmarks_tell_the_sides_whatever_the_parser_says(classes, turn):
    landmarks = made_landmarks(SIZE, turn=turn)
    persons, viewers = (label_parts(drawn(classes, landmarks, persons=p), classes, landmarks) for p in (True, False))
    assert set(persons) == set(PARTS)
    for part in PARTS:
        assert (persons[part] == viewers[part]).all()
    assert sum(mask.astype(int) for mask in persons.values()).max() == 1
    left = landmarks.eye_centres[0].round().astype(int)
    assert persons["left_eye"][left[1], left[0]]
    assert not persons["right_eye"][left[1], left[0]]


@pytest.mark.parametrize("classes", TABLES)
def test_whose_left_it_is_can_be_seen(classes):
    landmarks = made_landmarks(SIZE)
    assert sides_of(drawn(classes, landmarks, persons=True), classes, landmarks) == "person"
    assert sides_of(drawn(classes, landmarks, persons=False), classes, landmarks) == "viewer"
    assert sides_of(np.zeros((SIZE, SIZE), np.uint8), classes, landmarks) is None
    half = drawn(classes, landmarks, persons=True)
    half[:, SIZE // 2 :] = drawn(classes, landmarks, persons=False)[:, SIZE // 2 :]
    assert sides_of(half, classes, landmarks) is None


def test_without_landmarks_the_setting_counts():
    landmarks, classes = made_landmarks(SIZE), CELEBAMASKHQ_CLASSES
    told = label_parts(drawn(classes, landmarks, persons=True), classes, landmarks)
    viewers = drawn(classes, landmarks, persons=False)
    right, wrong = (label_parts(viewers, classes, sides=sides) for sides in ("viewer", "person"))
    assert set(right) == set(PARTS) - {"left_cheek", "right_cheek", "forehead", "chin"}
    assert (right["left_eye"] == told["left_eye"]).all()
    assert (wrong["left_eye"] == told["right_eye"]).all()


def test_skin_is_divided_and_glasses_are_eyes():
    landmarks, classes = made_landmarks(SIZE), BISENET_CLASSES
    labels = drawn(classes, landmarks, persons=True)
    parts = label_parts(labels, classes, landmarks)
    skin = np.logical_or.reduce([parts[part] for part in ("left_cheek", "right_cheek", "forehead", "chin")])
    assert (skin == (labels == classes.index("skin"))).all()
    assert all(parts[part].any() for part in PARTS)
    assert np.nonzero(parts["left_cheek"])[1].mean() > SIZE / 2 > np.nonzero(parts["right_cheek"])[1].mean()
    labels[np.isin(labels, [4, 5])] = classes.index("eye_g")
    glasses = label_parts(labels, classes, landmarks)
    assert (glasses["left_eye"] == parts["left_eye"]).all()


def test_what_is_refused():
    with pytest.raises(RangeError, match="0 to 18"):
        label_parts(np.full((4, 4), 19, np.uint8), CELEBAMASKHQ_CLASSES)
    with pytest.raises(RangeError, match="viewer"):
        label_parts(np.zeros((4, 4), np.uint8), CELEBAMASKHQ_CLASSES, sides="left")
