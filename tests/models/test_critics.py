"""Critics: parts under names, in balance, differentiable, and with the user's own networks."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sharpening.imaging.convert import to_tensor
from sharpening.losses import PictureLoss
from sharpening.metrics.serfiq import SerFiq
from sharpening.models.critics import critic, critics
from sharpening.models.face_id import IrSe50, Vgg16Extractor, load_resnet29

NAMES = critics.names()
WITH_SERFIQ = ("thesis+serfiq", "serfiq-only")


@pytest.fixture(scope="module")
def target(astronaut_face):
    return to_tensor(np.array(astronaut_face[16:144, 16:144]))[None]


@pytest.fixture(scope="module")
def bicubic(target):
    small = F.interpolate(target, size=32, mode="area")
    return F.interpolate(small, size=128, mode="bicubic", align_corners=False).clamp(0, 1)


@pytest.mark.parametrize("name", NAMES)
def test_zero_at_identity_positive_elsewhere_with_a_gradient(name, target, bicubic):
    loss = critic(name)
    assert isinstance(loss, PictureLoss)
    at_target = float(loss(target, target))
    rest = sum(float(part) for name, part in loss.parts.items() if name != "serfiq")
    assert rest == pytest.approx(0, abs=1e-6)
    assert (at_target > rest + 1e-6) == (name in WITH_SERFIQ)  # SER-FIQ asks for a usable face, not for this one
    pred = bicubic.clone().requires_grad_()
    value = loss(pred, target)
    value.backward()
    assert float(value.detach()) > 0
    assert bool(torch.isfinite(pred.grad).all())
    assert float(pred.grad.abs().sum()) > 0


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_a_critic_is_trained(name):
    assert not any(p.requires_grad for p in critic(name).parameters())


def test_parts():
    names = {name: list(_parts(name)) for name in NAMES}
    layers = ("stage1", "stage2", "stage3")
    maps = [f"perceptual.{kind}_{layer}" for kind in ("feature", "gram") for layer in layers]
    assert names == {
        "pixel": ["mse"],
        "l1": ["l1"],
        "thesis": ["mse", *maps],
        "thesis+serfiq": ["mse", *maps, "serfiq"],
        "serfiq-only": ["serfiq"],
        "ours": ["charbonnier", "ssim", "identity"],
        "perceptual": ["charbonnier", "ssim", *(f"features.feature_{layer}" for layer in layers), "identity"],
        "inpaint": ["inside", "outside"],
        "inpaint-truth": ["inside", "outside", "seam", "truth"],
    }


def _parts(name):
    loss = critic(name)
    pictures = torch.rand((2, 1, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    loss(*pictures)
    return loss.parts


def test_balance_of_the_parts_on_a_real_face(target, bicubic):
    thesis, ours = critic("thesis"), critic("ours")
    thesis(bicubic, target)
    ours(bicubic, target)
    parts = {name: float(part) for name, part in thesis.parts.items()}
    features = sum(value for name, value in parts.items() if "feature" in name)
    grams = sum(value for name, value in parts.items() if "gram" in name)
    assert 0.2 < features / parts["mse"] < 5
    assert 0.1 < grams / parts["mse"] < 2.5
    assert float(ours.parts["charbonnier"]) > float(ours.parts["ssim"]) > float(ours.parts["identity"]) > 0


def test_serfiq_pulls_about_as_hard_as_all_the_rest(target, bicubic):
    pulls = {}
    for name in ("thesis", *WITH_SERFIQ):
        pred = bicubic.clone().requires_grad_()
        pulls[name] = torch.autograd.grad(critic(name)(pred, target), pred)[0]
    share = (pulls["thesis+serfiq"] - pulls["thesis"]).norm() / pulls["thesis"].norm()
    assert 0.2 < float(share) < 3
    assert bool(pulls["serfiq-only"].isfinite().all())


def test_serfiq_says_which_network_judges_and_takes_another(target, bicubic, monkeypatch):
    monkeypatch.setattr("sharpening.models.face_id.quality.IR_SE50_NAMES", ("a_net_that_nobody_has",))
    assert critic("serfiq-only").losses["serfiq"].quality.network.name == "dlib_resnet29"
    own = IrSe50(widths=(16, 16, 16, 16), units=(1, 1, 1, 1), size=32).requires_grad_(False)
    for network in (own, SerFiq(own, m=3)):
        loss = critic("serfiq-only", network=network)
        assert loss.losses["serfiq"].quality.network is own
        assert float(loss(bicubic, target)) > 0


def test_serfiq_draws_new_masks_at_each_step(target, bicubic):
    loss = critic("serfiq-only")
    assert float(loss(bicubic, target)) != float(loss(bicubic, target))


def test_moving_a_critic_moves_nobody_elses_net():
    critic("ours").double()
    critic("thesis").double()
    assert load_resnet29().fc.weight.dtype == torch.float32


def test_own_networks_are_used(target, bicubic):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        extractor = Vgg16Extractor().requires_grad_(False)
    loss = critic("thesis", extractor=extractor)
    loss(bicubic[..., :32, :32], target[..., :32, :32])
    assert [name for name in loss.parts if "feature" in name] == [f"perceptual.feature_relu{i}_3" for i in (3, 4, 5)]

    class Counting(nn.Module):
        calls = 0

        def forward(self, chips):
            self.calls += 1
            return chips.mean(dim=(2, 3))

    network = Counting()
    critic("ours", network=network)(bicubic, target)
    assert network.calls == 2


def test_identity_part_knows_the_person(target, bicubic):
    loss = critic("ours")
    loss(bicubic, target)
    person = float(loss.parts["identity"])
    loss(target.flip(2), target)  # upside down it is nobody
    assert float(loss.parts["identity"]) > 1.5 * person


def test_unknown_names_get_a_hint():
    with pytest.raises(KeyError, match="pixel"):
        critic("pixels")


def test_a_critic_can_be_copied(target, bicubic):
    loss = critic("pixel")
    loss(bicubic, target)
    assert float(copy.deepcopy(loss)(bicubic, target)) == float(loss(bicubic, target))


def test_fastai_moves_and_switches_it(target, bicubic):
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from torch.utils.data import DataLoader, TensorDataset

    rows = DataLoader(TensorDataset(bicubic.expand(2, -1, -1, -1), target.expand(2, -1, -1, -1)), batch_size=1)
    learn = Learner(DataLoaders(rows, rows), nn.Conv2d(3, 3, 1), loss_func=critic("pixel"))
    with learn.loss_not_reduced():
        assert learn.loss_func(bicubic.expand(2, -1, -1, -1), target.expand(2, -1, -1, -1)).shape == (2,)
    assert learn.loss_func.reduction == "mean"
