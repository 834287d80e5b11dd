"""The seven terms of the course's feature loss through VGG-16: the stored numbers, and torchvision's own network."""

import itertools

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from sharpening.imaging.ranges import from_imagenet, to_imagenet
from sharpening.losses.perceptual import PerceptualLoss
from sharpening.losses.pixel import l1, mse
from sharpening.models.face_id.vgg import Vgg16Extractor, vgg16_extractor

PIXEL = {"l1": l1, "mse": mse}
WEIGHTS = [(5, 15, 2), (20, 70, 10)]
ARCHITECTURES = ["vgg16_bn", "vgg16"]


def terms(network, pred, target, weights, base):
    """The three features and the three Grams, in this order."""
    loss = PerceptualLoss(network, network.feature_layers, weights, base=base)
    loss(pred, target)
    return [float(part) for part in loss.parts.values()]


@pytest.fixture(scope="module", params=ARCHITECTURES)
def seeded(request, parity, tmp_path_factory):
    """The network that the stored numbers come from, read from a file of torchvision's form."""
    layout = Vgg16Extractor(batch_norm=request.param == "vgg16_bn").state_dict()
    shapes = {key.replace("body", "features", 1): tuple(value.shape) for key, value in layout.items()}
    path = tmp_path_factory.mktemp("vgg") / "vgg.safetensors"
    save_file(parity.seed_state.seeded_state(shapes), path)
    return request.param, vgg16_extractor(path)


@pytest.mark.parity
def test_the_seven_terms_equal_those_of_the_course(parity, seeded):
    architecture, network = seeded
    stored = parity.npz("feature_loss")
    pred, target = (torch.stack([parity.seed_state.smooth_image(f"{x}{i}", (3, 64, 64)) for i in range(2)]) for x in ("fa", "fb"))
    # The stored numbers were made without the normalisation that our networks do themselves.
    inputs = from_imagenet(pred), from_imagenet(target)
    for weights, base in itertools.product(WEIGHTS, ("l1", "mse")):
        ours = [float(PIXEL[base](pred, target)), *terms(network, *inputs, weights, base)]
        wanted = stored[f"{architecture}.{'_'.join(map(str, weights))}.{base}"].tolist()
        assert ours == pytest.approx(wanted, rel=1e-4), (weights, base)


def filled(architecture):
    """torchvision's convolutions with weights of our own, which are made faster than its start is."""
    torchvision = pytest.importorskip("torchvision")
    with torch.device("meta"):
        layers = getattr(torchvision.models, architecture)(weights=None).features
    layers, generator = layers.to_empty(device="cpu").eval(), torch.Generator().manual_seed(1)
    for module in layers:
        if isinstance(module, nn.ReLU):
            module.inplace = False
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
    for parameter in layers.parameters():
        bound = (6 / parameter[0].numel()) ** 0.5 if parameter.ndim == 4 else 1
        parameter.data.uniform_(-bound if parameter.ndim == 4 else 0, bound, generator=generator)
    return layers.requires_grad_(False)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_equal_to_torchvisions_network_and_the_written_formula(tmp_path, architecture):
    layers = filled(architecture)
    save_file({f"features.{key}": value for key, value in layers.state_dict().items()}, tmp_path / "vgg.safetensors")
    network = vgg16_extractor(tmp_path / "vgg.safetensors")
    pred, target = torch.rand((2, 2, 3, 48, 32), generator=torch.Generator().manual_seed(0))
    for base, distance in (("l1", F.l1_loss), ("mse", F.mse_loss)):
        features, grams = [], []
        for place, w in zip((22, 32, 42) if architecture == "vgg16_bn" else (15, 22, 29), WEIGHTS[0], strict=True):
            a, b = (layers[: place + 1](to_imagenet(x)) for x in (pred, target))
            features.append(w * float(distance(a, b)))
            products = [torch.einsum("bchw,bdhw->bcd", x, x) / x[0].numel() for x in (a, b)]
            grams.append(w**2 * 5e3 * float(distance(*products)))
        assert terms(network, pred, target, WEIGHTS[0], base) == pytest.approx(features + grams, rel=1e-4)
