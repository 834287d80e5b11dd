"""The judge finds, cuts, describes and compares as dlib does, and says clearly where there is no face."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sharpening.errors import ShapeError
from sharpening.imaging.convert import to_tensor
from sharpening.models.face_align.dlib_models import FACE_NET, FIVE_POINTS, dlib_model_path
from sharpening.models.face_id import FaceJudge


@pytest.fixture(scope="module")
def face(astronaut_face):
    return to_tensor(np.array(astronaut_face))


@pytest.fixture(scope="module")
def judge():
    return FaceJudge()


def blurred(picture, factor):
    small = F.interpolate(picture[None], scale_factor=1 / factor, mode="area")
    return F.interpolate(small, size=picture.shape[-2:], mode="bicubic", align_corners=False)[0].clamp(0, 1)


def test_descriptor_equals_dlib_from_end_to_end(judge, astronaut_face, face):
    import dlib

    picture = np.array(astronaut_face)
    box = dlib.get_frontal_face_detector()(picture)[0]
    shape = dlib.shape_predictor(str(dlib_model_path(FIVE_POINTS)))(picture, box)
    theirs = dlib.face_recognition_model_v1(str(dlib_model_path(FACE_NET))).compute_face_descriptor(picture, shape)
    assert np.abs(judge.descriptors(face[None])[0].numpy() - np.array(theirs)).max() < 1e-4


def test_the_same_picture_is_the_same_person(judge, face):
    likeness = judge.same_person(face[None], face[None])
    assert float(likeness.cosine) == pytest.approx(1, abs=1e-6)
    assert float(likeness.distance) == pytest.approx(0, abs=1e-5)
    assert bool(likeness.same)


def test_more_blur_is_less_likeness(judge, face):
    pred = torch.stack([face, blurred(face, 4), blurred(face, 8), blurred(face, 16)])
    likeness = judge.same_person(pred, face.expand(4, -1, -1, -1))
    assert likeness.distance.diff().min() > 0
    assert likeness.cosine.diff().max() < 0
    assert likeness.same.tolist()[0]


def test_no_face_gives_nan_and_leaves_the_others_alone(judge, face):
    empty = torch.zeros_like(face)
    descriptors = judge.descriptors(torch.stack([empty, face, empty]))
    assert descriptors.isnan().all(dim=1).tolist() == [True, False, True]
    assert torch.allclose(descriptors[1], judge.descriptors(face[None])[0], atol=1e-6)
    likeness = judge.same_person(torch.stack([face, face]), torch.stack([empty, face]))
    assert likeness.found.tolist() == [False, True]
    assert likeness.same.tolist() == [False, True]
    assert likeness.cosine.isnan().tolist() == [True, False]


def test_no_face_in_any_picture(judge):
    descriptors = judge.descriptors(torch.zeros(2, 3, 64, 64))
    assert descriptors.shape == (2, 128)
    assert bool(descriptors.isnan().all())


def test_faces_are_searched_for_on_the_reference_only(face):
    calls = []

    def find(picture):
        from sharpening.models.face_align import find_faces

        calls.append(picture.shape)
        return find_faces(picture)

    judge = FaceJudge(find=find)
    landmarks = judge.locate(face[None])
    assert len(calls) == 1
    likeness = judge.same_person(torch.zeros_like(face)[None], face[None], landmarks=landmarks)
    assert len(calls) == 1
    assert float(likeness.distance) > 0.6


def test_batches_do_not_matter(face):
    pictures = torch.stack([face, blurred(face, 2), face.flip(-1)])
    landmarks = FaceJudge().locate(face[None]).expand(3, 5, 2)
    one, all_ = FaceJudge(batch=1).descriptors(pictures, landmarks), FaceJudge(batch=8).descriptors(pictures, landmarks)
    assert torch.allclose(one, all_, atol=1e-5)


def test_what_does_not_fit_together_is_refused(judge, face):
    with pytest.raises(ShapeError, match="RGB"):
        judge.locate(face)
    with pytest.raises(ShapeError, match="one set for each picture"):
        judge.descriptors(face[None], torch.zeros(2, 5, 2))
    with pytest.raises(ShapeError, match="equal shapes"):
        judge.same_person(face[None, :, :100], face[None])
