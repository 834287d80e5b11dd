"""VGG-Face whole: both sets of keys, the three dense layers, its own dropout."""

import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from sharpening.errors import ShapeError, WeightsMismatch
from sharpening.models.face_id import VggFace, load_vgg_face
from sharpening.models.face_id.vgg import VGG_FACE_MEAN

GROUPS = ((4, 4), (4, 4), (6, 6, 6), (6, 6, 6), (8, 8, 8))
TINY = {"groups": GROUPS, "n_hidden": 12, "n_people": 5, "size": 64}


def official_names(separator):
    places = [(group, number) for group, widths in enumerate(GROUPS, 1) for number in range(1, len(widths) + 1)]
    return [f"conv{separator}{group}_{number}" for group, number in places] + ["fc6", "fc7", "fc8"]


@pytest.fixture
def tiny_state(generator):
    """Small weights under the names of Oxford's file."""
    with torch.device("meta"):
        values = list(VggFace(**TINY).state_dict().values())
    keys = [f"{name}.{part}" for name in official_names("") for part in ("weight", "bias")]
    scale = {True: lambda v: (2 / v[0].numel()) ** 0.5, False: lambda v: 0.1}
    return {
        key: torch.randn(value.shape, generator=generator) * scale[value.ndim > 1](value)
        for key, value in zip(keys, values, strict=True)
    }


@pytest.fixture
def tiny_nets(monkeypatch):
    """`load_vgg_face` builds tiny nets."""
    monkeypatch.setattr("sharpening.models.face_id.vgg_face.VggFace", lambda: VggFace(**TINY))


@pytest.fixture
def chips(generator):
    return torch.rand((2, 3, 64, 64), generator=generator)


def fc7_by_hand(state, chips):
    x = chips * 255 - torch.tensor(VGG_FACE_MEAN).view(3, 1, 1)
    for group, widths in enumerate(GROUPS, 1):
        for number in range(1, len(widths) + 1):
            name = f"conv{group}_{number}"
            x = F.relu(F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1))
        x = F.max_pool2d(x, 2)
    x = x.flatten(1)
    for name in ("fc6", "fc7"):
        x = F.relu(x @ state[f"{name}.weight"].T + state[f"{name}.bias"])
    return x


def renamed(state, separator):
    old, new = official_names(""), official_names(separator)
    return {f"{b}.{part}": state[f"{a}.{part}"] for a, b in zip(old, new, strict=True) for part in ("weight", "bias")}


@pytest.mark.parametrize("separator", ["_", ""])
def test_both_sets_of_keys_give_the_formula(tmp_path, tiny_nets, tiny_state, chips, separator):
    save_file(renamed(tiny_state, separator), tmp_path / "face.safetensors")
    network = load_vgg_face(tmp_path / "face.safetensors")
    wanted = fc7_by_hand(tiny_state, chips)
    assert torch.allclose(network(chips), wanted, rtol=1e-4, atol=1e-3)
    people = wanted @ tiny_state["fc8.weight"].T + tiny_state["fc8.bias"]
    assert torch.allclose(network.people(chips), people, rtol=1e-4, atol=1e-3)
    assert not any(p.requires_grad for p in network.parameters())
    assert not network.train().training


def test_published_size():
    with torch.device("meta"):
        network = VggFace()
    assert sum(p.numel() for p in network.parameters()) == 145_002_878
    assert len(network.state_dict()) == 32
    assert network.fc6.in_features == 25088


def test_what_does_not_fit_is_listed(tmp_path, tiny_nets, tiny_state):
    broken = {**tiny_state, "fc7.weight": torch.zeros(3, 12), "fc9.weight": torch.zeros(1)}
    del broken["fc8.bias"]
    save_file(broken, tmp_path / "broken.safetensors")
    with pytest.raises(WeightsMismatch) as caught:
        load_vgg_face(tmp_path / "broken.safetensors")
    for told in ("1 missing: fc8.bias", "1 extra: fc9.weight", "1 misshaped: fc7.weight (got [3, 12], wanted [12, 12])"):
        assert told in str(caught.value)
    save_file({"features.0.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsMismatch, match=r"conv_1_1.*fc6"):
        load_vgg_face(tmp_path / "other.safetensors")


def test_chips_of_its_size_only(chips):
    network = VggFace(**TINY)
    assert network.trunk(F.interpolate(chips, size=70)).shape == (2, 12)
    with pytest.raises(ShapeError, match="64, 64"):
        network(F.interpolate(chips, size=70))


@pytest.mark.parity
@pytest.mark.parametrize(("name", "separator"), [("vggface_prlz77", "_"), ("vggface_dag", "")])
def test_keys_of_the_official_files(parity, name, separator):
    with torch.device("meta"):
        values = list(VggFace().state_dict().values())
    keys = [f"{layer}.{part}" for layer in official_names(separator) for part in ("weight", "bias")]
    assert dict(zip(keys, [tuple(value.shape) for value in values], strict=True)) == parity.keys(name)
