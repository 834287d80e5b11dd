"""The chip equals dlib's, and gradients flow through it."""

import cv2
import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.models.face_align import extract_chip, extract_square_chip, find_faces, square_landmarks, standard_square
from sharpening.models.face_align.chip import chip_geometry, chip_grid
from sharpening.models.face_align.square import CENTRE_BELOW_EYES, SIDE_IN_EYE_DISTANCES


@pytest.fixture(scope="module")
def astronaut():
    from skimage.data import astronaut

    return astronaut()


def turned(picture, degrees):
    matrix = cv2.getRotationMatrix2D((224, 125), degrees, 1)
    return cv2.warpAffine(picture, matrix, picture.shape[1::-1])


def enlarged(picture, factor):
    return cv2.resize(picture[20:280, 80:340], None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)


def as_batch(picture):
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].double() / 255


def dlib_shape(landmarks):
    import dlib

    points = [dlib.point(int(x), int(y)) for x, y in np.round(landmarks)]
    return dlib.full_object_detection(dlib.rectangle(0, 0, 9, 9), points)


def both_chips(picture):
    """Our chip and dlib's, in grey levels."""
    import dlib

    picture = np.ascontiguousarray(picture)
    landmarks = np.round(find_faces(picture)[0].landmarks)
    ours = extract_chip(as_batch(picture), torch.from_numpy(landmarks)[None])
    return ours[0].permute(1, 2, 0).numpy() * 255, dlib.get_face_chip(picture, dlib_shape(landmarks), 150, 0.25).astype(float)


@pytest.mark.parametrize(
    "change",
    [lambda p: p, lambda p: p[:, ::-1], lambda p: turned(p, 20), lambda p: turned(p, -15), lambda p: enlarged(p, 2.4)],
    ids=["as it is", "mirrored", "turned left", "turned right", "enlarged"],
)
def test_chip_equals_dlib(astronaut, change):
    ours, theirs = both_chips(change(astronaut))
    assert np.abs(ours - theirs).mean() < 0.6  # dlib cuts fractions off, which alone makes 0.5
    assert np.abs(np.floor(ours + 1e-6) - theirs).mean() < 1e-3


@pytest.mark.parametrize("factor", [3.0, 5.2])
def test_chip_of_a_very_large_face_is_smoothed_as_in_dlib(astronaut, factor):
    ours, theirs = both_chips(enlarged(astronaut, factor))
    assert np.abs(ours - theirs).mean() < 3.0


def test_geometry_equals_dlib_on_random_points():
    import dlib

    random = np.random.default_rng(1)
    for _ in range(50):
        points = np.round(random.uniform(0, 800, (5, 2)))
        details = dlib.get_face_chip_details(dlib_shape(points), 150, 0.25)
        centre, axis = chip_geometry(torch.from_numpy(points)[None])
        rect = details.rect
        middle = ((rect.left() + rect.right()) / 2, (rect.top() + rect.bottom()) / 2)
        assert centre[0].tolist() == pytest.approx(middle, abs=1e-6)
        assert float(axis.norm()) == pytest.approx(rect.right() - rect.left() + 1, abs=1e-6)
        assert float(torch.atan2(axis[0, 1], axis[0, 0])) == pytest.approx(details.angle, abs=1e-9)


def test_gradients_flow_to_picture_and_landmarks():
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand((2, 1, 10, 12), generator=generator, dtype=torch.float64, requires_grad=True)
    landmarks = (square_landmarks(9).double() + torch.tensor([[[0.6, 0.5]], [[2.1, 0.7]]], dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(lambda p, points: extract_chip(p, points, size=4), (pictures, landmarks), eps=1e-6, atol=1e-4)


def test_a_batch_equals_its_parts(astronaut):
    face = torch.from_numpy(find_faces(astronaut)[0].landmarks)
    picture = as_batch(astronaut)
    landmarks = torch.stack([face, face * 3 - 300])  # the second asks for a chip so large that it is halved
    together = extract_chip(picture.expand(2, -1, -1, -1), landmarks)
    for i in range(2):
        assert torch.allclose(together[i], extract_chip(picture, landmarks[i : i + 1])[0])
    assert extract_chip(picture[:0], landmarks[:0]).shape == (0, 3, 150, 150)


def test_typical_landmarks_fit_a_real_standard_crop(astronaut):
    face = find_faces(astronaut)[0]
    x, y, side = standard_square(face)
    typical = square_landmarks(160).numpy()
    real = (face.landmarks - (x, y)) * 160 / side + 79.5
    assert np.hypot(*(typical - real).T).mean() < 4
    assert typical[:4].mean(axis=0) == pytest.approx([79.5, 79.5 - CENTRE_BELOW_EYES * 160 / SIDE_IN_EYE_DISTANCES], abs=1e-3)


def test_square_chip_is_the_chip_at_the_typical_landmarks():
    pictures = torch.rand((2, 3, 128, 128), generator=torch.Generator().manual_seed(0))
    wanted = extract_chip(pictures, square_landmarks(128).expand(2, 5, 2))
    assert torch.equal(extract_square_chip(pictures), wanted)


def test_upright_typical_face_lies_in_the_middle_of_the_grid():
    grid = chip_grid(square_landmarks(128)[None], 128, 128)
    assert grid.shape == (1, 150, 150, 2)
    assert float(grid.abs().max()) < 1  # the chip lies wholly inside the square
    assert float(grid[..., 0].mean()) == pytest.approx(0, abs=0.02)


def test_wrong_shapes_and_numbers_are_refused():
    pictures = torch.zeros(2, 3, 64, 64)
    with pytest.raises(ShapeError, match=r"\[bs, 5, 2\]"):
        extract_chip(pictures, torch.zeros(2, 68, 2))
    with pytest.raises(ShapeError, match="pictures"):
        extract_chip(pictures, torch.zeros(3, 5, 2))
    with pytest.raises(RangeError, match="without a face"):
        extract_chip(pictures, torch.full((2, 5, 2), torch.nan))
    with pytest.raises(ShapeError, match="standard crops"):
        extract_square_chip(torch.zeros(1, 3, 64, 60))
