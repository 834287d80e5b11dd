"""What the few-shot net is given, and what becomes of what it gives."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.convert import to_tensor
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.points68 import MIRROR_OF_68
from sharpening.models.face_id.ir_se50 import IrSe50
from sharpening.models.face_seg.classes import BISENET_CLASSES
from sharpening.models.few_shot import FewShot, FewShotNet, translate
from sharpening.models.few_shot.inputs import IRIS, MEAN_FACE, PALETTE, face_way, identity_of, painted, segmentation_labels
from tests.reconstruct.transfer.conftest import POINTS

NAMES = list(PALETTE)


@pytest.fixture
def face(astronaut_face):
    return to_tensor(astronaut_face), Landmarks(POINTS)


@pytest.fixture(scope="module")
def face_net():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return IrSe50(widths=(16, 16, 16, 16), units=(1, 1, 1, 1)).requires_grad_(False)


@pytest.fixture(scope="module")
def network(face_net) -> FewShot:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = FewShotNet(width=2, n_style=4, n_hidden=3).eval().requires_grad_(False)
    return FewShot(net, face_net, size=64)


def test_the_mean_face_is_a_face():
    mean = np.array(MEAN_FACE)
    assert mean.shape == (51, 2)
    whole = np.zeros((68, 2))
    whole[17:] = mean
    assert np.allclose(whole[list(MIRROR_OF_68)][17:] * (-1, 1), mean, atol=2e-3)
    right, left = mean[19:25].mean(axis=0), mean[25:31].mean(axis=0)
    assert np.allclose(left - right, (1, 0), atol=5e-3)
    assert mean[:10, 1].max() < right[1] < mean[16, 1] < mean[31:, 1].max()  # brows over eyes over nose over lips


def test_alignment_is_the_best_similarity_on_the_inner_points(face):
    _, landmarks = face
    way = face_way(landmarks, (160, 160), 224)
    found = way.points(landmarks).points
    unit = 224 / 3.2
    target = np.array(MEAN_FACE) * unit
    target += found[17:].mean(axis=0) - target.mean(axis=0)
    left = np.square(found[17:] - target).sum()
    assert np.sqrt(left / 51) < 0.12 * unit
    for linear in (1.02 * np.eye(2), 0.98 * np.eye(2), np.array([[1, -0.02], [0.02, 1]]), np.array([[1, 0.02], [-0.02, 1]])):
        middle = found[17:].mean(axis=0)
        assert np.square((found[17:] - middle) @ linear.T + middle - target).sum() > left
    # The jaw has no say.
    moved = POINTS.copy()
    moved[:17] += 30
    assert np.allclose(face_way(Landmarks(moved), (160, 160), 224).matrix, way.matrix)
    assert bool((found[17:] > 0).all() & (found[17:] < 224).all())


def test_segmentation_from_landmarks(face):
    picture, landmarks = face
    labels = segmentation_labels(picture, landmarks)
    assert labels.shape == (160, 160)
    places = {"nose": (85, 95), "eye": (103, 74), "skin": (85, 134), "mouth": (83, 117), "lower_lip": (83, 123), "brow": (108, 60)}
    assert {name: NAMES[labels[y, x]] for name, (x, y) in places.items()} == {name: name for name in places}
    assert NAMES[labels[5, 5]] == "background"
    assert {"skin", "brow", "eye", "nose", "mouth", "upper_lip", "lower_lip", "hair"} <= {NAMES[i] for i in np.unique(labels)}


def test_segmentation_from_a_parser(face):
    picture, landmarks = face
    numbers = torch.arange(160 * 160).remainder(len(BISENET_CLASSES)).view(160, 160).to(torch.uint8)
    parser = SimpleNamespace(classes=BISENET_CLASSES, parse=lambda seen: numbers)
    labels = segmentation_labels(picture, landmarks, parser)
    for number, wanted in (
        (0, "background"),
        (1, "skin"),
        (3, "brow"),
        (4, "eye"),
        (6, "glasses"),
        (12, "upper_lip"),
        (17, "hair"),
    ):
        assert {NAMES[i] for i in labels[numbers.numpy() == number]} == {wanted}


def test_painting(face):
    picture, landmarks = face
    labels = segmentation_labels(picture, landmarks)
    colours = (painted(labels, landmarks) * 255).round().to(torch.uint8).numpy().transpose(1, 2, 0)
    irises = (colours == IRIS).all(axis=2)
    assert 10 < irises.sum() < 200
    eyes = labels == NAMES.index("eye")
    assert eyes[irises].all()
    assert (eyes & ~irises).any()
    for x, y in (np.rint(centre).astype(int) for centre in landmarks.eye_centres):
        assert irises[y, x]
    assert tuple(colours[85, 85]) == PALETTE["brow"]  # the bridge of the nose, between points 28 and 30
    assert len({tuple(colour) for colour in PALETTE.values()} | {IRIS}) == len(PALETTE) + 1
    plain = ~irises & (labels == NAMES.index("skin"))
    assert (colours[plain] == PALETTE["skin"]).all(axis=1).mean() > 0.97


def test_identity_is_the_mean_of_length_1(face, face_net):
    picture, landmarks = face
    other = (picture.flip(2).roll(3, dims=1), Landmarks(POINTS))
    five = torch.from_numpy(landmarks.five).float()[None]
    rows = [face_net(face_net.cut(each[None], five)) for each in (picture, other[0])]
    wanted = torch.nn.functional.normalize((rows[0] + rows[1]) / 2)
    found = identity_of(face_net, [face, other], 512)
    assert found.shape == (1, 512)
    assert torch.allclose(found, wanted, atol=1e-6)
    with pytest.raises(ShapeError, match="ir_se50"):
        identity_of(face_net, [face], 128)
    with pytest.raises(RangeError, match="faces"):
        identity_of(face_net, [], 512)


def test_translation_changes_the_face_and_nothing_else(network, face):
    picture, _ = face
    wide = (torch.nn.functional.pad(picture, (40, 40, 40, 40), value=0.5), Landmarks(POINTS + 40))
    made = translate(network, wide, [face])
    assert made.picture.shape == wide[0].shape
    assert made.face.shape == (3, 64, 64)
    untouched = (made.mask[0] == 0).expand(3, -1, -1)
    assert 0.1 < float(untouched.float().mean()) < 0.9
    assert torch.equal(made.picture[untouched], wide[0][untouched])
    assert not torch.equal(made.picture, wide[0])


def test_translation_feeds_the_net_as_said(network, face, monkeypatch):
    seen = {}
    real = FewShotNet.forward

    def forward(self, base, reference, segmentation, identity):
        seen.update(base=base, reference=reference, segmentation=segmentation, identity=identity)
        return real(self, base, reference, segmentation, identity)

    monkeypatch.setattr(FewShotNet, "forward", forward)
    other = (face[0].flip(1), Landmarks(POINTS))
    translate(network, face, [other, face])
    way = face_way(face[1], (160, 160), 64)
    assert torch.allclose(seen["base"][0], 2 * way.ahead(face[0]) - 1)
    assert torch.allclose(seen["reference"][0], 2 * way.ahead(other[0]) - 1)
    assert float(seen["segmentation"].min()) >= -1
    assert torch.allclose(seen["identity"], identity_of(network.face_net, [other, face], 512))


def test_what_does_not_go_together(network, face):
    with pytest.raises(ShapeError, match="512"):
        FewShot(FewShotNet(width=2, n_identity=128), network.face_net)
    with pytest.raises(RangeError, match="multiple of 16"):
        FewShot(network.net, network.face_net, size=100)
    with pytest.raises(RangeError, match="sources"):
        translate(network, face, [])
    with pytest.raises(ShapeError, match="source"):
        translate(network, face, [(face[0][None], face[1])])
