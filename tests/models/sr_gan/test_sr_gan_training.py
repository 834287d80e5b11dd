"""Training against a discriminator: losses by hand, whose turn it is, who moves and who does not, and that each of the three learns."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from fastai.callback.core import Callback
from fastai.vision.gan import GANLearner
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError, WeightsMissing
from sharpening.imaging.files import write_picture
from sharpening.mframe_dl import mframe_dls
from sharpening.models.loading import load_trained
from sharpening.models.sr_gan import Discriminator, SrGan
from sharpening.models.sr_gan.adversaries import ADVERSARIES, DiscriminatorLoss, GeneratorLoss, wgan_steps
from sharpening.models.sr_gan.callbacks import FrozenHalf, turns
from sharpening.models.sr_gan.learner import get_esrgan_learner, get_learner
from sharpening.training.export import export

SMALL = {"width": 4, "n_blocks": 1}
JUDGE = {"features": None, "judge_width": 4, "judge_hidden": 8}


@pytest.fixture(scope="module")
def stills(tmp_path_factory, made_face):
    folder, rng = tmp_path_factory.mktemp("stills"), np.random.default_rng(0)
    for i in range(8):
        write_picture(folder / f"{i}.png", made_face(64, rng))
    return folder


def loaders(stills, **more):
    sizes = {"n_frames": 1, "size_in": 16, "size_out": 64, "bs": 4, "samples_per_epoch": 24, "degrade": "thesis", "n_valid": 2}
    return mframe_dls(stills, **{**sizes, **more}, device="cpu", seed=0)


def seeded(build, *args, **settings):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(*args, **settings)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


class Halves:
    """An extractor whose maps are the picture halved, under any name."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def features(self, pictures, layers):
        self.asked += layers
        return [F.avg_pool2d(pictures, 2) for _ in layers]


# --- losses


@pytest.mark.parametrize("extractor", [None, Halves()])
@pytest.mark.parametrize("name", ADVERSARIES)
def test_the_generator_s_loss_by_hand(name: str, extractor) -> None:
    judge = seeded(Discriminator, 16, 2, 4).eval()
    pred, target = noise(3, 3, 16, 16), noise(3, 3, 16, 16, seed=1)
    with torch.no_grad():
        scores, real = judge(pred), judge(target)
    pixel = {"esrgan": (pred - target).abs().mean()}.get(name, (pred - target).square().mean())
    fooled = {
        "srgan": -1e-3 * torch.sigmoid(scores).log().mean(),
        "wgan": -1e-3 * scores.mean(),
        "esrgan": -5e-3
        * (torch.sigmoid(scores - real.mean()).log().mean() + (1 - torch.sigmoid(real - scores.mean())).log().mean()),
    }[name]
    distance = F.avg_pool2d(pred, 2) - F.avg_pool2d(target, 2)
    with_features = {
        "srgan": distance.square().mean() / 12.75**2,
        "wgan": distance.square().mean() / 12.75**2,
        "esrgan": distance.abs().mean() + 1e-2 * pixel,
    }[name]
    alone = (1e-2 if name == "esrgan" else 1) * pixel
    critic = F.l1_loss if name == "esrgan" else F.mse_loss
    loss = GeneratorLoss(ADVERSARIES[name], critic, judge, extractor)
    wanted = fooled + (alone if extractor is None else with_features)
    assert float(loss(scores, pred, target)) == pytest.approx(float(wanted), rel=1e-5)
    assert sum(float(part) for part in loss.parts.values()) == pytest.approx(float(wanted), rel=1e-5)
    assert not list(loss.parameters())
    if extractor is not None:
        assert extractor.asked[-1] == ("conv5_4" if name == "esrgan" else "relu5_4")


@pytest.mark.parametrize("name", ADVERSARIES)
def test_the_discriminator_s_loss_by_hand(name: str) -> None:
    real, fake = torch.tensor([[1.0], [0.2]]), torch.tensor([[-0.5], [0.4]])
    above, below = torch.sigmoid(real - fake.mean()), torch.sigmoid(fake - real.mean())
    wanted = {
        "srgan": -(torch.sigmoid(real).log().mean() + (1 - torch.sigmoid(fake)).log().mean()),
        "esrgan": -(above.log().mean() + (1 - below).log().mean()),
        "wgan": fake.mean() - real.mean(),
    }[name]
    assert float(DiscriminatorLoss(ADVERSARIES[name])(real, fake)) == pytest.approx(float(wanted), rel=1e-5)


# --- turns


def test_wgan_s_schedule_is_that_of_its_program() -> None:
    steps = [len(list(run)) for turn, run in itertools.groupby(itertools.islice(turns(wgan_steps), 8000)) if not turn]
    assert steps[:25] == [100] * 25
    assert steps[25:500] == [5] * 475
    assert steps[500:503] == [100, 5, 5]


class Watch(Callback):
    """Notes whose turn each training batch was, who moved, and the largest of the discriminator's weights as it began."""

    order = 95

    def before_fit(self) -> None:
        self.seen, self.largest = [], []

    def _state(self):
        gan = self.learn.model
        return [[p.detach().clone() for p in half.parameters()] for half in (gan.generator, gan.critic)]

    def before_batch(self) -> None:
        if self.training:
            self.before = self._state()
            self.largest.append(max(float(p.detach().abs().max()) for p in self.learn.model.critic.parameters()))

    def after_step(self) -> None:
        moved = [
            any(not torch.equal(a, b) for a, b in zip(*pair, strict=True)) for pair in zip(self.before, self._state(), strict=True)
        ]
        self.seen.append((self.learn.gan_trainer.gen_mode, *moved))


def two_to_one(name: str):
    return dataclasses.replace(ADVERSARIES[name], n_steps=lambda n_done: 2)


@pytest.mark.parametrize("name", ADVERSARIES)
def test_only_the_one_whose_turn_it_is_moves(name: str, stills) -> None:
    watch = Watch()
    learn = seeded(get_learner, loaders(stills, samples_per_epoch=20), **SMALL, adversary=two_to_one(name), **JUDGE, cbs=[watch])
    assert isinstance(learn, GANLearner)
    learn.fit(2)
    # Five batches an epoch: the turn goes on over the validation between.
    assert watch.seen == [(True, True, False) if i % 3 == 2 else (False, False, True) for i in range(10)]
    if name == "wgan":
        assert max(watch.largest) <= 0.01
        assert "grad_avg" not in learn.opt.state[next(learn.model.generator.parameters())]
    else:
        assert max(watch.largest) > 0.01


def test_without_our_callback_fastai_moves_both(stills) -> None:
    watch = Watch()
    learn = seeded(get_learner, loaders(stills, samples_per_epoch=20), **SMALL, adversary=two_to_one("srgan"), **JUDGE, cbs=[watch])
    learn.remove_cbs([cb for cb in learn.cbs if isinstance(cb, FrozenHalf)])
    learn.fit(1)
    assert watch.seen[2] == (True, True, True)


def test_validation_teaches_nothing(stills) -> None:
    learn = seeded(get_learner, loaders(stills), **SMALL, adversary="srgan", **JUDGE)
    before = {key: value.clone() for key, value in learn.model.state_dict().items()}
    learn.validate()
    assert all(torch.equal(value, before[key]) for key, value in learn.model.state_dict().items())


# --- learning


@pytest.mark.parametrize("build", [get_learner, get_esrgan_learner])
def test_a_generator_learns_alone(build, stills) -> None:
    learn = seeded(build, loaders(stills), **SMALL)
    before = learn.validate()[0]
    learn.fit_one_cycle(5, 5e-3)
    assert learn.validate()[0] < 0.5 * before


@pytest.mark.parametrize(("build", "name"), [(get_learner, "srgan"), (get_esrgan_learner, "esrgan"), (get_learner, "wgan")])
def test_both_learn_against_each_other(build, name: str, stills, tmp_path) -> None:
    start = seeded(build, loaders(stills), **SMALL)
    start.fit_one_cycle(2, 5e-3)
    path = export(start, "start", tmp_path)
    # A narrow judge with WGAN's clipped weights lets nothing through.
    judge, n_steps = ({**JUDGE, "judge_width": 32, "judge_hidden": 64}, 3) if name == "wgan" else (JUDGE, 1)
    adversary = dataclasses.replace(ADVERSARIES[name], n_steps=lambda n_done: n_steps)
    learn = seeded(build, loaders(stills), weights=path, adversary=adversary, **judge)
    frames, label = (x.as_subclass(torch.Tensor) for x in learn.dls.valid.one_batch()[:2])

    def judged() -> float:
        # In training mode, as it learns: clipped batch norms say next to nothing with stored statistics. The pictures are those that were
        # made at the start, so that the question is the same before and after.
        learn.model.train()
        with torch.no_grad():
            return float(DiscriminatorLoss(adversary)(learn.model.critic(label), learn.model.critic(made)))

    def likeness() -> float:
        with torch.no_grad():
            return float(F.mse_loss(learn.model.generator.eval()(frames), label))

    with torch.no_grad():
        made = learn.model.generator.eval()(frames)
    asked, unlike = judged(), likeness()
    learn.fit(*((6, 2e-4) if name == "wgan" else (4, 1e-3)))
    assert judged() < asked - 0.1
    assert likeness() < unlike
    net, card = load_trained(type(learn.model.generator), card_model(name), export(learn, "against", tmp_path))
    assert card.metrics["training/psnr"] > 0
    assert torch.equal(net.eval()(frames), learn.model.generator(frames))


def card_model(name: str) -> str:
    return "esrgan" if name == "esrgan" else "srgan"


# --- what is refused


def test_what_cannot_be_is_told(stills, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    dls = loaders(stills)
    with pytest.raises(RangeError, match="srgan, esrgan, wgan"):
        get_learner(dls, **SMALL, adversary="lsgan", features=None)
    with pytest.raises(WeightsMissing, match="features=None"):
        get_learner(dls, **SMALL, adversary="srgan")
    with pytest.raises(ShapeError, match="4 times"):
        get_learner(loaders(stills, size_out=32), **SMALL)
    with pytest.raises(RangeError, match="normalisation"):
        get_learner(loaders(stills, normalize=True), **SMALL)


def test_a_network_for_features_is_taken_as_it_is(stills) -> None:
    extractor = Halves()
    learn = seeded(get_learner, loaders(stills), **SMALL, adversary="srgan", **{**JUDGE, "features": extractor})
    learn.validate()
    assert set(extractor.asked) == {"relu5_4"}
    assert set(learn.loss_func.gen_loss_func.parts) == {"adversarial", "feature"}
    assert isinstance(learn.model.generator, SrGan)
