"""IR-SE-50: the published keys, the published numbers, a second writing of the formula, blue first."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from sharpening.errors import InputError, RangeError, ShapeError, WeightsMismatch
from sharpening.metrics.serfiq import SerFiq, serfiq_code, serfiq_paper, serfiq_published
from sharpening.models.face_id import IrSe50, load_ir_se50

TINY = {"widths": (16, 16, 32, 32), "units": (1, 2, 1, 1), "size": 32}


def randomised(network, seed=0):
    """Weights of every kind away from 0 and 1, so that a layer left out shows."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, value in network.state_dict().items():
        if value.ndim > 1:
            state[key] = torch.randn(value.shape, generator=generator) * (1 / value[0].numel()) ** 0.5
        elif value.ndim == 1:
            state[key] = torch.rand(value.shape, generator=generator) + 0.5
        else:
            state[key] = value
    network.load_state_dict(state)
    return network.requires_grad_(False)


@pytest.fixture(scope="module")
def tiny():
    return randomised(IrSe50(**TINY))


@pytest.fixture
def chips(generator):
    return torch.rand((2, 3, 32, 32), generator=generator)


def norm(state, key, x):
    shape = (1, -1, 1, 1) if x.ndim == 4 else (1, -1)
    mean, var, weight, bias = (state[f"{key}.{part}"].view(shape) for part in ("running_mean", "running_var", "weight", "bias"))
    return (x - mean) / (var + 1e-5).sqrt() * weight + bias


def prelu(state, key, x):
    return torch.where(x > 0, x, x * state[f"{key}.weight"].view(1, -1, 1, 1))


def unit_by_hand(state, key, x, stride):
    """One residual unit out of the names of the file alone."""
    short = x[:, :, ::stride, ::stride]
    if f"{key}.shortcut_layer.0.weight" in state:
        short = norm(state, f"{key}.shortcut_layer.1", F.conv2d(x, state[f"{key}.shortcut_layer.0.weight"], stride=stride))
    y = F.conv2d(norm(state, f"{key}.res_layer.0", x), state[f"{key}.res_layer.1.weight"], padding=1)
    y = F.conv2d(prelu(state, f"{key}.res_layer.2", y), state[f"{key}.res_layer.3.weight"], stride=stride, padding=1)
    y = norm(state, f"{key}.res_layer.4", y)
    squeezed = torch.einsum("oc,nc->no", state[f"{key}.res_layer.5.fc1.weight"][..., 0, 0], y.mean(dim=(2, 3))).clamp(min=0)
    weights = 1 / (1 + torch.exp(-squeezed @ state[f"{key}.res_layer.5.fc2.weight"][..., 0, 0].T))
    return y * weights[..., None, None] + short


def descriptors_by_hand(network, chips):
    state = network.state_dict()
    x = F.conv2d(2 * chips[:, [2, 1, 0]] - 1, state["input_layer.0.weight"], padding=1)
    x = prelu(state, "input_layer.2", norm(state, "input_layer.1", x))
    for number, stride in enumerate((2, 2, 1, 2, 2)):
        x = unit_by_hand(state, f"body.{number}", x, stride)
    x = norm(state, "output_layer.0", x).flatten(1)
    x = norm(state, "output_layer.4", x @ state["output_layer.3.weight"].T + state["output_layer.3.bias"])
    return x / x.square().sum(dim=1, keepdim=True).sqrt()


def test_a_second_writing_gives_the_same(tiny, chips):
    assert torch.allclose(tiny(chips), descriptors_by_hand(tiny, chips), atol=1e-5)


def test_published_keys_and_size():
    with torch.device("meta"):
        state = IrSe50().state_dict()
    assert len(state) == 397
    assert sum(value.numel() for value in state.values()) == 43_824_118
    assert next(iter(state)) == "input_layer.0.weight"
    assert state["body.23.res_layer.5.fc1.weight"].shape == (32, 512, 1, 1)
    assert state["output_layer.3.weight"].shape == (512, 25088)
    firsts = [int(key.split(".")[1]) for key in state if key.endswith("shortcut_layer.0.weight")]
    assert firsts == [3, 7, 21]


def test_blue_first_unless_told(tiny, chips):
    red = IrSe50(**TINY, channels="rgb")
    red.load_state_dict(tiny.state_dict())
    assert torch.equal(red(chips.flip(1)), tiny(chips))
    assert not torch.allclose(red(chips), tiny(chips), atol=1e-3)
    with pytest.raises(RangeError, match="bgr"):
        IrSe50(**TINY, channels="grb")


def test_trunk_and_head_are_the_net_and_length_is_one(tiny, chips):
    descriptors = tiny(chips)
    assert torch.allclose(F.normalize(tiny.head(tiny.trunk(chips)), dim=1), descriptors, atol=1e-6)
    assert descriptors.norm(dim=1).tolist() == pytest.approx([1, 1])
    assert tiny.trunk(chips).shape == (2, 32, 2, 2)


def test_other_sizes_are_resized_by_the_trunk_and_refused_by_forward(tiny, generator):
    pictures = torch.rand((1, 3, 50, 40), generator=generator)
    assert tiny.trunk(pictures).shape == (1, 32, 2, 2)
    with pytest.raises(ShapeError, match="cut"):
        tiny(pictures)


def test_maps_by_name(tiny, chips):
    late, early, last = tiny.features(chips, ("stage3", "unit0", "stage4"))
    assert early.shape == (2, 16, 16, 16)
    assert late.shape == (2, 32, 4, 4)
    assert torch.allclose(tiny.output_layer[0](last), tiny.trunk(chips), atol=1e-6)
    assert len(tiny.features(chips)) == 3
    with pytest.raises(RangeError, match="stage1, stage2"):
        tiny.features(chips, ("stage9",))


def test_it_never_trains(tiny, chips):
    before = {key: value.clone() for key, value in tiny.state_dict().items()}
    assert torch.equal(tiny.train()(chips), tiny(chips))
    assert not tiny.training
    assert all(torch.equal(value, before[key]) for key, value in tiny.state_dict().items())


def test_gradient_reaches_the_picture(tiny, chips):
    pred = chips.requires_grad_()
    SerFiq(tiny, m=4)(pred).sum().backward()
    assert bool(pred.grad.isfinite().all())
    assert float(pred.grad.abs().sum()) > 0


@pytest.fixture(scope="module")
def full_file(tmp_path_factory):
    """A file in the published form, 175 MB of random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = IrSe50()
    path = tmp_path_factory.mktemp("arcface") / "model_ir_se50.safetensors"
    save_file(network.state_dict(), path)
    return path


def test_published_form_loads_frozen(full_file):
    network = load_ir_se50(full_file)
    assert not any(p.requires_grad for p in network.parameters())
    assert network(torch.zeros(1, 3, 112, 112)).shape == (1, 512)
    with pytest.raises(WeightsMismatch, match="sha256"):
        load_ir_se50(full_file, sha256="0" * 64)


def test_what_does_not_fit_is_listed(tmp_path, tiny):
    with torch.device("meta"):
        shapes = {key: value.shape for key, value in IrSe50().state_dict().items()}
    # One number each, seen as the whole shape, would not be stored so; a few true tensors are enough to be told of the rest.
    state = {"body.0.res_layer.2.weight": torch.ones(65), "extra.weight": torch.ones(2)}
    save_file(state, tmp_path / "ir_se50.safetensors")
    with pytest.raises(WeightsMismatch) as caught:
        load_ir_se50(tmp_path / "ir_se50.safetensors")
    told = str(caught.value)
    assert f"{len(shapes) - 1} missing: input_layer.0.weight" in told
    assert "1 extra: extra.weight" in told
    assert "1 misshaped: body.0.res_layer.2.weight (got [65], wanted [64])" in told
    with pytest.raises(InputError):
        load_ir_se50(tmp_path / "absent.pth")


@pytest.mark.parity
def test_keys_of_the_official_file(parity):
    with torch.device("meta"):
        state = IrSe50().state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == parity.keys("arcface_ir_se50")


@pytest.fixture(scope="module")
def official(parity):
    network = IrSe50()
    network.load_state_dict(parity.weights("arcface_ir_se50", gain=0.5), strict=True)
    chips = torch.stack([parity.seed_state.smooth_image(name, (3, 112, 112)) for name in ("arc0", "arc1")])
    # The official program was given these as they are, so what is swapped inside is swapped back here.
    return network.requires_grad_(False), chips.flip(1), parity.npz("arcface_serfiq")


@pytest.mark.parity
def test_official_numbers(official, parity):
    network, chips, stored = official
    assert network(chips).numpy() == pytest.approx(stored["embedding"], rel=1e-3, abs=1e-4 * float(stored["embedding"].std()))
    names = [f"unit{i}" for i in range(24)]
    maps = network.features(chips, names)
    spreads = [float(stored[f"body{i}.std"]) for i in range(24)]
    means = [float(x.mean()) for x in maps]
    assert means == pytest.approx([float(stored[f"body{i}.mean"]) for i in range(24)], abs=1e-4 * min(spreads))
    assert [float(x.std()) for x in maps] == pytest.approx(spreads, rel=1e-3)
    got = parity.seed_state.stats(maps[-1], grid=7)
    for part, values in got.items():
        assert values == pytest.approx(stored[f"body.{part}"], rel=1e-3, abs=1e-4 * spreads[-1])


@pytest.mark.parity
def test_official_stochastic_descriptors_and_scores(official, parity):
    network, chips, stored = official
    keep = np.stack([parity.seed_state.rng(f"mask{t}").random_sample((512, 7, 7)) < 0.4 for t in range(10)])
    masks = torch.from_numpy(keep.astype(np.float32)) / 0.4
    rows = SerFiq(network, m=10).descriptors(chips[:1], masks)
    units = F.normalize(rows, dim=2)[0].numpy()
    wanted = stored["stochastic_embeddings"]
    assert units == pytest.approx(wanted, rel=1e-3, abs=1e-4 * float(wanted.std()))
    assert float(serfiq_code(rows)) == pytest.approx(float(stored["raw_code"]), rel=1e-5)
    assert float(serfiq_paper(rows)) == pytest.approx(float(stored["raw_paper"]), rel=1e-5)
    assert float(serfiq_published(rows)) == pytest.approx(float(stored["score.default"]), rel=2e-3)
