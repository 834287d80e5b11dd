"""VGG-19 from the user's own file: names before and after the activation, torchvision's numbering, what is refused."""

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from sharpening.errors import RangeError, WeightsMismatch
from sharpening.imaging.ranges import to_imagenet
from sharpening.losses.style import STYLE_LAYERS, StyleLoss
from sharpening.models.face_id.vgg19 import Vgg19Extractor, vgg19_extractor

PICTURES = torch.rand((2, 3, 32, 32), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def state():
    generator = torch.Generator().manual_seed(1)
    layout = Vgg19Extractor().state_dict()
    made = {}
    for key, value in layout.items():
        bound = (6 / value[0].numel()) ** 0.5 if value.ndim == 4 else 0.1
        made[key.replace("body", "features", 1)] = torch.empty(value.shape).uniform_(-bound, bound, generator=generator)
    return made | {"classifier.6.weight": torch.zeros(10, 16)}


@pytest.fixture(scope="module")
def network(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg19") / "vgg19.safetensors"
    save_file(state, path)
    return vgg19_extractor(path)


def test_numbering_is_torchvisions():
    torchvision = pytest.importorskip("torchvision")
    with torch.device("meta"):
        theirs = torchvision.models.vgg19(weights=None).features
        ours = Vgg19Extractor()
    assert {k: v.shape for k, v in theirs.state_dict().items()} == {k: v.shape for k, v in ours.body.state_dict().items()}
    assert [type(m).__name__ for m in ours.body] == [type(m).__name__ for m in theirs]
    assert [ours.layers[name] for name in ("relu1_2", "relu2_2", "relu3_4", "relu4_4", "conv5_4")] == [3, 8, 17, 26, 34]


def test_every_map_by_hand(network, state):
    names, x = [], to_imagenet(PICTURES)
    wanted = []
    for group, n in enumerate((2, 2, 4, 4, 4), start=1):
        for number in range(1, n + 1):
            place = network.layers[f"conv{group}_{number}"]
            x = F.conv2d(x, state[f"features.{place}.weight"], state[f"features.{place}.bias"], padding=1)
            wanted.append(x)
            x = F.relu(x)
            wanted.append(x)
            names += [f"conv{group}_{number}", f"relu{group}_{number}"]
        x = F.max_pool2d(x, 2)
    found = network.features(PICTURES, names)
    assert len(found) == 32
    assert all(torch.allclose(a, b, atol=1e-4 * float(b.std())) for a, b in zip(found, wanted, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(network(PICTURES), network.features(PICTURES), strict=True))
    assert float(network.features(PICTURES, ("conv5_4",))[0].min()) < 0 <= float(network.features(PICTURES)[2].min())


@pytest.mark.parametrize("form", ["published", "paper"])
def test_it_serves_the_style_loss(network, form):
    loss = StyleLoss(network, form=form)
    pred = PICTURES.flip(0).requires_grad_()
    loss(pred, PICTURES).backward()
    assert list(loss.parts) == [f"style_{name}" for name in STYLE_LAYERS[form]]
    assert float(pred.grad.abs().sum()) > 0
    assert not any(p.requires_grad for p in network.parameters())


def test_what_is_no_vgg19_is_refused(tmp_path, state):
    save_file({"stem.weight": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsMismatch, match=r"stem\.weight"):
        vgg19_extractor(tmp_path / "other.safetensors")
    broken = {key: value for key, value in state.items() if key != "features.34.bias"}
    save_file(broken, tmp_path / "broken.safetensors")
    with pytest.raises(WeightsMismatch, match=r"body\.34\.bias"):
        vgg19_extractor(tmp_path / "broken.safetensors")
    with pytest.raises(RangeError, match="conv1_1"):
        Vgg19Extractor().features(PICTURES, ("relu9_9",))
