"""Pickles of others: networks come out as numbers, and nothing in a file is ever run."""

from __future__ import annotations

import os
import pickle
import pickletools
import struct
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch

from sharpening.errors import InputError, WeightsMismatch
from sharpening.weights.pickles import load_pickled_networks
from tests.models.stylegan.made_pickle import Network, dnnlib, network, written_by_python_2

VARIABLES = {"a/weight": torch.arange(6.0).reshape(2, 3), "a/bias": torch.tensor([1.0, -2.0]), "lod": torch.tensor(0.5)}


def saved(path: Path, content: object, protocol: int = 4) -> Path:
    with dnnlib():
        path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


def same(state: dict[str, torch.Tensor]) -> bool:
    return list(state) == list(VARIABLES) and all(torch.equal(state[key], VARIABLES[key]) for key in VARIABLES)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_variables_come_out_whatever_the_protocol(tmp_path: Path, protocol: int) -> None:
    made = load_pickled_networks(saved(tmp_path / "a.pkl", (network("G", {}), network("Gs", VARIABLES)), min(protocol, 4)))
    assert made[0] == {}
    assert same(made[1])


def test_variables_of_parts_are_joined(tmp_path: Path) -> None:
    part = {key: value for key, value in VARIABLES.items() if key != "lod"}
    whole = network("Gs", {"lod": VARIABLES["lod"]}, mapping=network("m", part))
    [made] = load_pickled_networks(saved(tmp_path / "a.pkl", whole))
    assert set(made) == set(VARIABLES)


def test_a_pickle_of_python_2_can_be_read(tmp_path: Path) -> None:
    path = written_by_python_2(tmp_path / "old.pkl", {"a/weight": VARIABLES["a/weight"], "a/bias": VARIABLES["a/bias"]})
    [made] = load_pickled_networks(path)
    assert torch.equal(made["a/weight"], VARIABLES["a/weight"])
    assert torch.equal(made["a/bias"], VARIABLES["a/bias"])


def test_other_orders_of_bytes_and_axes_and_numpy_scalars_are_read_right(tmp_path: Path) -> None:
    whole = network("G", {})
    big = np.arange(6, dtype=">f4").reshape(2, 3)
    columns = np.asfortranarray(np.arange(6, dtype=np.float16).reshape(2, 3))
    whole.state["variables"] = [("big", big), ("columns", columns), ("one", np.float32(2.5)), ("flag", np.array([True]))]
    whole.state["static_kwargs"] = OrderedDict(size=np.int64(4))
    [made] = load_pickled_networks(saved(tmp_path / "a.pkl", whole))
    assert made["big"].tolist() == made["columns"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert made["columns"].dtype == torch.float16
    assert float(made["one"]) == 2.5
    assert made["flag"].dtype == torch.bool


class Runs:
    """On reading makes a file, were it let."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.call  # type: ignore[return-value]


@pytest.mark.parametrize("place", ["whole", "in the tuple", "as a variable", "in the settings"])
def test_a_pickle_that_would_run_something_is_refused_by_name(tmp_path: Path, place: str) -> None:
    proof = tmp_path / "was run"
    bad = Runs(os.mkdir, str(proof))
    whole = network("G", {})
    whole.state["variables"] = [("a", bad)] if place == "as a variable" else []
    whole.state["static_kwargs"] = {"size": bad} if place == "in the settings" else {}
    content = {"whole": bad, "in the tuple": (bad, whole)}.get(place, whole)
    with pytest.raises(WeightsMismatch, match=r"asks for (posix|nt)\.mkdir.* nothing of it was run"):
        load_pickled_networks(saved(tmp_path / "bad.pkl", content))
    assert not proof.exists()


@pytest.mark.parametrize(
    "code",
    [
        b"cbuiltins\neval\n(S'1'\ntR.",
        b"\x80\x02cnumpy\nload\n.",
        b"\x80\x04\x8c\x05numpy\x8c\x0cload.__doc__\x93.",
        b"\x80\x02ccopy_reg\n_reconstructor\n(cnumpy\nndarray\nc__builtin__\nobject\nNtR.",
        b"\x80\x02c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00ziptR.",
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(ccollections\nOrderedDict\nK\x00tR.",
        b"\x80\x02cnumpy\ndtype\n(X\x02\x00\x00\x00O8tR.",
        b"P1\n.",
    ],
)
def test_every_other_name_and_trick_is_refused(tmp_path: Path, code: bytes) -> None:
    path = tmp_path / "bad.pkl"
    path.write_bytes(code)
    with pytest.raises(WeightsMismatch, match="nothing of it was run"):
        load_pickled_networks(path)


def test_a_few_bytes_cannot_take_much_memory(tmp_path: Path) -> None:
    notes = tmp_path / "notes.pkl"
    notes.write_bytes(b"\x80\x02Nr" + struct.pack("<I", 2**31) + b".")
    with pytest.raises(WeightsMismatch, match="2147483648 notes in"):
        load_pickled_networks(notes)
    huge = tmp_path / "huge.pkl"
    content = pickle.dumps(np.zeros((2, 3), np.float32), protocol=2).replace(
        b"K\x02K\x03\x86", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"
    )
    assert any(argument == 2**31 - 1 for _, argument, _ in pickletools.genops(content))
    huge.write_bytes(content)
    with pytest.raises(WeightsMismatch, match=r"an array whose shape does not fit its 24 bytes"):
        load_pickled_networks(huge)


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><html>confirm</html>", b"\x80\x04\x95", b"\x00" * 100, b"."])
def test_damaged_files_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.pkl"
    path.write_bytes(content)
    with pytest.raises(WeightsMismatch, match="is damaged, or no pickle"):
        load_pickled_networks(path)


@pytest.mark.parametrize("content", [[], {"a": 1}, 3, [1, 2], np.zeros(3)])
def test_what_is_no_network_is_refused(tmp_path: Path, content: object) -> None:
    with pytest.raises(WeightsMismatch, match="not networks of NVIDIA's"):
        load_pickled_networks(saved(tmp_path / "a.pkl", content))


@pytest.mark.parametrize(
    "state",
    [{"variables": 3}, {"variables": [("a", "text")]}, {"variables": [(1, 2, 3)]}, {"components": {"a": 1}}, {"components": 1}],
)
def test_networks_of_another_layout_are_refused(tmp_path: Path, state: dict[str, object]) -> None:
    with pytest.raises(WeightsMismatch, match="another layout"):
        load_pickled_networks(saved(tmp_path / "a.pkl", Network(state)))


def test_nan_is_refused_and_absence_is_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsMismatch, match="NaN or infinity in a"):
        load_pickled_networks(saved(tmp_path / "a.pkl", network("G", {"a": torch.tensor([float("nan")])})))
    with pytest.raises(InputError, match="cannot be read"):
        load_pickled_networks(tmp_path / "absent.pkl")


def test_one_array_under_many_names_is_refused(tmp_path) -> None:
    """A file of ten megabytes would become one of gigabytes."""
    array, file = np.zeros(4, np.float32), tmp_path / "many.pkl"
    with dnnlib():
        file.write_bytes(pickle.dumps(Network({"variables": [(f"v{i}", array) for i in range(3)], "components": {}})))
    with pytest.raises(WeightsMismatch, match="another one's array"):
        load_pickled_networks(file)


def test_text_encoded_again_and_again_is_refused(tmp_path) -> None:
    """One text, noted once and encoded a thousand times, would fill the memory while the file is still being read."""
    text = b"x" * 1000
    again = b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R"
    file = tmp_path / "again.pkl"
    file.write_bytes(b"\x80\x02X" + struct.pack("<I", len(text)) + text + b"q\x000(" + again * 60 + b"t.")
    with pytest.raises(WeightsMismatch, match="more bytes than it holds"):
        load_pickled_networks(file)


def test_networks_and_arrays_that_are_never_filled(tmp_path) -> None:
    for name, content in {
        "network": b"cdnnlib.tflib.network\nNetwork\n)\x81.",
        "array": b"cdnnlib.tflib.network\nNetwork\n)\x81}X\x09\x00\x00\x00variables]X\x01\x00\x00\x00acnumpy\nndarray\n)\x81\x86asb.",
    }.items():
        (tmp_path / f"{name}.pkl").write_bytes(b"\x80\x02" + content)
        assert all(value.numel() == 0 for value in load_pickled_networks(tmp_path / f"{name}.pkl")[-1].values())
