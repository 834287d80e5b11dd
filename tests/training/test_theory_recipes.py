"""The runs of the theory part, made tiny: they learn, a killed one goes on, and what they give away is the generator."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from sharpening.errors import WeightsMissing
from sharpening.models.zoo import load_model
from sharpening.training import train
from sharpening.training.callbacks import read_log
from sharpening.training.recipes import Recipe, recipes
from sharpening.weights.store import load_state

ALONE = ("srgan-mse", "esrgan-l1", "vnet", "ux-net")
AGAINST = ("srgan", "esrgan", "wgan")
NARROW = {
    "srgan": {"width": 4, "n_blocks": 1},
    "esrgan": {"width": 4, "n_blocks": 1, "growth": 4},
    "vnet": {"widths": [4, 8], "n_convs_down": [1, 1], "n_convs_up": [1]},
    "ux_net": {"widths": [8, 8], "n_blocks": 1},
}
JUDGE = {"features": None, "judge_width": 4, "judge_hidden": 8}


def shrunk(name: str, **more) -> Recipe:
    """The recipe at the smallest size that still is that recipe: 16 px to 64, three frames where there are several."""
    recipe = recipes.get(name)
    narrow = {**NARROW[recipe.model], **(JUDGE if "adversary" in recipe.settings else {})}
    settings = {"settings": {**recipe.settings, **narrow}, "size_in": 16, "size_out": 64, "n_frames": min(recipe.n_frames, 3)}
    lengths = {"bs": 4, "epochs": 3, "samples_per_epoch": 16, "n_valid": 2, "critic": recipe.critic.replace("ours", "pixel")}
    return dataclasses.replace(recipe, name="tiny-run", **{**settings, **lengths, **more})


@pytest.fixture(scope="module")
def starts(stills_folder, tmp_path_factory) -> dict[str, Path]:
    """Weights of the tiny generators that were trained alone."""
    folder = tmp_path_factory.mktemp("alone")
    names = ("srgan-mse", "esrgan-l1")
    return {name: train(shrunk(name, lr=3e-3), stills_folder, folder / name, device="cpu") for name in names}


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    return load_state(path)


@pytest.mark.parametrize("name", ALONE)
def test_the_nets_learn_alone(name: str, stills_folder, tmp_path) -> None:
    recipe = shrunk(name, lr=3e-3)
    path = train(recipe, stills_folder, tmp_path, device="cpu")
    log = read_log(tmp_path / "log.jsonl")
    # V-Net and UX-Net start as bicubic, which only a longer run betters: see their own tests.
    assert log[-1]["train_loss"] < (0.8 if recipe.n_frames == 1 else 1.5) * log[0]["train_loss"]
    network, card = load_model(path)
    assert (card.model, card.n_frames, card.size_in) == (recipe.model, recipe.n_frames, 16)
    assert all(p.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("name", AGAINST)
def test_a_generator_goes_on_against_its_adversary_and_a_killed_run_is_the_same(name: str, stills_folder, starts, tmp_path) -> None:
    class KilledError(Exception):
        pass

    def kill(facts) -> None:
        if facts["epoch"] == 0:
            raise KilledError("the run is over")

    # WGAN's discriminator makes a hundred steps before the generator makes its first.
    length = {"epochs": 2, "samples_per_epoch": 8} if name != "wgan" else {"epochs": 2, "samples_per_epoch": 54, "bs": 1}
    recipe = shrunk(name, **length)
    start = starts[recipe.start]
    whole = train(recipe, stills_folder, tmp_path / "whole", device="cpu", start=start)
    with pytest.raises(KilledError):
        train(recipe, stills_folder, tmp_path / "killed", device="cpu", start=start, report=kill)
    resumed = weights_of(train(recipe, stills_folder, tmp_path / "killed", device="cpu", start=start))
    trained, before = weights_of(whole), weights_of(start)
    assert all(torch.equal(value, resumed[key]) for key, value in trained.items())
    assert trained.keys() == before.keys()  # the generator alone, without its judge
    assert any(not torch.equal(value, before[key]) for key, value in trained.items())
    network, card = load_model(whole)
    assert (card.model, network.settings["n_blocks"]) == (recipe.model, 1)
    assert {"training/psnr", "training/gen_loss", "training/crit_loss"} <= set(card.metrics)


@pytest.mark.parametrize("name", AGAINST)
def test_the_published_size_wants_vgg_19(name: str, stills_folder, starts, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    recipe = shrunk(name)
    recipe = dataclasses.replace(recipe, settings={**recipe.settings, "features": recipes.get(name).settings["features"]})
    with pytest.raises(WeightsMissing, match="features=None"):
        train(recipe, stills_folder, tmp_path / "run", device="cpu", start=starts[recipe.start])


@pytest.mark.parametrize("name", ALONE + AGAINST)
def test_the_small_one_is_the_same_run_with_a_small_net(name: str) -> None:
    full, small = recipes.get(name), recipes.get(f"{name}-small")
    changed = {f.name for f in dataclasses.fields(Recipe) if getattr(full, f.name) != getattr(small, f.name)}
    # A small net that starts from nothing takes a higher rate, and WGAN's many steps smaller batches.
    own = {"lr"} if name in ("srgan-mse", "esrgan-l1") else {"bs"} if name == "wgan" else set()
    assert changed <= {"name", "settings", "epochs", "samples_per_epoch", "n_valid", "start"} | own
    assert small.start == (f"{full.start}-small" if full.start else "")
    assert small.settings.keys() - {"judge_width", "judge_hidden"} == full.settings.keys()
    assert small.settings.get("adversary") == full.settings.get("adversary")
