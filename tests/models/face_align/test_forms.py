"""Aligned forms: the faces lie where the forms want them, and the way back is the way back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from sharpening.errors import RangeError, ShapeError
from sharpening.models.face_align.forms import FORMS, align, form_way, similarity
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.way import Way, invert_affine, resample


def made_landmarks(size: int = 128, *, turn: float = 0.0, seed: int = 0) -> Landmarks:
    """A face of eye distance size / 4.4 that fills the picture about as the standard crop does, turned by some degrees."""
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 0.02, (68, 2))
    for points_of, (x, y) in {
        range(36, 42): (-0.5, 0),
        range(42, 48): (0.5, 0),
        range(48, 68): (0, 1.15),
        range(27, 36): (0, 0.6),
        range(17, 22): (-0.5, -0.3),
        range(22, 27): (0.5, -0.3),
        range(17): (0, 1.0),
    }.items():
        points[points_of] += (x, y)
    points[48], points[54] = (-0.4, 1.15), (0.4, 1.15)
    angle = np.deg2rad(turn)
    points = points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return Landmarks(points * size / 4.4 + (size * 0.5, size * 0.45))


def waves(size: tuple[int, int]) -> Tensor:
    """A smooth picture: the shortest wave is 16 px long."""
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    parts = [torch.sin(2 * torch.pi * (x * a + y * b) / 16 + c) for a, b, c in ((1, 0, 0), (0.3, 0.8, 1), (0.5, -0.5, 2))]
    return 0.5 + 0.4 * torch.stack(parts).float()


def blob_centre(picture: Tensor) -> np.ndarray:
    weight = picture[0].double() - picture[0].min()
    weight = weight / weight.sum()
    y, x = torch.meshgrid(torch.arange(picture.shape[1]), torch.arange(picture.shape[2]), indexing="ij")
    return np.array([float((weight * x).sum()), float((weight * y).sum())])


def blob(size: tuple[int, int], at: tuple[float, float], sigma: float = 2.0) -> Tensor:
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    return torch.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * sigma**2)).float().expand(3, *size).contiguous()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [None, 96])
def test_points_come_back(form, size) -> None:
    landmarks = made_landmarks(turn=11)
    way = form_way(landmarks, (128, 128), form, size)
    there = way.points(landmarks)
    assert np.abs(way.inverse_points(there).points - landmarks.points).max() < 1e-9
    assert way.size_out[0] == (size or FORMS[form])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("turn", [-20, 0, 7])
def test_turned_faces_stand_upright(form, turn) -> None:
    picture = waves((128, 128))
    aligned, way = align(picture, made_landmarks(turn=turn), form, 128)
    left, right = way.points(made_landmarks(turn=turn)).eye_centres
    assert left[0] > right[0]
    assert abs(left[1] - right[1]) < 0.05 * (left[0] - right[0])
    assert aligned.shape == (3, *way.size_out)


def test_eyes_lie_where_each_form_has_them() -> None:
    landmarks = made_landmarks(turn=5)
    left, right = form_way(landmarks, (128, 128), "celeba").points(landmarks).eye_centres
    assert np.allclose([right, left], [(69, 111), (108, 111)], atol=1e-6)
    five = form_way(landmarks, (128, 128), "psfr-gan").points(landmarks).five
    assert np.abs(five.mean(axis=0) - np.array([512.59802, 528.52475]) / 2).max() < 1e-4
    # FFHQ: the square's centre lies a tenth of the way from the eyes to the mouth, its side is 4 eye distances or 3.6 eye-mouth ones.
    there = form_way(landmarks, (128, 128), "ffhq").points(landmarks)
    eyes, mouth = sum(there.eye_centres) / 2, there.points[[48, 54]].mean(axis=0)
    assert np.allclose(eyes + 0.1 * (mouth - eyes), 511.5, atol=1e-6)
    assert max(4 * there.eye_distance, 3.6 * np.hypot(*(mouth - eyes))) == pytest.approx(1024)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("size_in", "size"), [(128, 512), (128, 256), (256, 224)])
def test_smooth_picture_comes_back(form, size_in, size) -> None:
    picture = waves((size_in, size_in))
    aligned, way = align(picture, made_landmarks(size_in, turn=9), form, size)
    back = way.back(aligned, torch.zeros_like(picture))
    reached = (way.reach() * _eroded_inside(way)) > 0
    assert reached.float().mean() > 0.3
    assert (back - picture).abs()[reached.expand(3, -1, -1)].max() < 0.02


def _eroded_inside(way: Way) -> Tensor:
    """Pixels of the original that are neither on its border, which the aligned picture repeats, nor beyond."""
    mask = torch.zeros(1, *way.size_in)
    mask[:, 3:-3, 3:-3] = 1
    return mask


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [64, 128, 512])
def test_blob_keeps_its_place(form, size) -> None:
    landmarks, at = made_landmarks(turn=-6), (60.3, 66.8)
    way = form_way(landmarks, (128, 128), form, size)
    sigma = max(2.0, 3.0 / np.sqrt(np.linalg.det(way.matrix[:, :2])))
    picture = blob((128, 128), at, sigma)
    aligned = way.ahead(picture)
    wanted = way.matrix @ (*at, 1)
    assert np.abs(blob_centre(aligned) - wanted).max() < 0.02
    assert np.abs(blob_centre(way.back(aligned, torch.zeros_like(picture))) - at).max() < 0.05


def test_shrinking_does_not_alias() -> None:
    fine = (torch.arange(512) % 2).float().expand(3, 512, 512).contiguous()  # the finest stripes there are
    aligned, _ = align(fine, made_landmarks(512, turn=4), "ffhq", 64)
    inner = aligned[:, 16:48, 16:48]
    assert (inner - 0.5).abs().max() < 0.06


def test_area_means_of_whole_pixels(generator) -> None:
    picture = torch.rand(3, 32, 32, generator=generator)
    shrink = np.array([[0.25, 0, 0.25 * 0.5 - 0.5], [0, 0.25, 0.25 * 0.5 - 0.5]])
    wanted = torch.nn.functional.avg_pool2d(picture[None], 4)[0]
    assert torch.allclose(resample(picture, shrink, (8, 8)), wanted, atol=1e-5)


def test_nothing_moves_by_the_identity(generator) -> None:
    picture = torch.rand(3, 20, 30, generator=generator)
    assert torch.allclose(resample(picture, np.eye(2, 3), (20, 30)), picture, atol=1e-5)


def test_paste_leaves_what_is_not_reached() -> None:
    picture, landmarks = torch.full((3, 200, 200), 0.25), made_landmarks(60)
    way = form_way(landmarks, (200, 200), "psfr-gan")
    done = way.back(torch.ones(3, 512, 512), picture)
    reach = way.reach().bool().expand(3, -1, -1)
    assert (done[~reach] == 0.25).all()
    assert torch.allclose(done[reach], torch.ones(()), atol=1e-5)
    # The aligned square's corners in the original bound what is reached, less the rim of two pixels.
    corners = np.array([(0, 0), (511, 0), (511, 511), (0, 511)]) @ way.inverse[:, :2].T + way.inverse[:, 2]
    rows, columns = np.nonzero(way.reach()[0].numpy())
    shown = np.clip(corners, 0, 199)
    assert abs(columns.max() - shown[:, 0].max()) < 4
    assert abs(rows.max() - shown[:, 1].max()) < 4


def test_mask_says_where_the_pasted_picture_counts() -> None:
    landmarks = made_landmarks(128)
    way = form_way(landmarks, (128, 128), "psfr-gan", 256)
    mask = torch.zeros(1, 256, 256)
    mask[:, 100:140, 80:180] = 1
    back = way.mask_back(mask)
    scale = np.linalg.det(way.matrix[:, :2])
    assert float(back.sum()) == pytest.approx(40 * 100 / scale, rel=0.02)
    assert float(back.min()) >= 0
    assert float(back.max()) <= 1
    done = way.back(torch.ones(3, 256, 256), torch.zeros(3, 128, 128), mask)
    assert torch.allclose(done[:1], back, atol=1e-6)


def test_inside_tells_what_was_repeated() -> None:
    way = form_way(made_landmarks(128).moved(np.array([[1.0, 0, 40], [0, 1, 0]])), (128, 128), "ffhq", 128)
    inside = way.inside()
    marked = way.ahead(torch.ones(3, 128, 128))
    assert marked.min() > 0.99  # repeated, not black
    assert 0.3 < inside.mean() < 1
    border = way.matrix @ (127.5, 63.5, 1)
    row = inside[0, round(border[1])]
    assert row[: int(border[0])].min() == 1
    assert row[int(border[0]) + 2 :].max() == 0


def test_resized_way_is_the_way_to_the_enlarged_picture() -> None:
    picture, landmarks = waves((128, 128)), made_landmarks(turn=3)
    aligned, way = align(picture, landmarks, "psfr-gan", 128)
    larger = torch.nn.functional.interpolate(aligned[None], (256, 256), mode="bicubic", align_corners=False)[0]
    twice = way.resized((256, 256))
    assert np.allclose(twice.matrix, form_way(landmarks, (128, 128), "psfr-gan", 256).matrix)
    assert (twice.back(larger, picture) - picture).abs().max() < 0.03
    assert np.allclose(twice.points(landmarks).points, way.points(landmarks).enlarged(2).points)


def test_similarity_is_the_least_squared_error(rng) -> None:
    points, target = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    # a p + b with the unknowns (a.real, a.imag, x, y) as one linear system, solved the slow way.
    rows, right = [], []
    for (x, y), (u, v) in zip(points, target, strict=True):
        rows += [[x, -y, 1, 0], [y, x, 0, 1]]
        right += [u, v]
    a, b, x, y = np.linalg.lstsq(np.array(rows), np.array(right))[0]
    assert np.allclose(similarity(points, target), [[a, -b, x], [b, a, y]])


def test_psfr_form_agrees_with_scikit_image(rng) -> None:
    from skimage.transform import SimilarityTransform

    landmarks = made_landmarks(turn=14, seed=3)
    template = np.array([(686.77, 488.62), (586.77, 493.59), (337.91, 488.39), (437.95, 493.51), (513.58, 678.5)]) / 2
    published = SimilarityTransform.from_estimate(landmarks.five, template).params[:2]
    assert np.abs(form_way(landmarks, (128, 128), "psfr-gan").matrix - published).max() < 0.02


def test_inverse_of_an_affine(rng) -> None:
    affine = rng.normal(size=(2, 3))
    points = rng.normal(size=(9, 2))
    back = invert_affine(affine)
    there = points @ affine[:, :2].T + affine[:, 2]
    assert np.allclose(there @ back[:, :2].T + back[:, 2], points)


@pytest.mark.parametrize(("form", "size"), [("imagenet", None), ("ffhq", 0), ("celeba", -4)])
def test_impossible_forms(form, size) -> None:
    with pytest.raises(RangeError):
        align(torch.zeros(3, 64, 64), made_landmarks(64), form, size)


@pytest.mark.parametrize("form", FORMS)
def test_landmarks_in_one_point(form) -> None:
    with np.errstate(all="ignore"), pytest.raises(RangeError):
        align(torch.zeros(3, 64, 64), Landmarks(np.full((68, 2), 5.0)), form)


def test_what_is_no_picture() -> None:
    with pytest.raises(ShapeError, match="picture"):
        align(torch.zeros(64, 64, 3), made_landmarks(64), "ffhq")
    way = form_way(made_landmarks(64), (64, 64), "psfr-gan", 128)
    with pytest.raises(ShapeError, match="resized"):
        way.back(torch.zeros(3, 512, 512), torch.zeros(3, 64, 64))
    with pytest.raises(ShapeError, match="paste onto"):
        way.back(torch.zeros(3, 128, 128), torch.zeros(3, 32, 64))
    with pytest.raises(ShapeError, match="mask"):
        way.mask_back(torch.zeros(128, 128))
