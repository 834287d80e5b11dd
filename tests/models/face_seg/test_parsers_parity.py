"""The two published parsers: the official numbers, and a second writing layer by layer."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch.nn import functional as F

from sharpening.errors import ShapeError
from sharpening.models.face_seg.bisenet import BiSeNet
from sharpening.models.face_seg.celebamaskhq_unet import CelebAMaskHQUNet


def compare(parity, pred, stored, prefix):
    found = parity.seed_state.stats(pred)
    spread = float(np.asarray(stored[f"{prefix}.std"]).mean())
    for name, value in found.items():
        assert_allclose(value, stored[f"{prefix}.{name}"], rtol=1e-3, atol=1e-4 * spread, err_msg=f"{prefix}.{name}")


@pytest.fixture(scope="module")
def official_unet(parity):
    network = CelebAMaskHQUNet().eval().requires_grad_(False)
    network.load_state_dict(parity.weights("celebamaskhq_unet"), strict=True)
    return network


@pytest.mark.parity
def test_unet_of_celebamaskhq(parity, official_unet):
    stored, seeds = parity.npz("celebamaskhq_unet"), parity.seed_state
    small = official_unet(2 * seeds.smooth_image("segs", (3, 64, 64))[None] - 1).numpy()
    assert_allclose(small, stored["small"], rtol=1e-3, atol=1e-4 * float(stored["small"].std()))
    big = official_unet(2 * seeds.smooth_image("seg", (3, 512, 512))[None] - 1)
    compare(parity, big, stored, "big")
    labels = big.argmax(dim=1)[0]
    assert_array_equal(labels[::32, ::32].numpy(), stored["label_16"])
    assert_array_equal(torch.bincount(labels.flatten(), minlength=19).numpy(), stored["label_hist"])


@pytest.mark.parity
def test_unet_prepares_as_the_published_program(parity):
    picture = parity.seed_state.smooth_image("seg", (3, 512, 512))[None]
    assert torch.equal(CelebAMaskHQUNet.prepare(picture), 2 * picture - 1)


@pytest.mark.parity
def test_bisenet(parity):
    stored, seeds = parity.npz("bisenet_face"), parity.seed_state
    network = BiSeNet().eval().requires_grad_(False)
    network.load_state_dict(parity.weights("bisenet_face", gain=1.0), strict=True)
    x = seeds.tensor_input("bise", (1, 3, 128, 128))
    for number, pred in enumerate(network.all_heads(x)):
        compare(parity, pred, stored, f"o{number}")
    for number, pred in enumerate(network.all_heads(seeds.tensor_input("bise512", (1, 3, 512, 512)))):
        compare(parity, pred, stored, f"big{number}")
    assert_array_equal(network(x).argmax(dim=1)[0, ::8, ::8].numpy(), stored["label_8"])


@pytest.mark.parity
@pytest.mark.parametrize(("build", "name"), [(CelebAMaskHQUNet, "celebamaskhq_unet"), (BiSeNet, "bisenet_face")])
def test_keys_are_the_published_ones(parity, build, name):
    with torch.device("meta"):
        state = build().state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == parity.keys(name)


def randomised(network, seed=0):
    """Weights of every kind away from 0 and 1, so that a layer left out shows."""
    dice = torch.Generator().manual_seed(seed)
    state = {}
    for key, value in network.state_dict().items():
        if value.ndim > 1:
            state[key] = torch.randn(value.shape, generator=dice) * (2 / value[0].numel()) ** 0.5
        elif value.ndim == 1:
            state[key] = torch.rand(value.shape, generator=dice) + 0.5
        else:
            state[key] = value
    network.load_state_dict(state)
    return network.eval().requires_grad_(False)


class ByHand:
    """Layers out of the names of the file alone."""

    def __init__(self, network):
        self.state = network.state_dict()

    def conv(self, key, x, stride=1):
        weight = self.state[f"{key}.weight"]
        return F.conv2d(x, weight, self.state.get(f"{key}.bias"), stride, weight.shape[-1] // 2)

    def norm(self, key, x):
        mean, var, weight, bias = (
            self.state[f"{key}.{part}"].view(1, -1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    def unit(self, key, x, stride=1):
        return self.norm(f"{key}.bn", self.conv(f"{key}.conv", x, stride)).clamp(min=0)

    def double(self, key, x):
        for half in ("conv1", "conv2"):
            x = self.norm(f"{key}.{half}.1", self.conv(f"{key}.{half}.0", x)).clamp(min=0)
        return x

    def residual(self, key, x, stride):
        y = self.norm(f"{key}.bn1", self.conv(f"{key}.conv1", x, stride)).clamp(min=0)
        y = self.norm(f"{key}.bn2", self.conv(f"{key}.conv2", y))
        if f"{key}.downsample.0.weight" in self.state:
            x = self.norm(f"{key}.downsample.1", F.conv2d(x, self.state[f"{key}.downsample.0.weight"], stride=stride))
        return (x + y).clamp(min=0)

    def attention(self, key, x):
        x = self.unit(f"{key}.conv", x)
        mean = x.flatten(2).mean(dim=2)[..., None, None]
        return x / (1 + torch.exp(-self.norm(f"{key}.bn_atten", self.conv(f"{key}.conv_atten", mean))))


def test_unet_by_hand(generator):
    network = randomised(CelebAMaskHQUNet())
    hand, x = ByHand(network), torch.randn((2, 3, 48, 32), generator=generator)
    wanted, y, skips = network(x), x, []
    for level in range(1, 5):
        skips.append(hand.double(f"conv{level}", y))
        y = skips[-1].unfold(2, 2, 2).unfold(3, 2, 2).amax(dim=(-2, -1))
    y = hand.double("center", y)
    for level in range(4, 0, -1):
        weight, bias = (hand.state[f"up_concat{level}.up.{part}"] for part in ("weight", "bias"))
        up = torch.einsum("nihw,ioab->nohawb", y, weight).flatten(4, 5).flatten(2, 3) + bias.view(1, -1, 1, 1)
        y = hand.double(f"up_concat{level}.conv", torch.cat([skips[level - 1], up], dim=1))
    assert torch.allclose(hand.conv("final", y), wanted, rtol=1e-3, atol=1e-4 * float(wanted.std()))


def test_bisenet_by_hand(generator):
    network = randomised(BiSeNet())
    hand, x = ByHand(network), torch.randn((1, 3, 64, 96), generator=generator)
    y = F.conv2d(x, hand.state["cp.resnet.conv1.weight"], stride=2, padding=3)
    y = F.max_pool2d(hand.norm("cp.resnet.bn1", y).clamp(min=0), 3, 2, 1)
    maps = []
    for layer in range(1, 5):
        for block in range(2):
            y = hand.residual(f"cp.resnet.layer{layer}.{block}", y, 2 if layer > 1 and block == 0 else 1)
        maps.append(y)
    mean = hand.unit("cp.conv_avg", maps[3].mean(dim=(2, 3), keepdim=True))
    coarse = hand.unit(
        "cp.conv_head32", (hand.attention("cp.arm32", maps[3]) + mean).repeat_interleave(2, 2).repeat_interleave(2, 3)
    )
    fine = (hand.attention("cp.arm16", maps[2]) + coarse).repeat_interleave(2, 2).repeat_interleave(2, 3)
    fine = hand.unit("cp.conv_head16", fine)
    joined = hand.unit("ffm.convblk", torch.cat([maps[1], fine], dim=1))
    weight = hand.conv("ffm.conv2", hand.conv("ffm.conv1", joined.mean(dim=(2, 3), keepdim=True)).clamp(min=0))
    joined = joined * (1 + 1 / (1 + torch.exp(-weight)))
    for (key, features), wanted in zip(
        (("conv_out", joined), ("conv_out16", fine), ("conv_out32", coarse)), network.all_heads(x), strict=True
    ):
        scores = hand.conv(f"{key}.conv_out", hand.unit(f"{key}.conv", features))
        scores = F.interpolate(scores, (64, 96), mode="bilinear", align_corners=True)
        assert torch.allclose(scores, wanted, rtol=1e-3, atol=1e-4 * float(wanted.std()))
    assert torch.equal(network(x), network.all_heads(x)[0])


def test_published_sizes():
    for build, tensors, numbers in ((CelebAMaskHQUNet, 136, 1_947_317), (BiSeNet, 191, 13_313_119)):
        with torch.device("meta"):
            state = build().state_dict()
        assert len(state) == tensors
        assert sum(value.numel() for value in state.values()) == numbers


def test_what_they_do_not_take(generator):
    with pytest.raises(ShapeError, match="16 divides"):
        CelebAMaskHQUNet()(torch.zeros(1, 3, 40, 32))
    with pytest.raises(ShapeError, match="H ≥ 32"):
        BiSeNet()(torch.zeros(1, 3, 16, 64))


def test_preparations_differ(generator):
    picture = torch.rand((1, 3, 40, 40), generator=generator)
    near, smooth = CelebAMaskHQUNet.prepare(picture), BiSeNet.prepare(picture)
    assert near.shape == smooth.shape == (1, 3, 512, 512)
    assert set(near.flatten().tolist()) <= set((2 * picture - 1).flatten().tolist())
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    back = smooth * std + mean
    assert torch.allclose(F.avg_pool2d(back, 512).flatten(), F.avg_pool2d(picture, 40).flatten(), atol=0.02)
    assert len(back.unique()) > 100 * len(picture.unique())  # between the pixels of the picture it has new values
