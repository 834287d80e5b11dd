"""PSFR-GAN's three networks: the official numbers, a second writing layer by layer, spectral norm folded."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

from sharpening.errors import RangeError, ShapeError, WeightsMismatch
from sharpening.models.psfr_gan.discriminator import PsfrDiscriminator
from sharpening.models.psfr_gan.enhance import one_hot
from sharpening.models.psfr_gan.generator import PsfrGenerator, generator_settings
from sharpening.models.psfr_gan.parse_net import ParseNet, parse_net_settings
from sharpening.models.psfr_gan.spectral import fold_spectral_norm, plain_key

TINY = {"width": 4, "n_levels": 2, "side": 4, "n_classes": 5, "n_hidden": 6}


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


# --- against the published program


def compare(parity, pred, stored, prefix, record_property):
    found = parity.seed_state.stats(pred)
    spread = float(np.asarray(stored[f"{prefix}.std"]).mean())
    differences = {name: float(np.abs(np.asarray(value) - stored[f"{prefix}.{name}"]).max()) for name, value in found.items()}
    record_property("difference", max(differences.values()) / spread)
    for name, value in found.items():
        wanted = stored[f"{prefix}.{name}"]
        message = f"{prefix}.{name}: {differences[name] / spread:.2g} of the spread"
        assert_allclose(value, wanted, rtol=1e-3, atol=1e-4 * spread, err_msg=message)


def filled(build, state):
    with torch.device("meta"):
        network = build()
    network = network.to_empty(device="cpu")
    network.load_state_dict(state, strict=True)
    return network.eval().requires_grad_(False)


def spectral_state(parity):
    """The seeded triples, their vectors brought near the largest singular value as the README of the vectors says."""
    state = parity.weights("psfrgan_generator")
    for key in [key for key in state if key.endswith("weight_orig")]:
        matrix, stem = state[key].flatten(1).double().numpy(), key.removesuffix("_orig")
        u = state[f"{stem}_u"].double().numpy()
        for _ in range(5):
            v = matrix.T @ u
            v /= np.linalg.norm(v)
            u = matrix @ v
            u /= np.linalg.norm(u)
        state[f"{stem}_u"], state[f"{stem}_v"] = (torch.from_numpy(each).float() for each in (u, v))
    return state


def picture_and_parts(parity):
    x, y = np.meshgrid(np.arange(512), np.arange(512))
    parts = F.one_hot(torch.from_numpy((x // 64 + y // 64) % 19), 19).permute(2, 0, 1)[None].float()
    return 2 * parity.seed_state.smooth_image("psfr", (3, 512, 512))[None] - 1, parts


@pytest.mark.parity
def test_parse_net_is_the_published_one(parity, record_property):
    stored = parity.npz("psfrgan")
    network = filled(ParseNet, parity.weights("psfrgan_parsenet", gain=0.5))
    scores, picture = network(picture_and_parts(parity)[0])
    compare(parity, scores, stored, "parse.mask", record_property)
    compare(parity, picture, stored, "parse.img", record_property)
    labels = scores.argmax(dim=1)[0]
    # Where two classes are as likely, the processor decides: one of 262,144 pixels did on one with AVX-512.
    counts = torch.bincount(labels.flatten(), minlength=19).numpy()
    assert np.abs(counts - stored["parse.label_hist"]).sum() <= 8
    assert_array_equal(labels[::32, ::32].numpy(), stored["parse.label_16"])
    small = network(2 * parity.seed_state.smooth_image("psfr128", (3, 128, 128))[None] - 1)[0]
    compare(parity, small, stored, "parse128.mask", record_property)


@pytest.mark.parity
def test_generator_without_spectral_norm_is_the_published_one(parity, record_property):
    network = filled(PsfrGenerator, parity.weights("psfrgan_generator_no_sn"))
    compare(parity, network(*picture_and_parts(parity)), parity.npz("psfrgan"), "gen_plain", record_property)


@pytest.mark.parity
def test_generator_with_folded_spectral_norm_is_the_published_one(parity, record_property):
    stored, state = parity.npz("psfrgan"), spectral_state(parity)
    folded = fold_spectral_norm(state)
    ratio = state["body.0.1.weight_orig"][0, 0, 0, 0] / folded["body.0.1.weight"][0, 0, 0, 0]
    assert float(ratio) == pytest.approx(float(stored["sn.sigma.body.0.1.weight"]), rel=1e-5)
    network = filled(PsfrGenerator, folded)
    compare(parity, network(*picture_and_parts(parity)), stored, "gen_sn", record_property)


@pytest.mark.parity
def test_spade_norm_is_the_published_one(parity, record_property):
    seeds = parity.seed_state
    norm = PsfrGenerator(width=8, n_levels=1, side=8, n_classes=19).body[0][2].norm_0
    norm.load_state_dict(seeds.seeded_state({key: tuple(value.shape) for key, value in norm.state_dict().items()}), strict=True)
    made = norm(seeds.tensor_input("spx", (1, 8, 16, 16)), seeds.tensor_input("spr", (1, 22, 64, 64))).detach()
    wanted = parity.npz("psfrgan")["spade.out"]
    record_property("difference", float(np.abs(made.numpy() - wanted).max() / wanted.std()))
    assert_allclose(made.numpy(), wanted, rtol=1e-3, atol=1e-4 * float(wanted.std()))


@pytest.mark.parity
@pytest.mark.parametrize(
    ("build", "name"),
    [
        (ParseNet, "psfrgan_parsenet"),
        (PsfrGenerator, "psfrgan_generator_no_sn"),
        (lambda: PsfrGenerator(spectral=True), "psfrgan_generator"),
        (PsfrDiscriminator, "psfrgan_discriminator"),
    ],
)
def test_keys_are_the_published_ones(parity, build, name):
    with torch.device("meta"):
        state = build().state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == parity.keys(name)


# --- by hand


def test_published_sizes():
    builds = ((ParseNet, 238, 21_319_930), (PsfrGenerator, 111, 45_956_995), (PsfrDiscriminator, 72, 18_932_376))
    for build, tensors, numbers in (*builds, (lambda: PsfrGenerator(spectral=True), 221, 46_051_726)):
        with torch.device("meta"):
            state = build().state_dict()
        assert len(state) == tensors
        assert sum(value.numel() for value in state.values()) == numbers


class ByHand:
    """Layers out of the names of the file alone."""

    def __init__(self, network):
        self.state = network.state_dict()

    def conv(self, key, x, *, reflect=False, stride=1):
        rows = F.pad(x, (1, 1, 1, 1), mode="reflect" if reflect else "constant")
        weight, bias = self.state[f"{key}.weight"], self.state.get(f"{key}.bias")
        n, c = weight.shape[:2]
        windows = rows.unfold(2, 3, stride).unfold(3, 3, stride)  # [bs, c, h, w, 3, 3]
        out = torch.einsum("bchwij,ncij->bnhw", windows, weight.view(n, c, 3, 3))
        return out if bias is None else out + bias.view(1, -1, 1, 1)

    def norm(self, key, x):
        mean, var, weight, bias = (
            self.state[f"{key}.norm.norm.{part}"].view(1, -1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    def parse_block(self, key, x, *, up=False, down=False):
        if up:
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        shortcut = self.conv(f"{key}.shortcut_func.conv2d", x, reflect=True, stride=1 + down) if up or down else x
        y = leaky(self.norm(f"{key}.conv1", self.conv(f"{key}.conv1.conv2d", x, reflect=True)))
        return shortcut + self.norm(f"{key}.conv2", self.conv(f"{key}.conv2.conv2d", y, reflect=True, stride=1 + down))

    def spade(self, key, x, reference):
        if reference.shape[-1] != x.shape[-1]:
            reference = F.interpolate(reference, x.shape[-2:], mode="bicubic", align_corners=False)
        hidden = leaky(self.conv(f"{key}.conv1.0", reference))
        rows = x.flatten(2)
        mean, var = rows.mean(dim=2), rows.var(dim=2, unbiased=False)
        plain = (x - mean[..., None, None]) / (var[..., None, None] + 1e-5).sqrt()
        return plain * self.conv(f"{key}.gamma_conv", hidden) + self.conv(f"{key}.beta_conv", hidden)

    def spade_block(self, key, x, reference):
        y = self.conv(f"{key}.conv_0", leaky(self.spade(f"{key}.norm_0", x, reference)))
        return x + self.conv(f"{key}.conv_1", leaky(self.spade(f"{key}.norm_1", y, reference)))


def leaky(x):
    return torch.where(x > 0, x, 0.2 * x)


def close(a, b):
    return torch.allclose(a, b, rtol=1e-3, atol=1e-4 * float(b.std()))


def test_parse_net_by_hand(generator):
    network = randomised(ParseNet(n_classes=5, width=3, n_body=2))
    hand, x = ByHand(network), torch.randn((2, 3, 48, 32), generator=generator)
    y = hand.conv("encoder.0.conv2d", x, reflect=True)
    for level in range(1, 5):
        y = hand.parse_block(f"encoder.{level}", y, down=True)
    deep = y
    for i in range(2):
        deep = hand.parse_block(f"body.{i}", deep)
    y = y + deep
    for level in range(4):
        y = hand.parse_block(f"decoder.{level}", y, up=True)
    scores, picture = network(x)
    assert scores.shape == (2, 5, 48, 32)
    assert close(hand.conv("out_mask_conv.conv2d", y, reflect=True), scores)
    assert close(hand.conv("out_img_conv.conv2d", y, reflect=True), picture)


def test_generator_by_hand(generator):
    network = randomised(PsfrGenerator(**TINY))
    hand, x = ByHand(network), torch.randn((2, 3, 16, 16), generator=generator)
    parts = F.one_hot(torch.randint(0, 5, (2, 16, 16), generator=generator), 5).permute(0, 3, 1, 2).float()
    reference = torch.cat([x, parts], dim=1)
    y = hand.conv("head.0", hand.state["const_input"].repeat(2, 1, 1, 1))
    y = hand.spade_block("head.1", y, reference)
    for level in range(2):
        y = hand.conv(f"body.{level}.1", y.repeat_interleave(2, 2).repeat_interleave(2, 3))
        y = hand.spade_block(f"body.{level}.2", y, reference)
    made = network(x, parts)
    assert made.shape == (2, 3, 16, 16)
    assert close(hand.conv("img_out", y), made)


def test_modulation_has_no_one_plus(generator):
    norm = PsfrGenerator(**TINY).requires_grad_(False).head[1].norm_0
    for value in norm.parameters():
        nn.init.zeros_(value)
    x, reference = torch.randn((1, 16, 4, 4), generator=generator), torch.randn((1, 8, 4, 4), generator=generator)
    assert float(norm(x, reference).abs().max()) == 0  # SPADE itself would leave the normalised maps


def test_discriminator_looks_at_three_sizes(generator):
    judge = PsfrDiscriminator(5, 4, n_sizes=3, n_halvings=2, most=8).eval().requires_grad_(False)
    x = torch.randn((2, 8, 48, 48), generator=generator)
    judged = judge(x)
    assert [[tuple(maps.shape[1:]) for maps in each.maps] for each in judged] == [
        [(4, s, s), (8, s // 2, s // 2), (8, s // 4, s // 4)] for s in (48, 24, 12)
    ]
    assert [tuple(each.scores.shape) for each in judged] == [(2, 1, s // 4 - 2, s // 4 - 2) for s in (48, 24, 12)]
    # The smaller pictures are means of 3×3 pixels that count only those inside.
    smaller = judge.D_pool[1](F.avg_pool2d(x, 3, 2, 1, count_include_pad=False))
    assert torch.equal(judged[1].scores, smaller.scores)
    corner = x[:, :, :2, :2].mean(dim=(2, 3))
    assert torch.allclose(F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)[:, :, 0, 0], corner, atol=1e-6)


# --- one-hot by equality


def test_classes_that_share_the_maximum_are_all_set():
    scores = torch.tensor([1.0, 3.0, 3.0, -1.0]).view(1, 4, 1, 1)
    assert one_hot(scores).flatten().tolist() == [0, 1, 1, 0]


# --- spectral norm


def test_folding_is_what_torch_computes_outside_training(generator):
    layer = spectral_norm(nn.Conv2d(3, 5, 3), n_power_iterations=3)
    x = torch.randn((1, 3, 8, 8), generator=generator)
    layer(x)
    layer.eval()
    folded = fold_spectral_norm(
        layer.state_dict() | {"a.weight_orig": layer.weight_orig, "a.weight_u": layer.weight_u} | {"a.weight_v": layer.weight_v}
    )
    assert torch.allclose(F.conv2d(x, folded["a.weight"], layer.bias), layer(x), atol=1e-6)


def test_folding_a_network_of_either_form(generator):
    trained = PsfrGenerator(**TINY, spectral=True)
    x, parts = torch.randn((1, 3, 16, 16), generator=generator), torch.rand((1, 5, 16, 16), generator=generator)
    trained.train()(x, parts)  # improves the stored vectors
    wanted, state = trained.eval()(x, parts), trained.state_dict()
    plain = PsfrGenerator(**TINY).eval()
    plain.load_state_dict(fold_spectral_norm(state), strict=True)
    assert torch.allclose(plain(x, parts), wanted, atol=1e-5 * float(wanted.detach().abs().max()))
    names = {"weight_orig": "original", "weight_u": "0._u", "weight_v": "0._v"}
    other = {}
    for key, value in state.items():
        stem, _, leaf = key.rpartition(".")
        other[f"{stem}.parametrizations.weight.{names[leaf]}" if leaf in names else key] = value
    again = fold_spectral_norm(other)
    assert again.keys() == plain.state_dict().keys()
    assert all(torch.equal(again[key], value) for key, value in plain.state_dict().items())


def test_plain_states_pass_through_the_folding():
    state = PsfrGenerator(**TINY).state_dict()
    folded = fold_spectral_norm(state)
    assert folded.keys() == state.keys()
    assert all(torch.equal(folded[key], value) for key, value in state.items())
    assert plain_key("head.0.bias") == "head.0.bias"


def test_broken_triples_are_told():
    state = PsfrGenerator(**TINY, spectral=True).state_dict()
    for wrong, message in (
        ({"head.0.weight_u": torch.ones(3)}, "head.0.weight_orig are"),
        ({"head.0.weight_v": torch.zeros(144)}, "folded"),
    ):
        with pytest.raises(WeightsMismatch, match=message):
            fold_spectral_norm(state | wrong)
    with pytest.raises(WeightsMismatch, match="None"):
        fold_spectral_norm({key: value for key, value in state.items() if key != "head.0.weight_u"})


# --- sizes are read off a state; wrong inputs are refused


def test_settings_are_read_off_the_tensors():
    for spectral in (False, True):
        assert generator_settings(PsfrGenerator(**TINY, spectral=spectral).state_dict()) == TINY
    assert parse_net_settings(ParseNet(5, 3, 2).state_dict()) == {"n_classes": 5, "width": 3, "n_body": 2}


def test_what_they_do_not_take():
    with pytest.raises(ShapeError, match="16 divides"):
        ParseNet(5, 3, 1)(torch.zeros(1, 3, 40, 32))
    with pytest.raises(ShapeError, match="16, 16"):
        PsfrGenerator(**TINY)(torch.zeros(1, 3, 32, 32), torch.zeros(1, 5, 32, 32))
    with pytest.raises(ShapeError, match="5, 16, 16"):
        PsfrGenerator(**TINY)(torch.zeros(1, 3, 16, 16), torch.zeros(1, 4, 16, 16))
    with pytest.raises(ShapeError, match="halvings"):
        PsfrDiscriminator(5, 4)(torch.zeros(1, 8, 64, 64))
    with pytest.raises(RangeError, match="generator"):
        PsfrGenerator(width=0)
    with pytest.raises(RangeError, match="discriminator"):
        PsfrDiscriminator(width=0)
