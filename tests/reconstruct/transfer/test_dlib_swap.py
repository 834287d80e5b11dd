"""The published face swap: against its own output, and step by step against slow formulas."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpening.imaging.convert import to_tensor
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.reconstruct.transfer.dlib_swap import (
    ALIGN_POINTS,
    OVERLAYS,
    blend,
    colour_corrected,
    dlib_swap,
    hull_mask,
    procrustes,
    swap,
    warp_nearest,
)
from sharpening.reconstruct.view import View


@pytest.mark.parity
def test_every_step_equals_the_published_program(parity):
    wanted = parity.npz("faceswap")
    l1, l2, head, face = Landmarks(wanted["l1"]), Landmarks(wanted["l2"]), wanted["im1"], wanted["im2"]
    numbers = list(ALIGN_POINTS)
    to_source = procrustes(l1.points[numbers], l2.points[numbers])
    assert np.abs(to_source - wanted["M"]).max() < 1e-10
    size = head.shape[:2]
    own, other = hull_mask(l1.points, *size, feather=11), hull_mask(l2.points, *face.shape[:2], feather=11)
    warped = warp_nearest(other, to_source, *size)
    assert np.array_equal(own.astype(np.float32), wanted["mask1"])
    assert np.array_equal(warped.astype(np.float32), wanted["mask2_warped"])
    moved = warp_nearest(face, to_source, *size)
    assert np.array_equal(moved, wanted["warped_im2"])
    corrected = colour_corrected(head, moved, l1)
    assert np.abs(corrected[::4, ::4] - wanted["cc"]).max() < 1e-4  # of 255; stored as float32
    result = blend(head, corrected, np.maximum(own, warped))
    assert np.abs(result[::2, ::2] - wanted["out"]).max() < 1e-4
    assert np.abs(result.mean(axis=(0, 1)) - wanted["out_mean"]).max() < 1e-5


@pytest.mark.parity
def test_the_whole_swap_is_the_published_one(parity):
    wanted = parity.npz("faceswap")
    base, source = (to_tensor(wanted[key][None])[0] for key in ("im1", "im2"))
    result = swap(base, source, Landmarks(wanted["l1"]), Landmarks(wanted["l2"]), published=True)
    shown = result[:, ::2, ::2].permute(1, 2, 0).numpy() * 255
    assert np.abs(shown - wanted["out"].clip(0, 255)).max() < 1e-3


def test_the_groups():
    assert len(ALIGN_POINTS) == 43
    assert set(OVERLAYS[0]) | set(OVERLAYS[1]) == set(ALIGN_POINTS)
    assert not set(ALIGN_POINTS) & {35, 61, 67, *range(17)}


def test_procrustes_finds_a_similarity(rng):
    points = rng.normal(0, 30, (43, 2))
    turn = 1.3 * np.array([[0.8, -0.6], [0.6, 0.8]])
    found = procrustes(points, points @ turn.T + (5, -9))
    assert np.allclose(found, [[turn[0, 0], turn[0, 1], 5], [turn[1, 0], turn[1, 1], -9], [0, 0, 1]])


def test_procrustes_zooms_by_the_spread(rng):
    """Not the zoom of least squares: it is the ratio of the spreads, whatever the points."""
    a, b = rng.normal(0, 30, (2, 43, 2))
    found = procrustes(a, b)
    zoom = np.sqrt(np.abs(np.linalg.det(found[:2, :2])))
    assert zoom == pytest.approx((b - b.mean(0)).std() / (a - a.mean(0)).std())
    assert np.allclose(found[:2, :2] @ a.mean(0) + found[:2, 2], b.mean(0))


def test_nearest_warp_point_by_point(rng):
    picture = rng.integers(0, 256, (12, 14, 3), np.uint8)
    to_source = np.array([[1.1, -0.2, 1.3], [0.2, 1.1, -2.1], [0, 0, 1]])
    moved = warp_nearest(picture, to_source, 10, 11)
    for y in range(10):
        for x in range(11):
            sx, sy = to_source[:2] @ (x, y, 1)
            if min(abs(sx % 1 - 0.5), abs(sy % 1 - 0.5)) < 0.05:
                continue  # between two pixels: either
            sx, sy = round(sx), round(sy)
            inside = 0 <= sx < 14 and 0 <= sy < 12
            assert np.array_equal(moved[y, x], picture[sy, sx] if inside else (0, 0, 0))


def test_colours_of_flat_pictures(make_pair):
    marks = make_pair().base.landmarks
    head, face = np.full((160, 160, 3), 120, np.uint8), np.full((160, 160, 3), 40, np.uint8)
    assert np.allclose(colour_corrected(head, face, marks), 120)
    # Black is not divided by: 0 · 120 / 128.
    assert np.allclose(colour_corrected(head, np.zeros_like(face), marks), 0)
    floats = colour_corrected(head.astype(np.float32) / 255, face.astype(np.float32) / 255, marks)
    assert np.allclose(floats, 120 / 255)


def test_the_mask_is_soft_and_covers_the_hulls(make_pair):
    points = make_pair().base.landmarks.points
    mask = hull_mask(points, 160, 160, feather=11)
    x, y = np.rint(points[list(ALIGN_POINTS)]).astype(int).T
    assert mask[y, x].min() > 0.5
    assert mask[0, 0] == 0
    assert ((mask > 0.05) & (mask < 0.95)).any()
    assert np.abs(np.diff(mask, axis=0)).max() < 0.3


def test_the_better_swap_is_nearer_than_the_published(make_pair):
    """Turned by 12°: the nearest pixels are off by up to half a pixel, bicubic interpolation is not."""
    made = make_pair(angle=12, zoom=0.9)
    results = [
        swap(made.base.picture, made.source.picture, made.base.landmarks, made.source.landmarks, published=p) for p in (False, True)
    ]
    inside = made.mask.expand(3, -1, -1) > 0.5
    errors = [float((each - made.base.picture)[inside].square().mean()) for each in results]
    assert errors[0] < 0.92 * errors[1]
    assert all(torch.allclose(each[:, 0, 0], made.base.picture[:, 0, 0], atol=0.01) for each in results)


def test_as_a_transfer_it_takes_the_bases_colours(make_pair):
    made = make_pair()
    dark = View(made.source.picture * 0.5, made.source.landmarks)
    inside = made.mask.expand(3, -1, -1) > 0.5
    for published in (False, True):
        moved = dlib_swap(dark, made.base, made.mask, published=published)
        assert (moved.picture - made.base.picture)[inside].mean().abs() < 0.02
        assert moved.valid.mean() > 0.7
