"""Hostile and damaged weight files: each must be refused with our own error, and none may run code."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sharpening.errors import SharpeningError, WeightsMismatch
from sharpening.weights import WeightCard, load_into, load_state, save_state

CARD = WeightCard(name="tiny", model="none", source="made in a test", licence="MIT", free_use=True)


@pytest.fixture
def weights(tmp_path):
    return save_state(tmp_path / "net.safetensors", {"weight": torch.arange(6.0).view(2, 3), "bias": torch.zeros(2)})


def container(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(shape: list, start: int, end: int, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


BAD_CONTAINERS = {
    "empty": b"",
    "seven bytes": b"\0" * 7,
    "header longer than the file": container({}, length=1000),
    "header of 2^63 bytes": container({}, length=2**63),
    "header over the limit of 100 MB": container({}, bytes(100), length=200_000_000),
    "header that is no JSON": container(b"not json"),
    "header that is no UTF-8": container(b"\xff\xfe{}"),
    "header nested too deep": container(b'{"a":' * 5000 + b"1" + b"}" * 5000),
    "offsets beyond the file": container({"a": entry([4], 0, 16)}, bytes(8)),
    "offsets that overlap": container({"a": entry([2], 0, 8), "b": entry([2], 4, 12)}, bytes(12)),
    "offsets that run backwards": container({"a": entry([2], 8, 0)}, bytes(8)),
    "a gap between tensors": container({"a": entry([1], 0, 4), "b": entry([1], 8, 12)}, bytes(12)),
    "shape that does not match the bytes": container({"a": entry([3], 0, 8)}, bytes(8)),
    "shape that overflows": container({"a": entry([2**32, 2**32, 4], 0, 8)}, bytes(8)),
    "negative shape": container({"a": entry([-2], 0, 8)}, bytes(8)),
    "unknown type": container({"a": entry([2], 0, 8, "F33")}, bytes(8)),
    "bytes left over": container({"a": entry([2], 0, 8)}, bytes(64)),
    "a pickle under this name": pickle.dumps({"a": 1}),
    "HTML": b"<!doctype html><html></html>",
}


@pytest.mark.parametrize("name", BAD_CONTAINERS)
def test_bad_containers(tmp_path, name):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(BAD_CONTAINERS[name])
    with pytest.raises(WeightsMismatch, match=r"bad\.safetensors: is (not a whole safetensors file|a web page, not weights)"):
        load_state(path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_truncated_files(tmp_path, share, suffix):
    path = tmp_path / f"cut{suffix}"
    state = {"weight": torch.rand(50, 50)}
    torch.save(state, path) if suffix == ".pth" else save_state(path, state)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(WeightsMismatch):
        load_state(path)


def test_tampered_weights_do_not_match_their_card(tmp_path):
    path = save_state(tmp_path / "net.safetensors", {"weight": torch.zeros(3)}, CARD)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsMismatch, match="damaged, tampered with, or not what its card says"):
        load_state(path)


def test_a_tampered_card(tmp_path):
    path = save_state(tmp_path / "net.safetensors", {"weight": torch.zeros(3)}, CARD)
    card = path.with_suffix(".json")
    card.write_text(card.read_text().replace('"sha256": "', '"sha256": "0'))
    with pytest.raises(WeightsMismatch, match="tampered"):
        load_state(path)
    card.write_text("{}")
    with pytest.raises(WeightsMismatch, match="no weight card"):
        load_state(path)


def test_the_hash_is_checked_before_anything_is_parsed(tmp_path):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(BAD_CONTAINERS["header that is no JSON"])
    with pytest.raises(WeightsMismatch, match="has the sha256"):
        load_state(path, sha256="1" * 64)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_nan_and_infinity(tmp_path, value, dtype):
    torch.save({"good": torch.zeros(2), "bad": torch.tensor([0, value], dtype=dtype)}, tmp_path / "a.pt")
    with pytest.raises(WeightsMismatch, match="NaN or infinity in bad"):
        load_state(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"weight": torch.zeros(3, 2), "bias": torch.zeros(2)}, r"misshaped: weight \(got \[3, 2\], wanted \[2, 3\]\)"),
        ({"weight": torch.zeros(2, 3, dtype=torch.int32), "bias": torch.zeros(2)}, "mistyped: weight"),
        ({"weight": torch.zeros(2, 3, dtype=torch.complex64), "bias": torch.zeros(2)}, "plain arrays of numbers in weight"),
        ({"weight": torch.zeros(2, 3), "bias": torch.zeros(2), "bias.hook": torch.zeros(1)}, "extra: bias.hook"),
        ({"weight": torch.zeros(2, 3)}, "missing: bias"),
    ],
)
def test_states_that_do_not_fit(tmp_path, state, words):
    path = save_state(tmp_path / "a.safetensors", state)
    with pytest.raises(WeightsMismatch, match=words):
        load_into(torch.nn.Linear(3, 2), load_state(path), source=path)


class Bomb:
    """Runs a command when it is unpickled by a careless reader."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def zipped(content: bytes, path: os.PathLike) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin"])
@pytest.mark.parametrize("form", ["torch.save", "old torch.save", "plain pickle", "zip", "beside tensors"])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, suffix, form):
    path, mark = tmp_path / f"evil{suffix}", tmp_path / "it_ran"
    bomb = Bomb(str(mark))
    if form == "plain pickle":
        path.write_bytes(pickle.dumps(bomb))
    elif form == "zip":
        zipped(pickle.dumps({"weight": bomb}, 2), path)
    elif form == "beside tensors":
        torch.save({"state_dict": {"weight": torch.zeros(2)}, "optimizer": bomb}, path)
    else:
        torch.save(bomb, path, _use_new_zipfile_serialization=form == "torch.save")
    with pytest.raises(WeightsMismatch, match="without running foreign code"):
        load_state(path)
    assert not mark.exists()
    pickle.loads(pickle.dumps(bomb))
    assert mark.exists(), "the bomb is a dud, so this test shows nothing"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (torch.zeros(3), "not named tensors"),
        ({}, "not named tensors"),
        ([torch.zeros(3)], "not named tensors"),
        ({"a": torch.zeros(1), "lr": 0.1}, "something else than tensors in lr"),
        ({1: torch.zeros(1)}, "something else than tensors in 1"),
    ],
)
def test_other_contents(tmp_path, content, words):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(WeightsMismatch, match=words):
        load_state(tmp_path / "a.pth")


def test_a_whole_network_is_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "a.pth")
    with pytest.raises(WeightsMismatch, match="plain state dict"):
        load_state(tmp_path / "a.pth")


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=150)
@given(
    suffix=st.sampled_from([".safetensors", ".pth"]),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    keep=st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_damaged_bytes_give_tensors_or_our_own_error(tmp_path_factory, suffix, changes, keep):
    folder = tmp_path_factory.getbasetemp()
    path = folder / f"fuzzed{suffix}"
    state = {"weight": torch.arange(6.0).view(2, 3), "bias": torch.zeros(2)}
    torch.save(state, path) if suffix == ".pth" else save_state(path, state)
    data = bytearray(path.read_bytes())
    for place, value in changes:
        data[int(place * len(data))] = value
    path.write_bytes(data[: int(len(data) * keep)])
    got, message = {}, str(path)
    try:
        got = load_state(path)
    except SharpeningError as error:
        message = str(error)
    assert str(path) in message
    assert all(isinstance(value, torch.Tensor) for value in got.values())


@pytest.mark.parametrize(
    "value",
    [
        torch.zeros(1).expand(100_000, 100_000),
        torch.zeros(3, 3).to_sparse(),
        torch.zeros(3, 3, device="meta"),
        torch.zeros(4, dtype=torch.complex64),
    ],
    ids=["terabytes of one number", "sparse", "meta", "complex"],
)
def test_tensors_that_do_not_lie_in_the_file(tmp_path, value):
    torch.save({"good": torch.zeros(2), "odd": value}, tmp_path / "a.pt")
    with pytest.raises(WeightsMismatch, match="plain arrays of numbers in odd|cannot be read"):
        load_state(tmp_path / "a.pt")


def test_a_packed_file_is_not_unpacked(tmp_path):
    torch.save({"zeros": torch.zeros(100_000)}, tmp_path / "plain.pt")
    with zipfile.ZipFile(tmp_path / "plain.pt") as plain, zipfile.ZipFile(tmp_path / "a.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for info in plain.infolist():
            packed.writestr(info.filename, plain.read(info))
    with pytest.raises(WeightsMismatch, match="packed"):
        load_state(tmp_path / "a.pt")
