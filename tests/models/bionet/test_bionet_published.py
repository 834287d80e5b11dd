"""The authors' BiO-Net: equal to theirs, number by number and name by name."""

from __future__ import annotations

import re

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sharpening.errors import RangeError, ShapeError, WeightsMismatch
from sharpening.models.bionet import BioNetPublished, PublishedBioNet
from sharpening.models.bionet.port import from_published, to_published
from sharpening.weights.store import load_into, load_state, save_state

SHARED = re.compile(r"iteration[1-9]\d*_(layer\d+_(?:en|de)coder_\w+\.[03]\.\w+)")


def share(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Give the convolutions of all iterations the numbers of the first, as in the authors' program."""
    return {key: state["iteration0_" + m[1]] if (m := SHARED.fullmatch(key)) else value for key, value in state.items()}


def tiny(seed: int = 0, **settings) -> PublishedBioNet:
    """A net with widths from 4 on, whose norms are not those of a fresh one and whose weights keep a picture's contrast."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = PublishedBioNet(**{"multiplier": 0.125, **settings}).eval()
        for norm in (m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)):
            for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
                tensor.data += 0.5 * torch.rand_like(tensor)
        for conv in (m for m in net.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.ConvTranspose2d)):
            torch.nn.init.kaiming_normal_(conv.weight, mode="fan_in" if isinstance(conv, torch.nn.Conv2d) else "fan_out")
    return net


def picture(*size: int) -> Tensor:
    return torch.rand(2, 3, *(size or (64, 64)), generator=torch.Generator().manual_seed(0))


@pytest.mark.parity
@pytest.mark.parametrize("integrate", [False, True])
@pytest.mark.parametrize("n_iterations", [2, 3])
def test_equals_the_authors_program(parity, n_iterations: int, integrate: bool) -> None:
    golden, name = parity.npz("bionet"), f"t{n_iterations}.int{int(integrate)}"
    state = share(parity.weights(f"bionet_t{n_iterations}" + ("_int" if integrate else "")))
    net = load_into(PublishedBioNet(n_iterations, integrate), from_published(state), source="parity").eval()
    assert {key: value.shape for key, value in to_published(net.state_dict()).items()} == {k: v.shape for k, v in state.items()}
    assert sum(p.numel() for p in net.parameters()) == int(golden[f"{name}.params"])
    with torch.no_grad():
        pred = net(parity.seed_state.tensor_input("bio", (2, 3, 64, 64), "unit"))
    wanted = torch.from_numpy(golden[name])
    torch.testing.assert_close(pred, wanted, rtol=1e-3, atol=1e-4 * float(wanted.std()))


@pytest.mark.parametrize(
    ("n_iterations", "integrate", "n_parameters"),
    [(1, False, 14_964_417), (1, True, 14_964_417), (2, False, 14_971_137), (2, True, 14_980_353), (3, True, 14_996_289)],
)
def test_published_forms_have_the_known_number_of_parameters(n_iterations: int, integrate: bool, n_parameters: int) -> None:
    with torch.device("meta"):
        net = PublishedBioNet(n_iterations, integrate)
    assert sum(p.numel() for p in net.parameters()) == n_parameters


class _Slow:
    """The authors' net from their state dict: one functional call a layer, in the order of the paper's figure."""

    def __init__(self, state: dict[str, Tensor], n_iterations: int, integrate: bool) -> None:
        self.state, self.n_iterations, self.integrate = state, n_iterations, integrate

    def row(self, x: Tensor, name: str, n_units: int, up: bool = False) -> Tensor:
        for place in range(0, 3 * n_units, 3):
            weight, bias = (self.state[f"{name}.{place}.{leaf}"] for leaf in ("weight", "bias"))
            x = F.conv_transpose2d(x, weight, bias, 2, 1, 1) if up else F.conv2d(x, weight, bias, padding=1)
            norm = {leaf: self.state[f"{name}.{place + 2}.{leaf}"] for leaf in ("running_mean", "running_var", "weight", "bias")}
            x = F.batch_norm(F.relu(x), **norm)
        return x

    def middle(self, x: Tensor) -> Tensor:
        x = self.row(x, "middles", 2)
        last = {k.replace("middles.6", "m.0").replace("middles.8", "m.2"): v for k, v in self.state.items()}
        return _Slow(last, 0, False).row(x, "m", 1, up=True)

    def __call__(self, x: Tensor) -> Tensor:
        start = F.max_pool2d(self.row(x, "pre_transform_conv_block", 3), 2)
        back: dict[int, Tensor] = {}
        outputs = []
        for i in range(self.n_iterations):
            x, skips = start, []
            for level in range(4):
                skips.append(self.row(torch.cat([x, back.get(level, x)], 1), f"iteration{i}_layer{level}_encoder_convs", 2))
                x = F.max_pool2d(self.row(skips[-1], f"iteration{i}_layer{level}_encoder_down", 1), 2)
            x = self.middle(x)
            for level in range(4):
                x = self.row(torch.cat([x, skips[3 - level]], 1), f"iteration{i}_layer{level}_decoder_convs", 2)
                back[3 - level] = x
                x = self.row(x, f"iteration{i}_layer{level}_decoder_up", 1, up=True)
            outputs.append(x)
        x = self.row(torch.cat(outputs, 1) if self.integrate else outputs[-1], "post_transform_conv_block", 2)
        return torch.sigmoid(F.conv2d(x, *(self.state[f"post_transform_conv_block.6.{leaf}"] for leaf in ("weight", "bias"))))


@pytest.mark.parametrize("integrate", [False, True])
@pytest.mark.parametrize("n_iterations", [1, 2, 3])
def test_equals_the_same_net_written_out(n_iterations: int, integrate: bool) -> None:
    net = tiny(n_iterations=n_iterations, integrate=integrate)
    with torch.no_grad():
        pred = net(picture())
        slow = _Slow(to_published(net.state_dict()), n_iterations, integrate)(picture())
    assert pred.std() > 1e-2
    torch.testing.assert_close(pred, slow, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("n_iterations", [1, 2, 3])
def test_names_go_there_and_back(n_iterations: int) -> None:
    net = tiny(n_iterations=n_iterations)
    theirs = to_published(net.state_dict())
    assert len(theirs) == {1: 226, 2: 394, 3: 562}[n_iterations]
    other = load_into(tiny(seed=1, n_iterations=n_iterations), from_published(theirs), source="theirs")
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in other.state_dict().items())


def test_official_file_with_duplicates_is_loaded(tmp_path) -> None:
    net, other = tiny(), tiny(seed=1)
    path = save_state(tmp_path / "official.safetensors", to_published(net.state_dict()))
    load_into(other, from_published(load_state(path), source=str(path)), source=path)
    with torch.no_grad():
        assert torch.equal(net(picture()), other(picture()))


def test_duplicates_may_be_left_out() -> None:
    theirs = to_published(tiny().state_dict())
    few = {key: value for key, value in theirs.items() if not SHARED.fullmatch(key)}
    assert len(few) < len(theirs)
    assert from_published(few).keys() == from_published(theirs).keys()


def test_duplicates_that_differ_are_refused_and_named() -> None:
    theirs = to_published(tiny().state_dict())
    odd = ["iteration1_layer2_encoder_convs.3.weight", "iteration1_layer0_decoder_up.0.bias"]
    with pytest.raises(WeightsMismatch) as caught:
        from_published({**theirs, **{key: theirs[key] + 1e-3 for key in odd}}, source="bad.pt")
    assert all(key in str(caught.value) for key in (*odd, "bad.pt"))


def test_norms_of_the_iterations_may_differ() -> None:
    theirs = to_published(tiny().state_dict())
    key = "iteration1_layer2_encoder_convs.2.weight"
    ours = from_published({**theirs, key: theirs[key] + 1})
    assert torch.equal(ours["encoder.2.units.0.norms.1.weight"], theirs[key] + 1)


@pytest.mark.parametrize("key", ["module.middles.0.weight", "middles.1.weight", "iteration0_layer0_encoder_up.0.bias"])
def test_foreign_names_are_told(key: str) -> None:
    with pytest.raises(WeightsMismatch, match=re.escape(key)):
        from_published({key: torch.zeros(1)})
    with pytest.raises(WeightsMismatch, match=re.escape(key)):
        to_published({key: torch.zeros(1)})


def test_missing_and_misshaped_tensors_are_listed() -> None:
    theirs = to_published(tiny().state_dict())
    del theirs["middles.0.bias"]
    theirs["post_transform_conv_block.6.weight"] = torch.zeros(2, 4, 1, 1)
    with pytest.raises(WeightsMismatch) as caught:
        load_into(tiny(), from_published(theirs), source="bad.pt")
    assert "1 missing: middle.0.conv.bias" in str(caught.value)
    assert "1 misshaped: last.weight" in str(caught.value)


def test_backward_skips_change_the_result_and_get_gradients() -> None:
    once, twice = tiny(n_iterations=1), tiny(n_iterations=2)
    state = twice.state_dict()
    load_into(once, {key: state[key] for key in once.state_dict()}, source="the other")
    pred = twice(picture())
    assert (pred - once(picture())).abs().max() > 1e-4
    pred.sum().backward()
    # The last decoder level of the first iteration acts on the result through its backward skip alone.
    assert twice.decoder[3].units[1].norms[0].weight.grad.abs().max() > 0


@pytest.mark.parametrize("size", [(64, 32), (40, 53)])
def test_output_has_the_size_of_the_input_and_lies_between_0_and_1(size: tuple[int, int]) -> None:
    with torch.no_grad():
        pred = tiny(n_out=3)(10 * picture(*size))
    assert pred.shape == (2, 3, *size)
    assert (pred.min() >= 0) & (pred.max() <= 1)


def test_filled_borders_are_those_of_a_filled_picture() -> None:
    net = tiny()
    with torch.no_grad():
        whole = net(F.pad(picture(40, 53), (0, 11, 0, 24), mode="replicate"))
        assert torch.equal(net(picture(40, 53)), whole[..., :40, :53])


def test_frames_net_is_the_published_one_with_other_ends() -> None:
    net = BioNetPublished(n_frames=5, multiplier=0.125)
    assert (net.n_frames, net.n_in, net.integrate, net.scale) == (5, 15, True, 1)
    other = PublishedBioNet(2, True, 0.125, n_in=15, n_out=3)
    assert {k: v.shape for k, v in net.state_dict().items()} == {k: v.shape for k, v in other.state_dict().items()}


def test_wrong_pictures_and_settings_are_told() -> None:
    for shape in ((2, 4, 64, 64), (3, 64, 64), (1, 3, 64, 31)):
        with pytest.raises(ShapeError, match="frames"):
            tiny()(torch.zeros(shape))
    for settings in ({"n_iterations": 0}, {"multiplier": 0.01}, {"n_in": 0}, {"n_out": 0}):
        with pytest.raises(RangeError, match=next(iter(settings))):
            PublishedBioNet(**settings)
    with pytest.raises(RangeError, match="n_frames"):
        BioNetPublished(n_frames=0)
