"""The Learners of both BiO-Nets: they learn, are exported, and go on from weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sharpening.errors import ShapeError
from sharpening.imaging.files import write_picture
from sharpening.mframe_dl import mframe_dls
from sharpening.models.bionet import get_learner, get_published_learner
from sharpening.models.unet.encoder import ResNetEncoder
from sharpening.models.zoo import load_model
from sharpening.training.export import export
from sharpening.training.learner import learners
from sharpening.weights.store import save_state

NETS = {
    "bionet": (get_learner, {"encoder": "resnet18", "width": 8}),
    "bionet_published": (get_published_learner, {"multiplier": 0.125}),
}


@pytest.fixture(scope="module")
def stills(tmp_path_factory, made_face) -> Path:
    folder, rng = tmp_path_factory.mktemp("stills"), np.random.default_rng(0)
    for i in range(6):
        write_picture(folder / f"{i}.png", made_face(64, rng))
    return folder


def loaders(stills: Path, **settings):
    shared = {"n_frames": 3, "size_in": 64, "size_out": 64, "normalize": True, "bs": 2, "degrade": "thesis", "device": "cpu"}
    return mframe_dls(stills, **{**shared, **settings})


@pytest.mark.parametrize("model", NETS)
def test_learns_and_goes_on_from_its_weights(model: str, stills: Path, tmp_path: Path) -> None:
    build, settings = NETS[model]
    assert learners.get(model) is build
    learn = build(loaders(stills), critic="pixel", path=tmp_path, metrics=(), **settings, n_iterations=3)
    learn.fit(1, 1e-3)
    path = export(learn, "tiny", tmp_path)
    network, card = load_model(path)
    assert (card.model, card.n_frames, card.settings["n_iterations"]) == (model, 3, 3)
    again = build(loaders(stills), critic="pixel", weights=path).model
    assert again.n_iterations == 3
    frames = torch.rand(1, 9, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        wanted = network(frames)
        # A Learner lays the weights out otherwise (channels_last), which adds in another order.
        torch.testing.assert_close(again.eval()(frames), wanted, rtol=1e-3, atol=1e-3 * float(wanted.std()))


@pytest.mark.parametrize("model", NETS)
def test_every_parameter_is_in_one_group(model: str, stills: Path) -> None:
    build, settings = NETS[model]
    learn = build(loaders(stills), critic="pixel", **settings)
    grouped = [id(p) for group in learn.splitter(learn.model) for p in group]
    assert sorted(grouped) == sorted(id(p) for p in learn.model.parameters())


@pytest.mark.parametrize("model", NETS)
def test_frames_of_another_size_than_the_labels_are_told(model: str, stills: Path) -> None:
    build, settings = NETS[model]
    with pytest.raises(ShapeError, match="BiO-Net"):
        build(loaders(stills, size_in=32), critic="pixel", **settings)


def test_pretrained_encoder_starts_frozen(stills: Path, tmp_path: Path) -> None:
    path = save_state(tmp_path / "resnet18.safetensors", ResNetEncoder("resnet18", 3, width=8).state_dict())
    learn = get_learner(loaders(stills), critic="pixel", encoder="resnet18", width=8, pretrained=path)
    assert not learn.model.encoder.conv1.weight.requires_grad
    assert learn.model.back[0][0].weight.requires_grad
