"""Published files are recognised by their tensors, checked, converted and stored; what is not one is told so."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from sharpening.errors import InputError, WeightsMismatch
from sharpening.models.published import import_file, published_files, recognise
from sharpening.models.published.importing import default_folder
from sharpening.models.published.table import expected
from sharpening.weights.card import load_card
from sharpening.weights.store import load_state, save_state

SMALL = "celebamaskhq_unet"  # 8 MB; no conversion


@pytest.fixture(scope="module")
def parser_state() -> dict[str, Tensor]:
    rng = torch.Generator().manual_seed(0)
    shapes = expected(published_files()[SMALL])
    whole = {key: torch.zeros(shape, dtype=torch.int64) for key, shape in shapes.items() if key.endswith("num_batches_tracked")}
    return {key: whole.get(key, torch.rand(shape, generator=rng)) for key, shape in shapes.items()}


@pytest.fixture
def parser_file(parser_state, tmp_path) -> Path:
    torch.save(parser_state, tmp_path / "model.pth")
    return tmp_path / "model.pth"


def test_names_files_and_targets_of_the_table_are_real() -> None:
    table = published_files()
    assert {"pulse-synthesis", "pulse-mapping", "stylegan-ffhq", "psfrgan-generator", "psfrgan-parsenet", SMALL, "ir_se50"} <= set(
        table
    )
    for entry in table.values():
        shapes = expected(entry)
        assert shapes, entry.name
        assert all(isinstance(size, int) for shape in shapes.values() for size in shape)
        assert entry.source, entry.name
        assert entry.licence, entry.name


@pytest.mark.parametrize(
    ("name", "n"), [("vgg-face-dag", 145_002_878), ("vgg-face-t7", 145_002_878), (SMALL, 1_947_317), ("bisenet_face", 13_313_119)]
)
def test_the_numbers_of_the_published_files_come_out(name, n) -> None:
    counted = ("running_mean", "running_var", "num_batches_tracked") if "vgg" in name else ("num_batches_tracked",)
    total = sum(int(np.prod(shape)) for key, shape in expected(published_files()[name]).items() if not key.endswith(counted))
    assert total == pytest.approx(n, abs=60)  # the key lists count the batch numbers too


def test_a_file_is_taken_in_with_a_card_that_says_where_it_came_from(parser_file, parser_state, tmp_path) -> None:
    made = import_file(parser_file, folder=tmp_path / "weights")
    assert made.path == tmp_path / "weights" / f"{SMALL}.safetensors"
    card = load_card(made.path)
    assert card.model == SMALL
    assert not card.free_use
    assert hashlib.sha256(parser_file.read_bytes()).hexdigest() in card.recipe
    again = load_state(made.path)
    assert all(torch.equal(again[key], value) for key, value in parser_state.items())


@pytest.mark.parametrize("how", ["wrapped", "half", "state_dict"])
def test_other_forms_of_the_same_file_are_understood(parser_state, tmp_path, how) -> None:
    forms = {
        "wrapped": {f"module.{key}": value for key, value in parser_state.items()},
        "half": {key: value.half() if value.is_floating_point() else value for key, value in parser_state.items()},
        "state_dict": {"state_dict": parser_state, "epoch": 3},
    }
    torch.save(forms[how], tmp_path / "x.pth")
    found = recognise(tmp_path / "x.pth")
    assert found.entry.name == SMALL
    assert set(found.state) == set(parser_state)


def test_wrong_tensors_are_listed(parser_state, tmp_path) -> None:
    lacking = {key: value for key, value in parser_state.items() if not key.startswith("final")}
    torch.save(lacking, tmp_path / "x.pth")
    with pytest.raises(WeightsMismatch, match=f"looks like {SMALL}.*missing: final"):
        recognise(tmp_path / "x.pth")
    torch.save({**parser_state, "final.weight": torch.zeros(11, 16, 1, 1)}, tmp_path / "x.pth")
    with pytest.raises(WeightsMismatch, match=r"final.weight \(got \[11, 16, 1, 1\], wanted \[19, 16, 1, 1\]\)"):
        recognise(tmp_path / "x.pth")


def test_a_file_of_something_else_is_told(tmp_path) -> None:
    torch.save({"fc.weight": torch.zeros(3, 3)}, tmp_path / "x.pth")
    with pytest.raises(WeightsMismatch, match="none of the known files.*fc.weight"):
        recognise(tmp_path / "x.pth")
    with pytest.raises(WeightsMismatch, match="is not psfrgan-parsenet"):
        recognise(tmp_path / "x.pth", "psfrgan-parsenet")


@pytest.mark.parametrize("suffix", [".pth", ".pkl", ".h5", ".npy", ".safetensors"])
def test_a_web_page_is_told_whatever_it_is_called(tmp_path, suffix) -> None:
    file = tmp_path / f"x{suffix}"
    file.write_bytes(b"\n<!DOCTYPE html><html>Google Drive - Virus scan warning</html>")
    with pytest.raises(WeightsMismatch, match="web page"):
        recognise(file)


class _Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (open, ("/tmp/sharpening-was-run", "w"))


@pytest.mark.parametrize("suffix", [".pth", ".pkl"])
def test_a_file_that_would_run_code_is_refused(tmp_path, suffix, monkeypatch) -> None:
    file = tmp_path / f"x{suffix}"
    file.write_bytes(pickle.dumps({"a": _Runs()}))
    with pytest.raises(WeightsMismatch):
        recognise(file)
    assert not Path("/tmp/sharpening-was-run").exists()


def test_files_that_are_not_there_or_of_no_kind(tmp_path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        recognise(tmp_path / "nothing.pth")
    (tmp_path / "x.npy").write_bytes(b"not an array")
    with pytest.raises((InputError, WeightsMismatch), match=r"x\.npy"):
        recognise(tmp_path / "x.npy")


def test_a_file_that_fits_two_names_must_be_named(tmp_path) -> None:
    names = [name for name in published_files() if name.startswith("esrgan-rrdb")]
    assert len(names) == 2
    state = {key: torch.zeros(shape) for key, shape in expected(published_files()[names[0]]).items()}
    save_state(tmp_path / "x.safetensors", state)
    with pytest.raises(WeightsMismatch, match=f"tensors of 2 published files.*{names[0]}.*{names[1]}"):
        recognise(tmp_path / "x.safetensors")
    assert recognise(tmp_path / "x.safetensors", names[1]).entry.name == names[1]
    torch.save(state, tmp_path / published_files()[names[1]].file)
    assert recognise(tmp_path / published_files()[names[1]].file).entry.name == names[1]


def test_a_name_of_ones_own(parser_file, tmp_path) -> None:
    made = import_file(parser_file, "my-parser", tmp_path / "weights")
    assert made.path.name == "my-parser.safetensors"
    assert made.card.model == SMALL
    for wrong in ("../up", "a/b", ".hidden"):
        with pytest.raises(InputError, match="no name"):
            import_file(parser_file, wrong, tmp_path / "weights")
    assert not list(tmp_path.glob("*.safetensors"))


def test_where_imported_files_go(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("SHARPENING_PRETRAINED", str(tmp_path / "mine"))
    assert default_folder() == tmp_path / "mine"
    monkeypatch.delenv("SHARPENING_PRETRAINED")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "sharpening"


def test_weights_that_are_there_are_not_replaced(parser_file, parser_state, tmp_path) -> None:
    folder = tmp_path / "weights"
    first = import_file(parser_file, "mine", folder)
    assert import_file(parser_file, "mine", folder).path == first.path  # the same file again
    torch.save(
        {key: value + 1 if value.is_floating_point() else value for key, value in parser_state.items()}, tmp_path / "other.pth"
    )
    with pytest.raises(InputError, match="made of another file"):
        import_file(tmp_path / "other.pth", "mine", folder)
    for name in ("default", "fidelity", "fusion_small", "fusion_small_perceptual"):
        with pytest.raises(InputError, match="weights that ship"):
            import_file(parser_file, name, folder)


def test_a_file_counts_as_the_published_one_by_its_name_or_hash_alone(parser_state, tmp_path) -> None:
    torch.save(parser_state, tmp_path / "tuned_by_me.pth")
    assert not recognise(tmp_path / "tuned_by_me.pth").published
    made = import_file(tmp_path / "tuned_by_me.pth", folder=tmp_path / "weights")
    assert made.card.licence.startswith("not known")
    weights = {key: torch.zeros(shape) for key, shape in expected(published_files()["resnet18"]).items() if "tracked" not in key}
    counts = {key: torch.tensor(0) for key in expected(published_files()["resnet18"]) if "tracked" in key}
    torch.save({**weights, **counts}, tmp_path / "resnet18-f37072fd.pth")
    with pytest.raises(WeightsMismatch, match="not the published file"):
        recognise(tmp_path / "resnet18-f37072fd.pth", "resnet18")


def test_whole_numbers_in_place_of_weights_are_told(parser_state, tmp_path) -> None:
    torch.save({key: value.to(torch.int64) for key, value in parser_state.items()}, tmp_path / "model.pth")
    with pytest.raises(WeightsMismatch, match="mistyped"):
        recognise(tmp_path / "model.pth", SMALL)


@pytest.mark.parametrize("key", ["synthesis.layer99999.conv.weight", "body.60.x", "a.weight_orig", "body.².conv1"])
def test_odd_names_give_our_own_error(tmp_path, key) -> None:
    torch.save({key: torch.tensor(1.0), "img_out.weight": torch.zeros(3)}, tmp_path / "x.pth")
    for name in (None, "psfrgan-generator", "psfrgan-parsenet", "stylegan-ffhq-port"):
        with pytest.raises(WeightsMismatch):
            recognise(tmp_path / "x.pth", name)
