"""Finding, reading and writing weights."""

from __future__ import annotations

import errno
import os
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from sharpening.errors import InputError, WeightsMismatch, WeightsMissing
from sharpening.imaging.files import WriteError, sha256_of
from sharpening.weights import WeightCard, find, load_card, load_into, load_state, save_state, store
from sharpening.weights.names import NAMES

CARD = WeightCard(name="tiny", model="none", source="made in a test", licence="MIT", free_use=True)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))


@pytest.fixture
def places(tmp_path, monkeypatch):
    """All places that are searched, in order, in a folder of their own."""
    folders = [tmp_path / name for name in ("argument", "variable", "project", "prefix", "cache")]
    monkeypatch.setenv(store.PRETRAINED_VARIABLE, str(folders[1]))
    monkeypatch.setattr(store, "__file__", str(folders[2] / "sharpening" / "weights" / "store.py"))
    monkeypatch.setattr(store.sys, "prefix", str(folders[3]))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folders[4]))
    wholes = [
        folders[0],
        folders[1],
        folders[2] / "pretrained",
        folders[3] / "share" / "sharpening" / "pretrained",
        folders[4] / "sharpening",
    ]
    for folder in wholes:
        folder.mkdir(parents=True)
    return wholes


def test_places_are_searched_in_order(places):
    for folder in reversed(places):
        (folder / "net.safetensors").write_bytes(b"x")
        assert find("net", pretrained=places[0]) == folder / "net.safetensors"
    assert find("net") == places[1] / "net.safetensors"


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".pth"])
def test_a_name_with_and_without_its_suffix(places, suffix):
    (places[2] / f"net{suffix}").write_bytes(b"x")
    assert find("net") == find(f"net{suffix}") == places[2] / f"net{suffix}"


def test_a_card_may_name_its_file(places):
    save_state(places[2] / f"{NAMES['default']}.safetensors", network().state_dict(), CARD)
    card = load_card(places[2] / f"{NAMES['default']}.safetensors")
    (places[2] / "default.json").write_text(card.to_json())
    assert find("default") == places[2] / f"{NAMES['default']}.safetensors"
    (places[2].parent / "secret.safetensors").write_bytes(b"x")
    (places[2] / "evil.json").write_text(card.to_json().replace(NAMES["default"], "../secret"))
    with pytest.raises(WeightsMissing):
        find("evil")


def test_a_path_is_taken_as_it_is_and_never_searched(places, tmp_path):
    path = tmp_path / "own.bin"
    path.write_bytes(b"x")
    assert find(path) == path
    (places[2] / "net.safetensors").write_bytes(b"x")
    with pytest.raises(WeightsMissing, match="Check the path"):
        find(tmp_path / "net.safetensors")


def test_missing_weights_name_all_places_and_what_to_do(places, monkeypatch):
    with pytest.raises(WeightsMissing, match="set SHARPENING_PRETRAINED") as caught:
        find("absent", pretrained=places[0])
    assert all(any(str(folder) in place for place in caught.value.searched) for folder in places)
    assert isinstance(caught.value, FileNotFoundError)
    monkeypatch.delenv(store.PRETRAINED_VARIABLE)
    with pytest.raises(WeightsMissing, match="argument `pretrained`: not set"):
        find("absent")


def test_saved_weights_come_back_with_their_card(tmp_path):
    state = network().state_dict()
    path = save_state(tmp_path / "net.safetensors", state, CARD)
    back = load_state(path)
    assert back.keys() == state.keys()
    assert all(torch.equal(back[key], state[key]) for key in state)
    card = load_card(path)
    assert (card.file, card.sha256, card.n_bytes) == ("net.safetensors", sha256_of(path), path.stat().st_size)
    with safe_open(path, "pt") as file:
        assert file.metadata()["card"] == "tiny"
    assert names(tmp_path) == ["net.json", "net.safetensors"]


def test_shared_memory_and_views_are_written_apart(tmp_path):
    whole = torch.arange(1000.0)
    path = save_state(tmp_path / "a.safetensors", {"a": whole[:4], "b": whole[:4], "c": whole.view(10, 100).T})
    back = load_state(path)
    assert torch.equal(back["a"], back["b"])
    assert torch.equal(back["c"], whole.view(10, 100).T)
    assert path.stat().st_size < 5000


def test_what_cannot_be_saved(tmp_path):
    with pytest.raises(InputError, match=r"written as \.safetensors"):
        save_state(tmp_path / "a.pth", {"a": torch.zeros(1)})
    with pytest.raises(WeightsMismatch, match="NaN or infinity in a"):
        save_state(tmp_path / "a.safetensors", {"a": torch.tensor([torch.nan])})
    with pytest.raises(WeightsMismatch, match="nothing"):
        save_state(tmp_path / "a.safetensors", {})
    assert names(tmp_path) == []


def test_a_full_disk_leaves_the_old_weights(tmp_path, monkeypatch):
    path = save_state(tmp_path / "a.safetensors", {"a": torch.zeros(3)}, CARD)

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(WriteError, match="disk is full"):
        save_state(path, {"a": torch.ones(3)}, CARD)
    assert load_state(path)["a"].tolist() == [0, 0, 0]
    assert names(tmp_path) == ["a.json", "a.safetensors"]


@pytest.mark.parametrize("suffix", [".pt", ".pth"])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "params_ema", "params", "model"])
def test_files_of_torch_save(tmp_path, suffix, wrapper):
    state = network().state_dict()
    path = tmp_path / f"net{suffix}"
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, path)
    back = load_state(path)
    assert all(torch.equal(back[key], state[key]) for key in state)


def test_a_given_hash_is_checked(tmp_path):
    path = save_state(tmp_path / "a.safetensors", {"a": torch.zeros(3)})
    assert load_state(path, sha256=sha256_of(path).upper())
    with pytest.raises(WeightsMismatch, match="damaged, tampered"):
        load_state(path, sha256="0" * 64)


def test_loading_changes_the_network_and_gives_it_back():
    first, second = network(), network()
    assert load_into(second, first.state_dict(), source="test") is second
    assert torch.equal(first[0].weight, second[0].weight)


def test_half_precision_weights_fit():
    state = {key: value.half() if value.is_floating_point() else value for key, value in network().state_dict().items()}
    assert load_into(network(), state, source="test")[0].weight.dtype == torch.float32


def test_what_does_not_fit_is_listed_and_nothing_is_changed():
    net, state = network(), OrderedDict(network().state_dict())
    before = {key: value.clone() for key, value in net.state_dict().items()}
    del state["2.bias"]
    state["3.weight"] = torch.zeros(1)
    state["0.weight"] = torch.zeros(4, 3, 5, 5)
    state["1.weight"] = torch.ones(4, dtype=torch.int64)
    with pytest.raises(WeightsMismatch) as caught:
        load_into(net, state, source="some/file.safetensors")
    words = str(caught.value)
    for part in (
        "1 missing: 2.bias",
        "1 extra: 3.weight",
        "0.weight (got [4, 3, 5, 5], wanted [4, 3, 3, 3])",
        "1 mistyped: 1.weight",
    ):
        assert part in words
    assert words.startswith("some/file.safetensors: does not fit Sequential")
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_long_lists_are_cut():
    with pytest.raises(WeightsMismatch, match="and 3 more"):
        load_into(network(), {}, source="test")


def test_files_of_others_in_safetensors(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors")
    assert load_state(tmp_path / "a.safetensors")["a"].tolist() == [1, 1]
    with pytest.raises(InputError, match="cannot be read"):
        load_state(tmp_path / "absent.safetensors")
