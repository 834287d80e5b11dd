"""Feature-Merge: starts as the single-frame U-Net, its second encoder cannot learn, and the place of the merge decides."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sharpening.errors import RangeError, ShapeError, WeightsMismatch
from sharpening.imaging.files import write_picture
from sharpening.mframe_dl import mframe_dls
from sharpening.models.feature_net import FeatureNet, get_learner
from sharpening.models.feature_net.model import LEVELS, FrozenEncoder
from sharpening.models.loading import load_trained, remember
from sharpening.models.unet import UNet
from sharpening.models.unet.encoder import ResNetEncoder
from sharpening.models.zoo import load_model
from sharpening.training import train
from sharpening.training.callbacks import read_log
from sharpening.training.export import export
from sharpening.training.recipes import recipes
from sharpening.weights.store import load_into, load_state, save_state

SMALL = {"encoder": "resnet18", "width": 8}


def seeded(build, seed: int = 0, **settings) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build(**{**SMALL, **settings})


def noise(bs: int, n_frames: int = 3, size: int = 64, seed: int = 0) -> Tensor:
    return torch.rand(bs, 3 * n_frames, size, size, generator=torch.Generator().manual_seed(seed))


def a_step(net: nn.Module, frames: Tensor, lr: float = 1e-2) -> None:
    optimiser = torch.optim.SGD(net.parameters(), lr=lr)
    net(frames).square().mean().backward()
    optimiser.step()


@pytest.mark.parametrize("merge", [("deepest",), LEVELS])
@pytest.mark.parametrize("mode", [True, False])
def test_starts_as_the_single_frame_net(merge, mode: bool) -> None:
    single = seeded(UNet, 1, n_frames=1)
    a_step(single.train(), noise(2, 1))  # running means that are not those of a fresh net
    net = seeded(FeatureNet, 2, n_frames=5, merge=merge)
    a_step(net.train(), noise(2, 5))  # and a merge that has begun to move
    net.start_from(single).train(mode)
    frames = noise(2, 5, seed=3)
    with torch.no_grad():
        assert torch.equal(net(frames), single.train(mode)(frames[:, 6:9]))
    assert torch.equal(net.others.body.layer2[0].conv1.weight, single.encoder.layer2[0].conv1.weight)


def test_frozen_encoder_cannot_be_trained() -> None:
    net = seeded(FeatureNet, n_frames=3, merge=LEVELS)
    before = {key: value.clone() for key, value in net.others.state_dict().items()}
    net.requires_grad_(True).train()
    net.others.train()
    assert not any(module.training for module in net.others.modules())
    assert not any(name.startswith("others") for name, _ in net.named_parameters())
    for _ in range(2):
        a_step(net, noise(2))
    after = net.others.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    assert not torch.equal(net.encoder.conv1.weight, net.others.body.conv1.weight)


def test_frozen_encoder_survives_saving_and_stays_frozen(tmp_path) -> None:
    net = seeded(FeatureNet, 0, n_frames=3, merge=("half", "deepest"))
    for _ in range(2):
        a_step(net.train(), noise(2))
    save_state(tmp_path / "net.safetensors", net.state_dict())
    other = seeded(FeatureNet, 1, n_frames=3, merge=["half", "deepest"])
    load_into(other, load_state(tmp_path / "net.safetensors"), source="file")
    with torch.no_grad():
        assert torch.equal(net.eval()(noise(1)), other.eval()(noise(1)))
    other.train().requires_grad_(True)
    assert not any(module.training for module in other.others.modules())
    assert not any(value.requires_grad for value in other.others.state_dict(keep_vars=True).values())


def test_frozen_copy_gives_the_maps_of_each_frame_alone() -> None:
    encoder = seeded(lambda encoder, width: ResNetEncoder(encoder, 3, width)).eval()
    frozen, frames = FrozenEncoder(encoder), noise(2, 2).unflatten(1, (2, 3))
    with torch.no_grad():
        maps = frozen(frames)
        deepest, skips = encoder(frames[:, 1])
    assert [x.shape[1] for x in maps] == [16, 16, 32, 64, 128]
    for got, wanted in zip(maps, (*skips, deepest), strict=True):
        torch.testing.assert_close(got[:, got.shape[1] // 2 :], wanted)
    assert any(p.requires_grad for p in encoder.parameters())  # the original is left as it was


def test_gradients_reach_the_other_frames_through_the_frozen_encoder() -> None:
    net = seeded(FeatureNet, n_frames=3).train()
    a_step(net, noise(2))
    frames = noise(2).requires_grad_()
    net(frames).sum().backward()
    assert (frames.grad.unflatten(1, (3, 3)).abs().sum(dim=(0, 2, 3, 4)) > 0).all()


def test_one_frame_is_a_plain_unet() -> None:
    net, unet = seeded(FeatureNet, n_frames=1), seeded(UNet, n_frames=1)
    load_into(net, unet.state_dict(), source="unet")
    with torch.no_grad():
        assert torch.equal(net.eval()(noise(1, 1)), unet.eval()(noise(1, 1)))


@pytest.mark.parametrize("merge", ["deepest", (), ("middle",), ("half", "half")])
def test_impossible_levels_are_told(merge) -> None:
    with pytest.raises(RangeError, match="sixteenth"):
        FeatureNet(3, merge=merge, **SMALL)


def test_unfit_single_frame_nets_are_told() -> None:
    net = seeded(FeatureNet, n_frames=3)
    with pytest.raises(RangeError, match="n_frames=1"):
        net.start_from(seeded(UNet, n_frames=3))
    with pytest.raises(RangeError, match="blur"):
        net.start_from(seeded(UNet, n_frames=1, blur=False))
    with pytest.raises(WeightsMismatch, match="misshaped"):
        net.start_from(seeded(UNet, n_frames=1, width=16))
    with pytest.raises(ShapeError, match="FeatureNet"):
        net(torch.zeros(1, 3, 64, 64))


def test_exports_with_any_batch_size() -> None:
    net, frames = seeded(FeatureNet, n_frames=3, merge=LEVELS).eval(), noise(2)
    program = torch.export.export(net, (frames,), dynamic_shapes={"frames": {0: torch.export.Dim("bs", min=1, max=64)}})
    with torch.no_grad():
        torch.testing.assert_close(program.module()(noise(3, seed=1)), net(noise(3, seed=1)))


def _fine_detail(bs: int, seed: int) -> tuple[Tensor, Tensor]:
    """Fine noise that the middle has lost to a blur and the others still have."""
    label = noise(bs, 1, 48, seed)
    return torch.cat([label, nn.functional.avg_pool2d(label, 5, 1, 2), label], dim=1), label


def _influence(merge: str) -> float:
    """How much the result changes when the others become noise, for a net that was trained to take its detail from them."""
    net = seeded(FeatureNet, n_frames=3, merge=(merge,)).train()
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    for step in range(40):
        frames, label = _fine_detail(4, step)
        optimiser.zero_grad()
        (net(frames) - label).square().mean().backward()
        optimiser.step()
    frames, _ = _fine_detail(4, 1000)
    ruined = frames.clone()
    ruined[:, :3], ruined[:, 6:] = noise(4, 1, 48, 2000), noise(4, 1, 48, 2001)
    with torch.no_grad():
        return float((net(frames) - net(ruined)).abs().mean())


def test_merged_at_the_deepest_level_alone_the_others_hardly_count() -> None:
    """FIELD.md 4.1, point 4: through the deepest maps no detail can pass, so nothing is learned from the others."""
    assert _influence("half") > 10 * _influence("deepest")


@pytest.fixture(scope="module")
def stills(tmp_path_factory, made_face):
    folder, rng = tmp_path_factory.mktemp("stills"), np.random.default_rng(0)
    for i in range(3):
        write_picture(folder / f"{i}.png", made_face(80, rng))
    return folder


def test_learner_starts_from_single_frame_weights_and_goes_on_from_its_own(stills, tmp_path) -> None:
    dls = mframe_dls(stills, n_frames=3, size_in=64, size_out=64, bs=2, normalize=True, degrade="thesis", device="cpu")
    settings = {"n_frames": 1, **SMALL, "blur": False}
    single = remember(seeded(UNet, **settings), "unet", settings)
    form = type(dls.form)(1, 64, 64, "imagenet")
    path = export(single, "single", tmp_path, form=form)
    learn = get_learner(dls, critic="pixel", single=path, merge=("eighth", "deepest"), lr=1e-3)
    frames = dls.one_batch()[0].as_subclass(Tensor)
    with torch.no_grad():
        # The Learner lays its weights out for speed, which rounds otherwise.
        torch.testing.assert_close(learn.model.eval()(frames), single.eval()(frames[:, 3:6]), rtol=1e-4, atol=1e-5)
    frozen = learn.model.others.body.layer1[0].conv1.weight.clone()
    learn.unfreeze()
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)
    assert torch.equal(frozen, learn.model.others.body.layer1[0].conv1.weight)
    net, card = load_trained(FeatureNet, "feature_net", export(learn, "merged", tmp_path))
    assert card.settings == {"n_frames": 3, **SMALL, "merge": ["eighth", "deepest"], "blur": False}
    again = get_learner(dls, critic="pixel", weights=tmp_path / "merged.safetensors").model
    with torch.no_grad():
        torch.testing.assert_close(again.eval()(frames), net(frames), rtol=1e-4, atol=1e-5)
    bare = mframe_dls(stills, n_frames=3, size_in=64, size_out=64, bs=2, degrade="thesis", device="cpu")
    with pytest.raises(RangeError, match="normalize=True"):
        get_learner(bare, critic="pixel", single=path)


def test_recipe_trains_the_single_frame_net_first_and_learns(stills, tmp_path) -> None:
    small = {"size_in": 32, "size_out": 32, "epochs": 2, "bs": 2, "n_valid": 1, "samples_per_epoch": 8, "critic": "pixel"}
    single = dataclasses.replace(recipes.get("thesis-unet-one-frame"), settings=SMALL, **small)
    start = train(single, stills, tmp_path / "single", device="cpu")
    settings = {**recipes.get("thesis-feature-net").settings, **SMALL}
    merged = dataclasses.replace(recipes.get("thesis-feature-net"), settings=settings, n_frames=3, **small)
    net, card = load_model(train(merged, stills, tmp_path / "merged", start=start, device="cpu"))
    assert (card.model, card.settings["merge"], card.settings["width"]) == ("feature_net", ["deepest"], 8)
    began = load_state(start)["encoder.layer1.0.conv1.weight"]
    assert torch.equal(net.others.body.layer1[0].conv1.weight, began)
    assert not torch.equal(net.encoder.layer1[0].conv1.weight, began)
    first, last = (read_log(tmp_path / run / "log.jsonl")[-1]["train_loss"] for run in ("single", "merged"))
    assert last < first
