"""FFHQ's alignment: the published numbers, a re-computation in small steps, and the way back."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.models.face_align import ffhq
from sharpening.models.face_align.ffhq import align_ffhq, ffhq_quad
from sharpening.models.face_align.forms import align
from sharpening.models.face_align.landmarks import Landmarks


def landmarks_at(right_eye, left_eye, mouth) -> Landmarks:
    """All points of a part in one place, the mouth's corners 10 px beside its centre."""
    points = np.zeros((68, 2))
    points[36:42], points[42:48], points[48:68] = right_eye, left_eye, mouth
    points[48] -= (10, 0)
    points[54] += (10, 0)
    return Landmarks(points)


def smooth(height: int, width: int) -> np.ndarray:
    grid = np.random.default_rng(1).integers(40, 216, (6, 6, 3)).astype(np.uint8)
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.mark.parity
@pytest.mark.parametrize("name", ["inside", "border"])
def test_published_alignment(parity, name) -> None:
    stored = parity.npz("ffhq_align")
    done = align_ffhq(stored[f"{name}.img"], Landmarks(stored[f"{name}.lm"]))
    assert np.abs(done.quad.ravel() - stored[f"{name}.quad_half"]).max() < 1e-9
    assert done.size_before == tuple(stored[f"{name}.presize"])
    means = done.picture.reshape(32, 32, 32, 32, 3).mean(axis=(1, 3))
    assert np.abs(means - stored[f"{name}.out32"]).max() < 0.01
    assert np.array_equal(done.picture[504:520, 504:520], stored[f"{name}.centre"])


def test_quad_by_hand() -> None:
    # Eyes 40 apart and level, the mouth 50 under them: x = (40, 0) + (50, 0) normalised times max(80, 90); c is 5 under the eyes.
    quad = ffhq_quad(landmarks_at((80, 100), (120, 100), (100, 150)))
    assert np.allclose(quad, [(10, 15), (10, 195), (190, 195), (190, 15)])


def test_quad_turns_and_scales_with_the_face() -> None:
    base = landmarks_at((80, 100), (120, 100), (103, 149))
    turned = np.array([[0.6, -0.9, 30], [0.9, 0.6, -4]])
    wanted = ffhq_quad(base) @ turned[:, :2].T + turned[:, 2]
    assert np.allclose(ffhq_quad(base.moved(turned)), wanted)


@pytest.fixture(scope="module")
def inside():
    """A face well within its picture: nothing is padded."""
    picture, landmarks = smooth(330, 300), landmarks_at((131, 130), (169, 134), (148, 178))
    return picture, landmarks, align_ffhq(picture, landmarks)


def test_inside_pixels_are_the_quads_pixels(inside) -> None:
    picture, landmarks, done = inside
    quad = ffhq_quad(landmarks)
    rows = np.random.default_rng(2).integers(0, 1024, (200, 2))
    for x, y in rows:
        # Pixel (x, y) covers x … x + 1; its middle lies that part of the way along the quad's two sides.
        u, v = (x + 0.5) / 1024, (y + 0.5) / 1024
        at = quad[0] + u * (quad[3] - quad[0]) + v * (quad[1] - quad[0])
        left, top = np.floor(at).astype(int)
        a, b = at - (left, top)
        near = picture[top : top + 2, left : left + 2].astype(float)
        wanted = (1 - b) * ((1 - a) * near[0, 0] + a * near[0, 1]) + b * ((1 - a) * near[1, 0] + a * near[1, 1])
        assert np.abs(done.picture[y, x] - wanted).max() < 2  # rounded twice, and smoothed a little by the shrinking


def test_own_form_agrees_with_the_published_one(inside) -> None:
    picture, landmarks, done = inside
    tensor = torch.from_numpy(picture).permute(2, 0, 1).float() / 255
    ours, way = align(tensor, landmarks, "ffhq")
    assert np.allclose(way.matrix, done.way.matrix, atol=1e-9)
    assert np.abs(ours.permute(1, 2, 0).numpy() * 255 - done.picture).max() < 3


@pytest.mark.parametrize("place", ["inside", "border"])
def test_it_comes_back(inside, place) -> None:
    picture, landmarks, done = inside
    if place == "border":
        landmarks = landmarks.moved(np.array([[1.0, 0, 95], [0, 1, -80]]))
        done = align_ffhq(picture, landmarks)
        assert done.size_before > inside[2].size_before
    there = done.way.points(landmarks)
    assert np.abs(done.way.inverse_points(there).points - landmarks.points).max() < 1e-9
    original = torch.from_numpy(picture).permute(2, 0, 1).float() / 255
    aligned = torch.from_numpy(done.picture.copy()).permute(2, 0, 1).float() / 255
    back = done.way.back(aligned, torch.zeros_like(original))
    # Along the border the published form mixes the picture with its blur: compare further in.
    within = done.way.reach().clone()
    within[:, :, -30:] = within[:, :30] = 0
    assert within.mean() > 0.1
    assert ((back - original).abs() * within).max() < 0.02


@pytest.mark.parametrize("side", [1400, 1501])
def test_large_pictures_are_shrunk_and_still_come_back(monkeypatch, side) -> None:
    monkeypatch.setattr(ffhq, "_SIZE", 192)
    monkeypatch.setattr(ffhq, "_FINE_SIZE", 768)
    landmarks, at = landmarks_at((510, 560), (910, 566), (705, 800)), (702.7, 640.2)
    y, x = np.mgrid[0:side, 0:side]
    spot = 40 + 200 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * 60.0**2))
    done = align_ffhq(np.repeat(spot.astype(np.uint8)[:, :, None], 3, axis=2), landmarks)
    assert max(done.size_before) < 0.6 * side
    weight = np.clip(done.picture[:, :, 0].astype(float) - 60, 0, None)
    rows, columns = np.mgrid[0:192, 0:192]
    seen = np.array([(weight * columns).sum(), (weight * rows).sum()]) / weight.sum()
    # The published code counts half pixels wrongly after shrinking; the way back knows.
    assert np.abs(seen - done.way.matrix @ (*at, 1)).max() < 0.03


@pytest.mark.parametrize("picture", [np.zeros((64, 64), np.uint8), np.zeros((64, 64, 4), np.uint8), np.zeros((64, 64, 3))])
def test_what_is_no_picture(picture) -> None:
    with pytest.raises(ShapeError, match="picture"):
        align_ffhq(picture, landmarks_at((20, 30), (40, 30), (30, 50)))


def test_landmarks_without_a_face() -> None:
    with np.errstate(all="ignore"), pytest.raises(RangeError):
        align_ffhq(np.zeros((64, 64, 3), np.uint8), Landmarks(np.full((68, 2), 7.0)))
