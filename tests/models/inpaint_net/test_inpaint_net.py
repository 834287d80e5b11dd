"""The cross-over U-Net: its own contract (it is no net over frames), loaders, Learner, recipe, card."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from sharpening.errors import InputError, RangeError, ShapeError
from sharpening.imaging.files import write_picture
from sharpening.imaging.mask import mix, pack_pair, unpack_pair
from sharpening.losses.inpaint import InpaintLoss
from sharpening.mframe_dl import mframe_dls
from sharpening.models.inpaint_net import InpaintNet, get_learner, inpaint_dls
from sharpening.models.loading import load_trained
from sharpening.models.unet.encoder import ResNetEncoder
from sharpening.models.zoo import list_models
from sharpening.training import train
from sharpening.training.recipes import recipes
from sharpening.weights.store import load_into, load_state, save_state

SMALL = {"encoder": "resnet18", "width": 8}


def tiny(seed: int = 0, **settings) -> InpaintNet:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return InpaintNet(**{**SMALL, **settings})


def inputs(bs: int = 2, size: int = 64, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    base, source = torch.rand(2, bs, 3, size, size, generator=generator)
    mask = torch.zeros(bs, 1, size, size)
    mask[:, :, 10:40, 20:50] = 1
    return [base, source, mask]


@pytest.fixture(scope="module")
def stills(tmp_path_factory, made_face):
    folder, rng = tmp_path_factory.mktemp("stills"), np.random.default_rng(0)
    for i in range(6):
        write_picture(folder / f"person_{i}.png", made_face(80, rng))
    return folder


@pytest.fixture
def small_dls(stills):
    return lambda **settings: inpaint_dls(stills, **{"size": 64, "bs": 2, "device": "cpu", **settings})


@pytest.mark.parametrize("n_in", [9, 7])
def test_packed_and_single_inputs_give_the_same_finite_picture(n_in: int) -> None:
    net = tiny(n_in=n_in).eval()
    with torch.no_grad():
        pred = net(*inputs())
        assert torch.equal(pred, net(pack_pair(*inputs(), n_in=n_in)))
        torch.testing.assert_close(pred[1:], net(*(x[1:] for x in inputs())), rtol=1e-4, atol=1e-5)
    assert pred.shape == (2, 3, 64, 64)
    assert pred.isfinite().all()


@pytest.mark.parametrize("n_in", [9, 7])
def test_every_parameter_and_all_three_inputs_get_a_gradient(n_in: int) -> None:
    net = tiny(n_in=n_in).train()
    packed = pack_pair(*inputs(), n_in=n_in).requires_grad_()
    net(packed).square().mean().backward()
    assert not [name for name, p in net.named_parameters() if p.grad is None or p.grad.abs().max() == 0]
    assert all(part.abs().max() > 0 for part in unpack_pair(packed.grad))


def test_saved_and_loaded_network_is_the_same(tmp_path) -> None:
    net, other = tiny(0).eval(), tiny(1).eval()
    save_state(tmp_path / "net.safetensors", net.state_dict())
    load_into(other, load_state(tmp_path / "net.safetensors"), source="file")
    with torch.no_grad():
        assert torch.equal(net(*inputs()), other(*inputs()))


def test_wrong_inputs_are_told() -> None:
    net, (base, source, mask) = tiny(), inputs()
    with pytest.raises(RangeError, match="n_in"):
        InpaintNet(n_in=8, **SMALL)
    with pytest.raises(ShapeError, match="two of three"):
        net(base, source)
    with pytest.raises(RangeError, match="255"):
        net(base, source, 255 * mask)
    with pytest.raises(ShapeError, match="mask"):
        net(base, source, mask[..., :32])
    with pytest.raises(ShapeError, match="n_in=9"):
        net(pack_pair(base, source, mask, n_in=7))
    with pytest.raises(ShapeError, match="32"):
        net(base[..., :16, :16], source[..., :16, :16], mask[..., :16, :16])


def test_pretrained_kernels_go_to_base_and_source(tmp_path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        rgb = ResNetEncoder("resnet18", 3, width=8)
    save_state(tmp_path / "resnet18.safetensors", rgb.state_dict())
    for n_in in (7, 9):
        encoder = tiny(n_in=n_in, pretrained=tmp_path / "resnet18.safetensors").unet.encoder
        kernels = encoder.conv1.weight
        assert torch.equal(kernels[:, :3] + kernels[:, 3:6], rgb.conv1.weight)
        assert kernels[:, 6:].abs().max() == 0
        assert torch.equal(encoder.layer4[1].conv2.weight, rgb.layer4[1].conv2.weight)


def test_exports_with_any_batch_size() -> None:
    net, packed = tiny().eval(), pack_pair(*inputs())
    program = torch.export.export(net, (packed,), dynamic_shapes=({0: torch.export.Dim("bs", min=1, max=64)},))
    three = packed[:1].repeat(3, 1, 1, 1)
    with torch.no_grad():
        torch.testing.assert_close(program.module()(three), net(three))


def test_it_is_not_taken_for_a_network_over_frames() -> None:
    assert "inpaint_net" not in list_models()


@pytest.mark.parametrize("how", ["patches", "blur"])
@pytest.mark.parametrize("n_in", [9, 7])
def test_batches_hold_pairs(small_dls, how: str, n_in: int) -> None:
    dls = small_dls(how=how, n_in=n_in)
    packed, label = (x.as_subclass(Tensor) for x in dls.one_batch())
    assert packed.shape == (2, n_in, 64, 64)
    assert label.shape == (2, 3, 64, 64)
    base, source, mask = unpack_pair(packed)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(base * (1 - mask), label * (1 - mask))
    assert float(((base - label).abs() * mask).sum()) > 0
    assert not torch.equal(source, label)


def test_same_seed_gives_the_same_batches_and_each_epoch_others(small_dls) -> None:
    def epochs(seed: int) -> list[Tensor]:
        train = small_dls(seed=seed).train
        return [torch.cat([batch[0].as_subclass(Tensor) for batch in train]) for _ in range(2)]

    first, again, other = epochs(1), epochs(1), epochs(2)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[0], other[0])
    valid = [torch.cat([batch[0].as_subclass(Tensor) for batch in small_dls().valid]) for _ in range(2)]
    assert torch.equal(*valid)


def test_impossible_loaders_are_told(stills, tmp_path, small_dls) -> None:
    for wrong in ({"n_in": 8}, {"size": 16}, {"bs": 0}):
        with pytest.raises(RangeError, match=next(iter(wrong))):
            small_dls(**wrong)
    with pytest.raises(KeyError, match="patches"):
        small_dls(how="holes")
    with pytest.raises(InputError):
        inpaint_dls(tmp_path)
    with pytest.raises(ShapeError, match="stills"):
        inpaint_dls([stills, stills])


def test_learner_gives_the_inputs_to_the_critic_and_the_label_to_the_metrics(small_dls) -> None:
    dls = small_dls(bs=4)
    learn = get_learner(dls, critic=InpaintLoss(1.0, 1.0, seam=0.1), lr=3e-3, **SMALL)
    with learn.no_bar(), learn.no_logging():
        learn.fit(1)
    named = dict(zip(learn.recorder.metric_names[1:-1], learn.recorder.log[1:-1], strict=False))
    assert {"psnr", "ssim", "loss_inside", "loss_outside", "loss_seam"} <= set(named)
    preds, labels = learn.get_preds()
    packed, label = dls.valid.one_batch()
    assert torch.equal(labels.as_subclass(Tensor), label.as_subclass(Tensor))
    with torch.no_grad():
        torch.testing.assert_close(preds, learn.model.eval()(packed.as_subclass(Tensor)), rtol=1e-4, atol=1e-5)
    base, source, mask = unpack_pair(packed.as_subclass(Tensor))
    wanted = (preds - mix(base, source, mask)).square().mean()
    parts = named["loss_inside"] + named["loss_outside"]
    assert parts == pytest.approx(float(wanted), rel=1e-3)


def test_loaders_of_another_kind_are_told(stills) -> None:
    dls = mframe_dls(stills, n_frames=3, size_in=64, size_out=64, bs=2, degrade="thesis", device="cpu")
    with pytest.raises(RangeError, match="inpaint_dls"):
        get_learner(dls)


def test_recipe_leaves_a_card_and_the_learner_goes_on_from_it(stills, tmp_path) -> None:
    recipe = recipes.get("inpaint-patches")
    small = {"settings": {**SMALL, "blur": True}, "epochs": 1, "bs": 4, "samples_per_epoch": 4, "n_valid": 1}
    recipe = dataclasses.replace(recipe, loader_options={**recipe.loader_options, "size": 48}, **small)
    path = train(recipe, stills, tmp_path, device="cpu")
    net, card = load_trained(InpaintNet, "inpaint_net", path)
    assert (card.model, card.size_out, card.normalisation, card.settings["n_in"]) == ("inpaint_net", 48, "none", 9)
    learn = get_learner(inpaint_dls(stills, size=48, bs=2, device="cpu"), weights=path)
    assert torch.equal(learn.model.unet.head.weight, net.unet.head.weight)
    with pytest.raises(ShapeError, match="n_in=9"):
        get_learner(inpaint_dls(stills, n_in=7, size=48, bs=2, device="cpu"), weights=path)


def test_training_approaches_the_cross_over_of_unseen_pairs(small_dls) -> None:
    learn = get_learner(small_dls(bs=4, samples_per_epoch=16), lr=4e-3, **SMALL)
    packed = learn.dls.valid.one_batch()[0].as_subclass(Tensor)
    wanted = mix(*unpack_pair(packed))

    def error() -> float:
        with torch.no_grad():
            return float((learn.model.eval()(packed) - wanted).square().mean())

    before = error()
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(4)
    assert error() < 0.5 * before
