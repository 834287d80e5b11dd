"""The U-Net of the SER-FIQ critic: the same network, loaders of 112 px and no others, a card of its own name."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from sharpening.errors import ShapeError, WeightsMismatch
from sharpening.imaging.files import write_picture
from sharpening.mframe_dl import mframe_dls
from sharpening.models.serfiq_net import SerFiqNet, get_learner
from sharpening.models.unet import UNet
from sharpening.models.unet import get_learner as get_unet_learner
from sharpening.models.zoo import load_model
from sharpening.training import train
from sharpening.training.callbacks import read_log
from sharpening.training.recipes import recipes

SMALL = {"encoder": "resnet18", "width": 8}


@pytest.fixture(scope="module")
def stills(tmp_path_factory, made_face):
    folder, rng = tmp_path_factory.mktemp("stills"), np.random.default_rng(0)
    for i in range(5):
        write_picture(folder / f"{i}.png", made_face(128, rng))
    return folder


def test_it_is_the_unet_of_the_same_weights() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net, unet = SerFiqNet(n_frames=3, **SMALL).eval(), UNet(n_frames=3, **SMALL).eval()
    unet.load_state_dict(net.state_dict())
    frames = torch.rand(1, 9, 112, 112, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(net(frames), unet(frames))


@pytest.mark.parametrize("sizes", [{"size_in": 128}, {"size_in": 32, "size_out": 112}, {"size_in": 112, "size_out": 128}])
def test_loaders_of_another_size_are_told(stills, sizes) -> None:
    with pytest.raises(ShapeError, match="size_in=112, size_out=112"):
        get_learner(mframe_dls(stills, n_frames=3, bs=2, normalize=True, device="cpu", **sizes), critic="pixel")


def test_card_names_the_net_and_its_learner_goes_on_from_it(stills, tmp_path) -> None:
    small = {"settings": {**SMALL, "blur": True}, "n_frames": 3, "bs": 2, "n_valid": 1, "samples_per_epoch": 2, "epochs": 1}
    path = train(dataclasses.replace(recipes.get("thesis-serfiq"), **small), stills, tmp_path, device="cpu")
    net, card = load_model(path)
    assert isinstance(net, SerFiqNet)
    assert (card.model, card.size_in, card.size_out, card.normalisation) == ("serfiq_net", 112, 112, "imagenet")
    assert read_log(tmp_path / "log.jsonl")[0]["loss_serfiq"] > 0
    dls = mframe_dls(stills, n_frames=3, bs=2, size_in=112, size_out=112, normalize=True, device="cpu")
    learn = get_learner(dls, critic="pixel", weights=path)
    assert torch.equal(learn.model.head.weight, net.head.weight)
    with pytest.raises(WeightsMismatch, match="serfiq_net"):
        get_unet_learner(dls, critic="pixel", weights=path)
