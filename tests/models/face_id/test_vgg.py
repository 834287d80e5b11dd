"""VGG-16 from the user's own file: three forms of keys, the right normalisation, torchvision's numbers."""

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from sharpening.errors import RangeError, SharpeningError, WeightsMismatch
from sharpening.imaging.ranges import to_imagenet
from sharpening.models.face_id import Vgg16Extractor, vgg16_extractor
from sharpening.models.face_id.vgg import VGG_FACE_MEAN

PICTURES = torch.rand((2, 3, 32, 40), generator=torch.Generator().manual_seed(0))


def seeded_state(batch_norm=False):
    """Small random weights under torchvision's names, with a classifier's key that must be left out."""
    generator = torch.Generator().manual_seed(1)
    state = {}
    for key, value in Vgg16Extractor(batch_norm=batch_norm).state_dict().items():
        name = key.replace("body", "features", 1)
        if key.endswith("num_batches_tracked"):
            state[name] = torch.tensor(0)
        elif value.ndim == 4:
            state[name] = torch.randn(value.shape, generator=generator) * (2 / value[0].numel()) ** 0.5
        else:
            state[name] = torch.rand(value.shape, generator=generator) + 0.5
    return state | {"classifier.6.weight": torch.zeros(10, 4096)}


def vgg_face_state(separator):
    """The same weights under the names of VGG-Face: conv_1_1 or conv1_1."""
    layers = Vgg16Extractor().layers
    state = seeded_state()
    renamed = {
        f"conv{separator}{name.removeprefix('relu')}.{part}": state[f"features.{place - 1}.{part}"]
        for name, place in layers.items()
        for part in ("weight", "bias")
    }
    return renamed | {"fc8.weight": torch.zeros(2622, 8), "fc8.bias": torch.zeros(2622)}


def by_hand(state, x):
    """The first two convolutions of plain VGG-16, written out."""
    for place in (0, 2):
        x = F.relu(F.conv2d(x, state[f"features.{place}.weight"], state[f"features.{place}.bias"], padding=1))
    return x


@pytest.fixture(scope="module")
def plain_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg") / "vgg16.safetensors"
    save_file(seeded_state(), path)
    return path


def test_torchvision_form_with_imagenet_normalisation(plain_file):
    (got,) = vgg16_extractor(plain_file).features(PICTURES, ("relu1_2",))
    assert torch.allclose(got, by_hand(seeded_state(), to_imagenet(PICTURES)), atol=1e-4)


def test_pth_file_of_torch(tmp_path, plain_file):
    torch.save(seeded_state(), tmp_path / "vgg16.pth")
    wanted = vgg16_extractor(plain_file).features(PICTURES)
    assert all(torch.equal(a, b) for a, b in zip(vgg16_extractor(tmp_path / "vgg16.pth").features(PICTURES), wanted, strict=True))


@pytest.mark.parametrize("separator", ["_", ""])
def test_vgg_face_forms_with_their_own_normalisation(tmp_path, separator):
    save_file(vgg_face_state(separator), tmp_path / "face.safetensors")
    (got,) = vgg16_extractor(tmp_path / "face.safetensors").features(PICTURES, ("relu1_2",))
    wanted = by_hand(seeded_state(), PICTURES * 255 - torch.tensor(VGG_FACE_MEAN).view(3, 1, 1))
    assert torch.allclose(got, wanted, rtol=1e-4, atol=1e-2)


def test_batch_norm_form_keeps_its_statistics(tmp_path):
    save_file(seeded_state(batch_norm=True), tmp_path / "vgg16_bn.safetensors")
    network = vgg16_extractor(tmp_path / "vgg16_bn.safetensors")
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.train().features(PICTURES)
    assert not network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert network.layers["relu3_3"] == 22
    assert network.layers["relu4_3"] == 32
    assert network.layers["relu5_3"] == 42


def test_layers_are_those_before_the_pools():
    layers = Vgg16Extractor().layers
    assert len(layers) == 13
    assert [layers[name] for name in Vgg16Extractor.feature_layers] == [15, 22, 29]


def test_frozen_but_differentiable_to_the_picture(plain_file):
    network = vgg16_extractor(plain_file)
    assert not any(p.requires_grad for p in network.parameters())
    x = PICTURES.clone().requires_grad_()
    sum(m.sum() for m in network(x)).backward()
    assert float(x.grad.abs().sum()) > 0


def test_what_is_no_vgg16_is_refused(tmp_path, plain_file):
    save_file({"stem.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsMismatch, match=r"stem\.weight"):
        vgg16_extractor(tmp_path / "other.safetensors")
    broken = seeded_state()
    del broken["features.28.bias"]
    save_file(broken, tmp_path / "broken.safetensors")
    with pytest.raises(WeightsMismatch, match=r"body\.28\.bias"):
        vgg16_extractor(tmp_path / "broken.safetensors")
    with pytest.raises(WeightsMismatch, match="sha256"):
        vgg16_extractor(plain_file, sha256="0" * 64)
    with pytest.raises(SharpeningError):
        vgg16_extractor(tmp_path / "absent.pth")


def test_unknown_names_are_refused():
    with pytest.raises(RangeError, match="relu1_1"):
        Vgg16Extractor().features(PICTURES, ("relu9_9",))
    with pytest.raises(RangeError, match="vgg_face"):
        Vgg16Extractor(normalisation="none")
