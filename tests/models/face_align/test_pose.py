"""Head pose: known angles come back, noise moves them little, nonsense is told by its error."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sharpening.errors import RangeError
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.points68 import MIRROR_OF_68
from sharpening.models.face_align.pose import FACE_MODEL, Pose, face_model, head_pose

SIDE = 128
EYES = 29.0  # px between the eyes of a frontal face


def rotation(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Written from the words of `Pose`: roll first, then pitch, then yaw; x right, y down, z away from the viewer."""
    a, b, c = np.deg2rad([yaw, pitch, roll])
    in_picture = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])  # clockwise as seen
    up = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])  # the nose (z < 0) goes up (y < 0)
    aside = np.array([[np.cos(a), 0, -np.sin(a)], [0, 1, 0], [np.sin(a), 0, np.cos(a)]])  # the nose goes right
    return aside @ up @ in_picture


def projected(yaw: float = 0, pitch: float = 0, roll: float = 0, *, focal: float = 4.0, at: tuple = (0.1, -0.2)) -> Landmarks:
    """The model seen by a camera whose focal length is so many sides of the picture."""
    numbers, model = face_model()
    depth = focal * SIDE / EYES
    placed = model @ rotation(yaw, pitch, roll).T + (*at, depth)
    points = np.zeros((68, 2))
    points[numbers] = placed[:, :2] / placed[:, 2:] * focal * SIDE + (SIDE - 1) / 2
    return Landmarks(points)


ANGLES = list(itertools.product((-50, -20, 0, 35), (-25, 0, 30), (-30, 0, 15)))


@pytest.mark.parametrize(("yaw", "pitch", "roll"), ANGLES)
def test_known_angles_come_back(yaw, pitch, roll) -> None:
    pose = head_pose(projected(yaw, pitch, roll), (SIDE, SIDE))
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((yaw, pitch, roll), abs=0.1)
    assert pose.error < 1e-3


def test_another_camera_costs_little() -> None:
    for focal in (1.5, 20):
        pose = head_pose(projected(20, -10, 5, focal=focal), (SIDE, SIDE))
        assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((20, -10, 5), abs=4)


def test_noise_of_a_pixel_moves_it_little(rng) -> None:
    off = []
    for yaw, pitch, roll in ANGLES:
        clean = projected(yaw, pitch, roll)
        pose = head_pose(Landmarks(clean.points + rng.normal(0, 1 / np.sqrt(2), (68, 2))), (SIDE, SIDE))
        off.append((pose.yaw - yaw, pose.pitch - pitch, pose.roll - roll))
        assert 0.005 < pose.error < 0.06
    off = np.abs(off)
    assert np.sqrt((off**2).mean(axis=0)).max() < 2
    assert off.max() < 7


def test_it_does_not_flip_under_heavy_noise(rng) -> None:
    signs = []
    for yaw in (-35, 35) * 20:
        pose = head_pose(Landmarks(projected(yaw).points + rng.normal(0, 2.5, (68, 2))), (SIDE, SIDE))
        signs.append(np.sign(pose.yaw) == np.sign(yaw))
        assert abs(pose.roll) < 45
        assert pose.away < 75
        assert pose.error > 0.04
    assert all(signs)


def test_single_wrong_points_are_left_out(rng) -> None:
    points = projected(15, 5, -4).points.copy()
    points[[31, 45]] += rng.normal(0, 25, (2, 2))
    pose = head_pose(Landmarks(points), (SIDE, SIDE))
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((15, 5, -4), abs=1)


def test_points_that_are_no_face_say_so(rng) -> None:
    for _ in range(20):
        pose = head_pose(Landmarks(rng.uniform(20, 108, (68, 2))), (SIDE, SIDE))
        assert np.isfinite([pose.yaw, pose.pitch, pose.roll, pose.error]).all()
        assert pose.error > 0.15


def test_signs_in_words() -> None:
    nose, eyes = 30, [36, 45]
    left = projected(25).points  # to the person's own left: the nose goes right, away from the middle of the eyes
    assert left[nose, 0] > left[eyes, 0].mean() + 3
    upwards = projected(0, 25).points
    assert upwards[nose, 1] < projected().points[nose, 1] - 3
    tilted = projected(0, 0, 20).points  # clockwise: the person's left eye, on the right, goes down
    assert tilted[45, 1] > tilted[36, 1] + 3


@pytest.mark.parametrize("scale", [0.25, 4])
def test_size_does_not_matter(scale) -> None:
    landmarks = projected(-18, 6, 3)
    side = int(SIDE * scale)
    first, other = head_pose(landmarks, (SIDE, SIDE)), head_pose(landmarks.enlarged(scale), (side, side))
    assert (first.yaw, first.pitch, first.roll) == pytest.approx((other.yaw, other.pitch, other.roll), abs=0.05)


def test_mirrored_face_turns_the_other_way() -> None:
    landmarks = projected(22, 8, -12)
    mirrored = Landmarks(((SIDE - 1, 0) + landmarks.points * (-1, 1))[list(MIRROR_OF_68)])
    pose = head_pose(mirrored, (SIDE, SIDE))
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((-22, 8, 12), abs=0.1)


def test_away_is_the_angle_of_the_normal() -> None:
    for yaw, pitch, roll in ANGLES:
        normal = rotation(yaw, pitch, roll) @ (0, 0, -1)
        assert Pose(yaw, pitch, roll, 0).away == pytest.approx(np.rad2deg(np.arccos(-normal[2])), abs=1e-4)
    assert Pose(0, 0, 40, 0).away == 0


def test_model_is_symmetric() -> None:
    for number, (x, y, z) in FACE_MODEL.items():
        assert FACE_MODEL[MIRROR_OF_68[number]] == (-x, y, z)


def test_real_face_is_about_frontal(astronaut_face) -> None:
    from sharpening.models.face_align.points68 import find_landmarks

    landmarks = find_landmarks(astronaut_face)
    pose = head_pose(landmarks, astronaut_face.shape[:2])
    assert pose.away < 25
    assert pose.error < 0.08


@pytest.mark.parametrize("size", [(0, 10), (10, -1)])
def test_impossible_size(size) -> None:
    with pytest.raises(RangeError, match="size"):
        head_pose(projected(), size)


def test_eyes_in_one_place() -> None:
    with pytest.raises(RangeError, match="eyes"):
        head_pose(Landmarks(np.full((68, 2), 9.0)), (64, 64))
