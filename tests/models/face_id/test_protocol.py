"""Every face net can judge, give maps and stand in SER-FIQ; the eyes lie where ArcFace nets want them."""

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, WeightsMismatch, WeightsMissing
from sharpening.imaging.convert import to_tensor
from sharpening.losses.feature import FeatureLoss
from sharpening.metrics.serfiq import SerFiq
from sharpening.models.face_id import FaceJudge, IrSe50, VggFace, extract_arc_chip, load_resnet29, load_serfiq, serfiq_through
from sharpening.weights.store import save_state

SMALL_GROUPS = ((8, 8), (8, 8), (8, 8, 8), (8, 8, 8), (16, 16, 16))


def dlib_net():
    return load_resnet29()


def arcface_net():
    return IrSe50(widths=(16, 16, 16, 16), units=(1, 1, 1, 1)).requires_grad_(False)


def vgg_face_net():
    return VggFace(groups=SMALL_GROUPS, n_hidden=64, n_people=3).requires_grad_(False)


@pytest.fixture(params=[dlib_net, arcface_net, vgg_face_net])
def network(request):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return request.param()


@pytest.fixture(scope="module")
def face(astronaut_face):
    return to_tensor(np.array(astronaut_face))


@pytest.fixture(scope="module")
def landmarks(face):
    return FaceJudge().locate(face[None])


def test_it_judges(network, face, landmarks):
    judge = FaceJudge(network, threshold=0.5)
    pictures = torch.stack([face, face * 0.5, torch.zeros_like(face)])
    places = torch.stack([landmarks[0], landmarks[0], torch.full((5, 2), torch.nan, dtype=torch.float64)])
    descriptors = judge.descriptors(pictures, places)
    assert descriptors.shape == (3, network.n_descriptor)
    assert descriptors.isnan().all(dim=1).tolist() == [False, False, True]
    likeness = judge.same_person(pictures[:2], pictures[[0, 0]], landmarks=places[:2])
    assert likeness.distance[0] == pytest.approx(0, abs=1e-3)
    assert float(likeness.distance[1]) > 0
    assert bool(likeness.same[0])
    assert judge.descriptors(pictures[:1], places[2:]).shape == (1, network.n_descriptor)


def test_a_threshold_belongs_to_a_network(network, face, landmarks):
    likeness = FaceJudge(network).same_person(face[None], face[None], landmarks=landmarks)
    if network.name == "dlib_resnet29":
        assert bool(likeness.same)
    else:
        with pytest.raises(RangeError, match="threshold"):
            likeness.same  # noqa: B018


def test_it_cuts_chips_of_its_size(network, face, landmarks):
    chips = network.cut(face[None], landmarks)
    assert chips.shape == (1, 3, network.size, network.size)
    assert network(chips).shape == (1, network.n_descriptor)


def test_head_of_trunk_points_as_the_descriptor(network, face, landmarks):
    chips = network.cut(face[None], landmarks)
    cosine = torch.cosine_similarity(network.head(network.trunk(chips)), network(chips))
    assert float(cosine) == pytest.approx(1, abs=1e-5)


def test_it_gives_maps_to_a_feature_loss(network, face):
    pred = face[None].clone().requires_grad_()
    loss = FeatureLoss(network, network.feature_layers)
    value = loss(pred * 0.9, face[None])
    value.backward()
    assert float(value.detach()) > 0
    assert bool(pred.grad.isfinite().all())


def test_it_stands_in_serfiq(network, face):
    quality = serfiq_through(network, m=4, form="paper")
    pred = face[None].clone().requires_grad_()
    score = quality(pred)
    score.sum().backward()
    assert 0.23 < float(score.detach()) < 1
    assert bool(pred.grad.isfinite().all())
    assert quality.network.name in ("dlib_resnet29", "ir_se50", "vgg_face")


def test_dlib_sees_a_face_better_than_noise(face, generator):
    quality = load_serfiq(form="paper") if load_serfiq().network.name == "dlib_resnet29" else serfiq_through(load_resnet29())
    noise = torch.rand(face.shape, generator=generator)
    sharp, bad = quality(torch.stack([face, noise])).tolist()
    assert sharp > bad


def test_arc_chip_puts_the_eyes_where_they_belong(generator):
    height, width = 200, 240
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    places = torch.stack([x, y, torch.zeros_like(x)]).double()[None]  # each pixel holds its own place
    points = torch.tensor([[[150.0, 92], [130, 94], [80, 80], [100, 84], [112, 120]]], dtype=torch.float64)
    chip = extract_arc_chip(places, points)[0]
    for eye, (column, row) in (((140, 93), (73.5318, 51.5014)), ((90, 82), (38.2946, 51.6963))):
        near = chip[:2, int(row) : int(row) + 2, int(column) : int(column) + 2]
        across = near[..., 0] * (1 - column % 1) + near[..., 1] * (column % 1)
        found = across[:, 0] * (1 - row % 1) + across[:, 1] * (row % 1)
        assert found.tolist() == pytest.approx(eye, abs=0.6)  # dlib's cut spans n pixels with n - 1 steps


@pytest.fixture
def no_file(monkeypatch):
    monkeypatch.setattr("sharpening.models.face_id.quality.IR_SE50_NAMES", ("a_net_that_nobody_has",))


def test_dlib_stands_in_where_there_is_no_file_and_says_so(no_file):
    quality = load_serfiq(m=3)
    assert (quality.network.name, quality.m) == ("dlib_resnet29", 3)
    assert quality.network is not load_resnet29()


def test_the_file_is_taken_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr("sharpening.models.face_id.ir_se50.IrSe50", lambda channels: arcface_net())
    path = save_state(tmp_path / "ir_se50.safetensors", arcface_net().state_dict())
    for quality in (load_serfiq(pretrained=tmp_path), load_serfiq(path)):
        assert isinstance(quality, SerFiq)
        assert quality.network.name == "ir_se50"
        assert quality.align is None


def test_a_wrong_or_missing_file_is_told(tmp_path):
    save_state(tmp_path / "ir_se50.safetensors", {"other": torch.zeros(1)})
    with pytest.raises(WeightsMismatch, match="397 missing"):
        load_serfiq(pretrained=tmp_path)
    with pytest.raises(WeightsMissing):
        load_serfiq(tmp_path / "absent.pth")
