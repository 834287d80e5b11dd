"""A recipe from nothing to exported weights; kills, damaged checkpoints, foreign folders."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, WeightsMismatch
from sharpening.models.zoo import load_model
from sharpening.training import train
from sharpening.training.callbacks import read_log
from sharpening.training.recipes import Recipe, recipes
from sharpening.weights.store import load_state

RECIPE = dataclasses.replace(
    recipes.get("tiny"),
    name="short",
    epochs=3,
    motion_weight=0.1,
    p_fewer_frames=0.5,
    samples_per_epoch=4,
    metrics=("psnr", "ssim"),
)


class KilledError(Exception):
    pass


def kill_after(epoch: int):
    def report(facts) -> None:
        if facts["epoch"] == epoch:
            raise KilledError("the run is over")

    return report


@pytest.fixture(scope="module")
def whole_run(stills_folder, tmp_path_factory) -> Path:
    return train(RECIPE, stills_folder, tmp_path_factory.mktemp("whole"), device="cpu")


def tensors(path: Path) -> dict[str, torch.Tensor]:
    return load_state(path)


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = tensors(one), tensors(other)
    assert set(first) == set(second)
    different = [key for key in first if not torch.equal(first[key], second[key])]
    assert not different


def test_train_leaves_weights_card_log_recipe_and_checkpoints(whole_run, stills_folder) -> None:
    out = whole_run.parent
    assert sorted(path.name for path in out.iterdir()) == [
        "checkpoints",
        "log.jsonl",
        "origin.json",
        "recipe.json",
        "short.json",
        "short.safetensors",
    ]
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == ["epoch_0001.safetensors", "epoch_0002.safetensors"]
    assert Recipe.from_json((out / "recipe.json").read_text()) == RECIPE
    log = read_log(out / "log.jsonl")
    assert [entry["epoch"] for entry in log] == [0, 1, 2]
    assert {"psnr", "ssim", "align_px"} <= set(log[0])
    net, card = load_model(whole_run)
    assert net(torch.rand(1, 9, 32, 32)).shape == (1, 3, 128, 128)
    assert str(stills_folder) not in card.to_json()
    assert stills_folder.name in card.data
    assert card.recipe == "short: 3 epochs of 4 samples, seed 0"
    assert card.metrics["training/psnr"] == pytest.approx(log[-1]["psnr"])


def test_same_recipe_gives_the_same_weights_and_seeds_nobody_else(whole_run, stills_folder, tmp_path) -> None:
    seed = torch.initial_seed()
    torch.rand(7)  # whatever the program has drawn so far plays no role
    assert_same_weights(whole_run, train(RECIPE, stills_folder, tmp_path, device="cpu"))
    assert torch.initial_seed() == seed


@pytest.mark.parametrize("epoch", [0, 1])
def test_killed_run_goes_on_to_the_very_same_weights(epoch: int, whole_run, stills_folder, tmp_path) -> None:
    with pytest.raises(KilledError):
        train(RECIPE, stills_folder, tmp_path, report=kill_after(epoch), device="cpu")
    assert not (tmp_path / "short.safetensors").exists()
    assert_same_weights(whole_run, train(RECIPE, stills_folder, tmp_path, device="cpu"))
    logs = [
        [{k: v for k, v in entry.items() if k != "seconds"} for entry in read_log(out / "log.jsonl")]
        for out in (tmp_path, whole_run.parent)
    ]
    assert logs[0] == logs[1]


def test_truncated_checkpoint_is_passed_over(whole_run, stills_folder, tmp_path) -> None:
    with pytest.raises(KilledError):
        train(RECIPE, stills_folder, tmp_path, report=kill_after(2), device="cpu")
    newest = tmp_path / "checkpoints" / "epoch_0001.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1000])
    assert_same_weights(whole_run, train(RECIPE, stills_folder, tmp_path, device="cpu"))


def test_all_checkpoints_damaged_is_told(stills_folder, tmp_path) -> None:
    with pytest.raises(KilledError):
        train(RECIPE, stills_folder, tmp_path, report=kill_after(2), device="cpu")
    for path in (tmp_path / "checkpoints").iterdir():
        path.write_bytes(b"nonsense")
    with pytest.raises(WeightsMismatch, match="none of the checkpoints"):
        train(RECIPE, stills_folder, tmp_path, device="cpu")
    assert train(RECIPE, stills_folder, tmp_path, resume=False, device="cpu").exists()


def test_finished_run_is_not_trained_again(whole_run, stills_folder) -> None:
    before, began = tensors(whole_run), (whole_run.parent / "log.jsonl").read_text()
    card = load_model(whole_run)[1]
    train(RECIPE, stills_folder, whole_run.parent, device="cpu")
    assert all(torch.equal(value, before[key]) for key, value in tensors(whole_run).items())
    assert (whole_run.parent / "log.jsonl").read_text() == began
    again = load_model(whole_run)[1]
    # Writing safetensors twice may order the header's words in two ways, so the hash may differ for equal tensors.
    assert dataclasses.replace(again, commit=card.commit, sha256=card.sha256) == card


def test_folder_of_other_data_is_refused(whole_run, tmp_path) -> None:
    began = (whole_run.parent / "origin.json").read_text()
    with pytest.raises(RangeError, match="data of the run in"):
        train(RECIPE, tmp_path, whole_run.parent, device="cpu")
    assert (whole_run.parent / "origin.json").read_text() == began


def test_folder_of_another_recipe_is_refused(whole_run, stills_folder) -> None:
    with pytest.raises(RangeError, match="resume=False"):
        train(dataclasses.replace(RECIPE, lr=1e-4), stills_folder, whole_run.parent, device="cpu")


def test_unet_trains_by_its_recipe(stills_folder, tmp_path) -> None:
    small = dataclasses.replace(
        recipes.get("thesis-unet"),
        name="small-unet",
        settings={"encoder": "resnet18", "width": 8},
        size_in=64,
        size_out=64,
        epochs=1,
        bs=2,
        n_frames=3,
    )
    path = train(dataclasses.replace(small, critic="pixel"), stills_folder, tmp_path, device="cpu")
    _, card = load_model(path)
    assert (card.model, card.normalisation, card.size_in) == ("unet", "imagenet", 64)


@pytest.mark.slow
def test_process_killed_in_the_middle_of_an_epoch_goes_on(stills_folder, tmp_path) -> None:
    script = (
        "import dataclasses; from sharpening.training import train; from sharpening.training.recipes import recipes\n"
        f"train(dataclasses.replace(recipes.get('tiny'), epochs=200), {str(stills_folder)!r}, {str(tmp_path)!r}, device='cpu')"
    )
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", script])
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("checkpoints/epoch_????.safetensors"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    reached = max(int(path.stem[-4:]) for path in tmp_path.glob("checkpoints/epoch_????.safetensors"))
    epochs: list[int] = []

    def report(facts) -> None:
        epochs.append(facts["epoch"])
        if len(epochs) == 2:
            raise KilledError("enough")

    with pytest.raises(KilledError):
        train(dataclasses.replace(recipes.get("tiny"), epochs=200), stills_folder, tmp_path, report=report, device="cpu")
    assert epochs[0] == reached + 1
    assert np.array_equal([entry["epoch"] for entry in read_log(tmp_path / "log.jsonl")], range(epochs[-1] + 1))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_mixed_precision_trains_on_cuda(stills_folder, tmp_path) -> None:
    assert train(dataclasses.replace(RECIPE, critic="ours"), stills_folder, tmp_path, device="cuda").exists()
