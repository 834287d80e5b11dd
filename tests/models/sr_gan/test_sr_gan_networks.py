"""SRGAN's and ESRGAN's networks: the published program's numbers, the formula layer by layer, and files that fit or do not."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError, WeightsMismatch, WeightsMissing
from sharpening.models.published.table import expected
from sharpening.models.sr_gan import Discriminator, RRDBNet, SrGan, load_esrgan
from sharpening.models.sr_gan.published import PUBLISHED
from sharpening.models.zoo import create_model, load_model
from sharpening.weights.card import WeightCard
from sharpening.weights.store import save_state

TINY = {"width": 8, "n_blocks": 2, "growth": 4}


def seeded(build, seed: int = 0, **settings):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build(**settings).eval()


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


# --- ESRGAN


@pytest.mark.parity
def test_equal_to_the_published_program(parity, tmp_path, record_property) -> None:
    path = tmp_path / "RRDB_ESRGAN_x4.pth"
    torch.save(parity.weights("esrgan_rrdb", gain=0.5), path)
    net = load_esrgan(path)
    assert {key: tuple(value.shape) for key, value in net.state_dict().items()} == parity.keys("esrgan_rrdb")
    wanted = torch.from_numpy(parity.npz("esrgan_rrdb")["out"])
    with torch.no_grad():
        got = net(parity.seed_state.smooth_image("esr", (3, 24, 24))[None])
    difference, allowed = float((got - wanted).abs().max()), 1e-4 * float(wanted.std())
    record_property("difference", difference)
    assert torch.allclose(got, wanted, rtol=1e-3, atol=allowed), f"difference {difference:.2e}, wanted rtol 1e-3 or {allowed:.1e}"


def _dense(state, place: str, x: torch.Tensor) -> torch.Tensor:
    maps = [x]
    for number in range(1, 6):
        weight, bias = (state[f"{place}.conv{number}.{kind}"] for kind in ("weight", "bias"))
        # Each source has its own slice of the kernel: the sum over them is the convolution of all joined.
        slices = weight.split([m.shape[1] for m in maps], dim=1)
        y = sum(F.conv2d(m, k, padding=1) for m, k in zip(maps, slices, strict=True)) + bias.view(1, -1, 1, 1)
        maps.append(torch.where(y > 0, y, 0.2 * y) if number < 5 else y)
    return x + 0.2 * maps[-1]


def test_rrdb_is_the_formula() -> None:
    net, x = seeded(RRDBNet, **TINY).double(), noise(2, 3, 16, 18).double()
    state = net.state_dict()

    def layer(name: str, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)

    first = y = layer("conv_first", x)
    for block in range(2):
        inner = y
        for dense in (1, 2, 3):
            inner = _dense(state, f"RRDB_trunk.{block}.RDB{dense}", inner)
        y = y + 0.2 * inner
    y = first + layer("trunk_conv", y)
    for name in ("upconv1", "upconv2"):
        y = layer(name, y.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3))
        y = torch.where(y > 0, y, 0.2 * y)
    y = layer("HRconv", y)
    wanted = layer("conv_last", torch.where(y > 0, y, 0.2 * y))
    torch.testing.assert_close(net(x), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("form", ["plain", "half", "parallel", "wrapped"])
def test_a_published_file_loads_in_every_form(form: str, tmp_path) -> None:
    net, path = seeded(RRDBNet, **TINY), tmp_path / "RRDB_PSNR_x4.pth"
    state = net.state_dict()
    if form == "half":
        state = {key: value.half() for key, value in state.items()}
    if form == "parallel":
        state = {f"module.{key}": value for key, value in state.items()}
    torch.save({"params_ema": state} if form == "wrapped" else state, path)
    loaded = load_esrgan(path)
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    tolerance = 1e-2 if form == "half" else 0
    with torch.no_grad():
        torch.testing.assert_close(loaded(noise(1, 3, 16, 16)), net(noise(1, 3, 16, 16)), rtol=tolerance, atol=tolerance)


def test_a_converted_file_loads_by_name_and_through_the_zoo(tmp_path) -> None:
    net = seeded(RRDBNet, **TINY)
    card = WeightCard(name="esrgan-rrdb", model="esrgan", source="a test", licence="none", free_use=True, settings=TINY)
    save_state(tmp_path / "esrgan-rrdb.safetensors", net.state_dict(), card)
    x = noise(1, 3, 16, 16)
    by_name, (by_card, _) = load_esrgan(pretrained=tmp_path), load_model("esrgan-rrdb", pretrained=tmp_path)
    with torch.no_grad():
        assert torch.equal(by_name(x), net(x))
        assert torch.equal(by_card(x), net(x))


def test_a_missing_file_says_where_it_comes_from(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(WeightsMissing, match=r"RRDB_ESRGAN_x4\.pth --as esrgan-rrdb"):
        load_esrgan(pretrained=tmp_path)


def _without(state):
    return {key: value for key, value in state.items() if key != "HRconv.bias"}


def _reshaped(state):
    return {**state, "upconv1.weight": torch.zeros(8, 8, 1, 1)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without, "1 missing: HRconv.bias"),
        (_reshaped, r"upconv1\.weight \(got \[8, 8, 1, 1\]"),
        (lambda state: {**state, "extra": torch.zeros(1)}, "1 extra: extra"),
        (lambda state: {key: value for key, value in state.items() if "RDB1" not in key}, "is no RRDBNet"),
        (lambda state: {**state, "conv_first.weight": torch.zeros(8)}, "is no RRDBNet"),
        (lambda state: {**state, "conv_first.weight": torch.zeros(8, 2, 3, 3)}, "conv_first"),
    ],
)
def test_a_wrong_file_is_told(change, message: str, tmp_path) -> None:
    path = tmp_path / "wrong.pth"
    torch.save(change(seeded(RRDBNet, **TINY).state_dict()), path)
    with pytest.raises(WeightsMismatch, match=message):
        load_esrgan(path)


def test_cards_of_the_published_files_name_the_net() -> None:
    assert [entry.name for entry in PUBLISHED] == ["esrgan-rrdb", "esrgan-rrdb-psnr"]
    for entry in PUBLISHED:
        shapes = expected(entry)
        assert len(shapes) == 702
        assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 16_697_987
        assert (entry.licence, entry.free_use, entry.model) == ("Apache-2.0", True, "esrgan")


# --- SRGAN


def test_srgan_is_the_paper_at_the_paper_s_size() -> None:
    with torch.device("meta"):
        net = SrGan()
    convolutions = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 1 + 2 * 16 + 1 + 2 + 1
    assert [m.kernel_size for m in (convolutions[0], convolutions[-1])] == [(9, 9), (9, 9)]
    assert [m.out_channels for m in convolutions[-3:]] == [256, 256, 3]
    assert sum(isinstance(m, torch.nn.PReLU) for m in net.modules()) == 1 + 16 + 2
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules()) == 2 * 16 + 1


def _norm(state, place: str, x: torch.Tensor) -> torch.Tensor:
    mean, var, gain, bias = (
        state[f"{place}.{kind}"].view(1, -1, 1, 1) for kind in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (var + 1e-5).sqrt() * gain + bias


def _prelu(x: torch.Tensor, slope: torch.Tensor) -> torch.Tensor:
    return torch.where(x > 0, x, slope * x)


def test_srgan_is_the_formula() -> None:
    net, x = seeded(SrGan, width=4, n_blocks=1).double(), noise(2, 3, 16, 17).double()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.copy_(noise(4, seed=1))
            module.running_var.copy_(0.5 + noise(4, seed=2))
    s = net.state_dict()
    first = _prelu(F.conv2d(x, s["head.0.weight"], s["head.0.bias"], padding=4), s["head.1.weight"])
    y = _prelu(_norm(s, "trunk.0.1", F.conv2d(first, s["trunk.0.0.weight"], padding=1)), s["trunk.0.2.weight"])
    y = first + _norm(s, "trunk.0.4", F.conv2d(y, s["trunk.0.3.weight"], padding=1))
    y = first + _norm(s, "trunk.2", F.conv2d(y, s["trunk.1.weight"], padding=1))
    for place in ("enlarge.0", "enlarge.1"):
        y = F.conv2d(y, s[f"{place}.0.weight"], s[f"{place}.0.bias"], padding=1)
        y = _prelu(F.pixel_shuffle(y, 2), s[f"{place}.2.weight"])
    wanted = F.conv2d(y, s["tail.weight"], s["tail.bias"], padding=4)
    torch.testing.assert_close(net(x), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["srgan", "esrgan"])
def test_one_frame_is_the_default_and_wrong_input_is_told(name: str) -> None:
    net = create_model(name, width=4, n_blocks=1).eval()
    assert (net.n_frames, net.scale) == (1, 4)
    with torch.no_grad():
        assert net(noise(2, 3, 16, 20)).shape == (2, 3, 64, 80)
    for shape in ((1, 6, 16, 16), (1, 3, 15, 16), (3, 16, 16)):
        with pytest.raises(ShapeError, match="frames"):
            net(torch.zeros(shape))
    for wrong in ({"n_frames": 0}, {"width": 0}, {"n_blocks": 0}):
        with pytest.raises(RangeError, match=next(iter(wrong))):
            create_model(name, **wrong)


# --- the discriminator


def test_discriminator_is_the_paper_s() -> None:
    with torch.device("meta"):
        net = Discriminator(96)
    convolutions = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [(m.out_channels, m.stride[0]) for m in convolutions] == [(c, s) for c in (64, 128, 256, 512) for s in (1, 2)]
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in net.modules()) == 7
    assert [(m.in_features, m.out_features) for m in net.modules() if isinstance(m, torch.nn.Linear)] == [
        (512 * 36, 1024),
        (1024, 1),
    ]


def test_discriminator_takes_pictures_of_its_size_only() -> None:
    net = seeded(Discriminator, size=30, width=4, n_hidden=8)
    with torch.no_grad():
        scores = net(noise(3, 3, 30, 30))
    assert scores.shape == (3, 1)
    assert len(scores.unique()) == 3
    for shape in ((1, 3, 32, 32), (1, 4, 30, 30)):
        with pytest.raises(ShapeError, match="30"):
            net(torch.zeros(shape))
    with pytest.raises(RangeError, match="size"):
        Discriminator(size=8)
