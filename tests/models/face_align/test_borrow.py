"""Borrowed landmarks lie where the made motion has them, say so, and are not made up where nothing matches."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from sharpening.errors import RangeError, ShapeError
from sharpening.frames.degrade import apply, draw, settings
from sharpening.models.basic_blocks.registration import pixel_affine
from sharpening.models.face_align import find_faces
from sharpening.models.face_align.borrow import SURE_ENOUGH, _carried, sequence_landmarks
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.points68 import find_landmarks

N = 5


@pytest.fixture(scope="module")
def made(astronaut_face):
    """Five damaged frames of 32×32, and the true landmarks of each by the drawn motion."""
    how = replace(settings("thesis"), jpeg=(60, 90), film=0.0)
    damaged = apply(astronaut_face, draw(np.random.default_rng(4), how, n_frames=N))
    label = find_landmarks(damaged.label)
    inward = (label.points + 0.5) * (2 / len(damaged.label)) - 1
    true = [Landmarks(((inward @ m[:, :2].T + m[:, 2]) + 1) * 16 - 0.5) for m in damaged.motion.astype(float)]
    return damaged.frames, true


def off(found: Landmarks, true: Landmarks) -> float:
    return float(np.hypot(*(found.points - true.points)[17:].T).mean() / true.eye_distance)


def hidden(frames: np.ndarray, true: list[Landmarks], which: int, how: str) -> list[np.ndarray]:
    """The face of one frame blurred away or covered; a rim of hair and background stays."""
    pictures = [frame.copy() for frame in frames]
    (left, top), (right, bottom) = true[which].points[17:].min(axis=0) - 2, true[which].points.max(axis=0) + 1
    part = slice(max(int(top), 0), int(bottom)), slice(max(int(left), 0), int(right))
    if how == "covered":
        pictures[which][part] = (90, 140, 60)
    else:
        pictures[which][part] = cv2.GaussianBlur(pictures[which], (0, 0), 3.0)[part]
    return pictures


@pytest.mark.parametrize("how", ["blurred", "covered"])
@pytest.mark.parametrize("which", [0, 2])
def test_hidden_face_has_the_landmarks_of_its_neighbours(made, which, how) -> None:
    frames, true = made
    marks = sequence_landmarks(hidden(frames, true, which, how))
    assert marks[which].how == "borrowed"
    assert off(marks[which], true[which]) < 0.1  # 0.7 px of 32
    assert 0.1 < marks[which].sure < min(mark.sure for i, mark in enumerate(marks) if i != which)
    for i in set(range(N)) - {which}:
        assert marks[i].how == "found"
        assert off(marks[i], true[i]) < 0.08


def test_clear_frames_are_left_alone(made) -> None:
    frames, _ = made
    alone = [find_landmarks(frame) for frame in frames]
    together = sequence_landmarks(list(frames))
    assert all(np.array_equal(a.points, b.points) and a.how == b.how == "found" for a, b in zip(alone, together, strict=True))


def test_frames_that_match_nothing_stay_none(made, rng) -> None:
    frames, _ = made
    pictures = [*frames[:3], np.full((32, 32, 3), 120, np.uint8), rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)]
    marks = sequence_landmarks(pictures)
    assert all(mark is not None for mark in marks[:3])
    assert marks[3] is None
    assert marks[4] is None


def test_other_sizes_do_not_borrow(made) -> None:
    frames, true = made
    pictures = hidden(frames, true, 2, "covered")
    pictures[2] = cv2.resize(pictures[2], (40, 40), interpolation=cv2.INTER_CUBIC)
    assert sequence_landmarks(pictures)[2] is None


def test_nobody_lends_when_nobody_is_sure(made) -> None:
    frames, true = made
    pictures = hidden(frames, true, 2, "covered")
    assert sequence_landmarks(pictures[2:3]) == [None]
    assert sequence_landmarks([]) == []


@pytest.mark.parametrize("size", [(32, 32), (96, 128), (300, 260)])
def test_one_neighbour_carried_by_a_known_motion(astronaut_face, size) -> None:
    height, width = size
    wide = cv2.resize(
        cv2.copyMakeBorder(astronaut_face, 20, 20, 20, 20, cv2.BORDER_REFLECT), (width, height), interpolation=cv2.INTER_AREA
    )
    landmarks = find_landmarks(wide)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 4, 1.03)
    turn[:, 2] += (0.03 * width, -0.02 * height)
    frame = cv2.warpAffine(wide, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    (carried,) = _carried([(wide, landmarks)], frame)
    assert off(Landmarks(carried.points), landmarks.moved(turn)) < 0.02
    assert carried.match > 0.9


def test_maps_of_the_window_become_maps_of_pixels() -> None:
    import torch

    # Half the width to the right in the window's −1 … 1 is 0.25 of its width: a shift of 5 px for a window 20 px wide.
    shift = torch.tensor([[1.0, 0, 0.5], [0, 1.0, -0.2]])
    assert np.allclose(pixel_affine(shift, 40, 20, corner=(7, 3)), [[1, 0, 5], [0, 1, -4]])
    # A zoom leaves the window's centre in its place.
    zoom = pixel_affine(torch.tensor([[1.5, 0, 0], [0, 1.5, 0]]), 40, 20, corner=(7, 3))
    assert np.allclose(zoom @ (16.5, 22.5, 1), (16.5, 22.5))


def test_threshold_decides_who_borrows(made) -> None:
    frames, _ = made
    faces, pictures = [find_faces(frame)[0] for frame in frames], list(frames)
    pictures[1] = cv2.GaussianBlur(pictures[1], (0, 0), 4)
    own = find_landmarks(pictures[1], faces[1])
    assert 0 < own.sure < SURE_ENOUGH
    assert sequence_landmarks(pictures, faces=faces, sure_enough=0.0)[1].how == "found"
    asked = sequence_landmarks(pictures, faces=faces)[1]
    assert asked.how == "borrowed"
    assert asked.sure > own.sure


def test_faces_can_be_given(made) -> None:
    frames, true = made
    faces = [find_faces(frame)[0] for frame in frames]
    marks = sequence_landmarks(list(frames), faces=faces)
    assert all(off(mark, one) < 0.08 for mark, one in zip(marks, true, strict=True))
    with pytest.raises(ShapeError, match="faces"):
        sequence_landmarks(list(frames), faces=faces[:2])


@pytest.mark.parametrize("sure_enough", [-0.1, 1.5])
def test_impossible_threshold(made, sure_enough) -> None:
    with pytest.raises(RangeError, match="sure_enough"):
        sequence_landmarks(list(made[0]), sure_enough=sure_enough)
