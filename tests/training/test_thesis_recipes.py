"""Every run of the thesis, made tiny: it learns, its weights load, and a killed one goes on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from sharpening.errors import RangeError
from sharpening.models.inpaint_net import InpaintNet
from sharpening.models.loading import load_trained
from sharpening.models.zoo import load_model
from sharpening.training import train
from sharpening.training.callbacks import read_log
from sharpening.training.recipes import Recipe, recipes
from sharpening.weights.store import load_state, save_state

THEORY = ("srgan", "esrgan", "vnet", "ux_net")  # see test_theory_recipes.py
FULL = [name for name in recipes.names() if f"{name}-small" in recipes and recipes.get(name).model not in THEORY]


def shrunk(name: str) -> Recipe:
    """The recipe at the smallest size that still is that recipe: 64 px, three frames, a narrow ResNet-18."""
    recipe = recipes.get(name)
    enlarge = recipe.settings.get("enlarge", 1)
    narrow = {"multiplier": 0.25} if recipe.model == "bionet_published" else {"encoder": "resnet18", "width": 8}
    # SER-FIQ alone is a noisy figure: each epoch has masks of its own, so that the fall shows only after some. The published BiO-Net
    # ends in a sigmoid, and its authors train it at 1e-2.
    longer = {"serfiq_net": {"epochs": 6, "lr": 3e-3}, "bionet_published": {"epochs": 6, "lr": 1e-2}}
    length = longer[recipe.model] if recipe.critic == "serfiq-only" or recipe.model == "bionet_published" else {"epochs": 3}
    side = 112 if recipe.model == "serfiq_net" else 64  # that critic's net has one size
    return dataclasses.replace(
        recipe,
        name="tiny-run",
        settings={**recipe.settings, **narrow},
        n_frames=min(recipe.n_frames, 3),
        loader_options={**recipe.loader_options, "size": 64} if recipe.loaders == "inpaint" else {},
        size_in=40 if enlarge > 1 else side,
        size_out=96 if enlarge > 1 else side,
        bs=4,
        **length,
        samples_per_epoch=12,
        n_valid=2,
    )


@pytest.fixture(scope="module")
def one_frame(stills_folder, tmp_path_factory) -> Path:
    """Weights of a tiny single-frame net, for recipes that start from it."""
    return train(shrunk("thesis-unet-one-frame"), stills_folder, tmp_path_factory.mktemp("one-frame"), device="cpu")


def run(name: str, data: Path, out: Path, one_frame: Path, **more) -> Path:
    recipe = shrunk(name)
    return train(recipe, data, out, device="cpu", start=one_frame if recipe.start else None, **more)


@pytest.mark.parametrize("name", FULL)
def test_it_learns_and_a_killed_run_goes_on_to_the_same_weights(name: str, stills_folder, one_frame, tmp_path) -> None:
    class KilledError(Exception):
        pass

    def kill(facts) -> None:
        if facts["epoch"] == 1:
            raise KilledError("the run is over")

    whole = run(name, stills_folder, tmp_path / "whole", one_frame)
    log = read_log(whole.parent / "log.jsonl")
    assert log[-1]["train_loss"] < 0.9 * log[0]["train_loss"]
    with pytest.raises(KilledError):
        run(name, stills_folder, tmp_path / "killed", one_frame, report=kill)
    resumed = load_state(run(name, stills_folder, tmp_path / "killed", one_frame))
    assert all(torch.equal(value, resumed[key]) for key, value in load_state(whole).items())
    # The cross-over net is none over frames, so the zoo does not know it.
    is_in_zoo = recipes.get(name).model != "inpaint_net"
    network, card = load_model(whole) if is_in_zoo else load_trained(InpaintNet, "inpaint_net", whole)
    assert card.model == recipes.get(name).model
    assert all(p.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("name", FULL)
def test_the_small_one_is_the_same_run_with_a_small_net(name: str) -> None:
    full, small = recipes.get(name), recipes.get(f"{name}-small")
    free = {"name", "settings", "epochs", "samples_per_epoch", "n_valid", "start"}
    changed = {f.name for f in dataclasses.fields(Recipe) if getattr(full, f.name) != getattr(small, f.name)}
    assert changed <= free
    narrow = {"multiplier": 0.375} if full.model == "bionet_published" else {"encoder": "resnet18", "width": 16}
    assert small.settings == {**full.settings, **narrow}
    assert small.start == (f"{full.start}-small" if full.start else "")


def test_a_recipe_runs_the_one_that_it_starts_from_first(stills_folder, tmp_path, monkeypatch) -> None:
    first, second = shrunk("thesis-unet-one-frame"), shrunk("thesis-feature-net")
    first = dataclasses.replace(first, name="thesis-unet-one-frame", epochs=1)
    second = dataclasses.replace(second, name="merge", epochs=1)
    real = recipes.get
    monkeypatch.setattr(recipes, "get", lambda name: first if name == first.name else real(name))
    train(second, stills_folder, tmp_path / "merge", device="cpu")
    begun, ended = load_state(tmp_path / first.name / f"{first.name}.safetensors"), load_state(tmp_path / "merge/merge.safetensors")
    # The encoder of the other frames is the first run's, and stays so.
    shared = [value for key, value in ended.items() if any(torch.equal(value, old) for old in begun.values() if old.ndim == 4)]
    assert shared


def test_a_run_from_another_start_is_refused(stills_folder, one_frame, tmp_path) -> None:
    recipe, out = shrunk("thesis-feature-net"), tmp_path / "run"
    train(recipe, stills_folder, out, device="cpu", start=one_frame)
    other = save_state(tmp_path / "other.safetensors", {key: value + 1 for key, value in load_state(one_frame).items()})
    with pytest.raises(RangeError, match="start of the run in"):
        train(recipe, stills_folder, out, device="cpu", start=other)


def test_a_start_for_a_recipe_that_takes_none_is_refused(stills_folder, one_frame, tmp_path) -> None:
    with pytest.raises(RangeError, match="start"):
        train(shrunk("thesis-unet"), stills_folder, tmp_path, start=one_frame, device="cpu")
