"""The face net in torch gives dlib's numbers, and gradients; its file is read carefully."""

import copy

import numpy as np
import pytest
import torch

from sharpening.errors import InputError, RangeError, ShapeError, WeightsMismatch
from sharpening.models.face_align.dlib_models import FACE_NET, dlib_model_path
from sharpening.models.face_id import DlibResNet29, load_resnet29
from sharpening.models.face_id.dlib_file import read_layers
from sharpening.models.face_id.resnet29 import _state


@pytest.fixture(scope="module")
def dlib_net():
    import dlib

    return dlib.face_recognition_model_v1(str(dlib_model_path(FACE_NET)))


@pytest.fixture(scope="module")
def file_bytes():
    return dlib_model_path(FACE_NET).read_bytes()


@pytest.fixture(scope="module")
def chips(astronaut_face):
    """uint8 [150, 150, 3]: a face, its mirror image, and noise."""
    face = np.ascontiguousarray(astronaut_face[5:155, 5:155])
    return [face, np.ascontiguousarray(face[:, ::-1]), np.random.default_rng(3).integers(0, 256, face.shape, dtype=np.uint8)]


def as_batch(chips):
    return torch.stack([torch.tensor(chip) for chip in chips]).permute(0, 3, 1, 2).float() / 255


def test_descriptors_equal_dlib(dlib_net, chips):
    theirs = np.array([dlib_net.compute_face_descriptor(chip) for chip in chips])
    ours = load_resnet29()(as_batch(chips)).numpy()
    assert ours.shape == (3, 128)
    assert np.abs(ours - theirs).max() < 1e-5


def test_it_tells_noise_from_a_face(chips):
    face, mirrored, noise = load_resnet29()(as_batch(chips))
    assert float((face - mirrored).norm()) < 0.5 < float((face - noise).norm())


def test_gradient_is_the_slope(chips):
    network = copy.deepcopy(load_resnet29()).double()
    x = as_batch(chips[2:]).double().requires_grad_()  # noise: flat parts of a photograph have ties in the max pool
    direction = torch.rand(x.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 0.5
    (gradient,) = torch.autograd.grad(network(x).square().sum(), x)
    with torch.no_grad():
        slope = (network(x + 1e-8 * direction).square().sum() - network(x - 1e-8 * direction).square().sum()) / 2e-8
    assert torch.isfinite(gradient).all()
    assert float((gradient * direction).sum()) == pytest.approx(float(slope), rel=1e-4)


def test_it_is_frozen_loaded_once_and_as_large_as_it_should_be():
    network = load_resnet29()
    assert load_resnet29() is network
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    assert sum(p.numel() for p in network.parameters()) == 5_607_488


def test_features_have_the_documented_sizes():
    network = load_resnet29()
    maps = network.features(torch.rand((2, 3, 150, 150), generator=torch.Generator().manual_seed(0)), network.stages)
    assert [tuple(x.shape[1:]) for x in maps] == [(32, 35, 35), (32, 35, 35), (64, 17, 17), (128, 8, 8), (256, 4, 4), (256, 2, 2)]
    assert all(float(x.min()) >= 0 for x in maps)


def test_features_come_in_the_order_asked_for_and_from_any_size():
    network = load_resnet29()
    pictures = torch.rand((1, 3, 64, 80), generator=torch.Generator().manual_seed(0))
    late, early = network.features(pictures, ("stage3", "stem"))
    assert late.shape[1:] == (128, 8, 8)
    assert torch.equal(network.features(pictures, ("stem",))[0], early)


def test_features_lead_to_the_descriptor(chips):
    network, x = load_resnet29(), as_batch(chips)
    (last,) = network.features(x, ("stage5",))
    assert torch.allclose(network.fc(last.mean(dim=(2, 3))), network(x), atol=1e-6)


def test_wrong_sizes_and_names_are_refused():
    with pytest.raises(ShapeError, match="extract_chip"):
        load_resnet29()(torch.zeros(1, 3, 128, 128))
    with pytest.raises(RangeError, match="stage5"):
        load_resnet29().features(torch.zeros(1, 3, 150, 150), ("stage9",))


def test_file_holds_the_layers_in_the_order_of_the_data(file_bytes):
    layers = read_layers(file_bytes)
    assert [layer.kind for layer in layers] == ["input", *["con", "affine"] * 29, "fc"]
    assert layers[0].values == pytest.approx([122.782, 117.001, 104.298], abs=1e-3)
    assert layers[0].settings == (150, 150)
    assert layers[1].settings == (32, 7, 7, 2, 2, 0, 0)
    assert layers[-1].settings == (128, 256)


@pytest.mark.parametrize("part", [0.3, 0.9, 0.9999])
def test_truncated_file_is_refused(file_bytes, part):
    with pytest.raises((InputError, WeightsMismatch)):
        _state(read_layers(file_bytes[: int(part * len(file_bytes))]), DlibResNet29())


@pytest.mark.parametrize("data", [b"", b"no network at all", b"\x01\x05con_4\x01\x07" + bytes(40)])
def test_garbage_is_refused(data):
    with pytest.raises(InputError, match=r"garbage\.dat"):
        read_layers(data, "garbage.dat")
