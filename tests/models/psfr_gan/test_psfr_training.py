"""PSFR-GAN's training: damage that can be made again, losses that reach the right net, a small run that learns."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.files import write_picture
from sharpening.losses.adversarial import adversarial_loss
from sharpening.models.psfr_gan import ParseNet, PsfrDiscriminator, PsfrGenerator, load_psfr_gan
from sharpening.models.psfr_gan.data import psfr_dls
from sharpening.models.psfr_gan.degrade import Damage, damage_pair, draw_damage
from sharpening.models.psfr_gan.learner import PsfrLoss, PsfrTraining, export_generator, get_learner, trained_generator

SMALL = {"width": 8, "n_levels": 2, "side": 8, "n_hidden": 8}  # 32 px
JUDGE = {"judge_width": 8, "judge_sizes": 2, "judge_halvings": 1}
CLEAN = Damage("none", 1, 0.0, 64, "area", "bilinear", 0.0, None, False, 0)


def parser() -> ParseNet:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return ParseNet(n_classes=5, width=4, n_body=1).eval()


@pytest.fixture(scope="module")
def stills(tmp_path_factory, made_face):
    folder, rng = tmp_path_factory.mktemp("stills"), np.random.default_rng(0)
    for i in range(8):
        write_picture(folder / f"{i}.png", made_face(64, rng))
    return folder


@pytest.fixture
def training() -> PsfrTraining:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = PsfrGenerator(**SMALL, n_classes=5, spectral=True)
        return PsfrTraining(generator, PsfrDiscriminator(5, 8, n_sizes=2, n_halvings=1), parser())


# --- damage


def test_damage_is_drawn_as_published() -> None:
    drawn = [draw_damage(np.random.default_rng(i)) for i in range(2000)]
    share = {
        "blur": np.mean([d.blur != "none" for d in drawn]),
        "noise": np.mean([d.noise > 0 for d in drawn]),
        "jpeg": np.mean([d.quality is not None for d in drawn]),
        "grey": np.mean([d.grey for d in drawn]),
    }
    for name, wanted in (("blur", 0.5), ("noise", 0.2), ("jpeg", 0.7), ("grey", 0.3)):
        assert share[name] == pytest.approx(wanted, abs=0.04), name
    assert {d.blur for d in drawn} == {"none", "gaussian", "average", "median", "motion"}
    assert min(d.side for d in drawn) >= 32
    assert max(d.side for d in drawn) <= 255
    qualities = [d.quality for d in drawn if d.quality is not None]
    assert (min(qualities), max(qualities)) == (35, 90)
    assert max(d.noise for d in drawn) <= 25.5
    kernels = {kind: [d.kernel for d in drawn if d.blur == kind] for kind in ("gaussian", "motion")}
    assert all(k % 2 for k in kernels["gaussian"] + kernels["motion"])
    assert (min(kernels["gaussian"]), max(kernels["gaussian"])) == (3, 15)
    assert (min(kernels["motion"]), max(kernels["motion"])) == (5, 25)


def test_the_same_draw_gives_the_same_pair(made_face, rng) -> None:
    still = made_face(128)
    for seed in range(12):
        damage = draw_damage(np.random.default_rng(seed), size=128)
        first, second = (damage_pair(still, damage) for _ in range(2))
        assert np.array_equal(first.damaged, second.damaged)
        assert first.damaged.shape == first.label.shape == still.shape
        assert first.damaged.dtype == np.uint8
        if damage.grey:
            assert np.ptp(first.label.astype(int), axis=2).max() == 0
        else:
            assert np.array_equal(first.label, still)


def test_each_damage_does_what_it_says(made_face) -> None:
    still = made_face(64)
    assert np.array_equal(damage_pair(still, CLEAN).damaged, still)
    noisy = damage_pair(still, dataclasses.replace(CLEAN, noise=10.0, seed=1)).damaged.astype(float) - still
    assert np.std(noisy) == pytest.approx(10, rel=0.15)
    small = damage_pair(still, dataclasses.replace(CLEAN, side=16, enlarge="nearest")).damaged
    assert np.array_equal(small[::4, ::4], cv2.resize(still, (16, 16), interpolation=cv2.INTER_AREA))
    dot = np.zeros((65, 65, 3), np.uint8)
    dot[32, 32] = 255
    for kind, angle in (("average", 0.0), ("gaussian", 0.0), ("motion", 0.0), ("motion", 90.0)):
        spread = damage_pair(dot, dataclasses.replace(CLEAN, side=65, blur=kind, kernel=9, angle=angle)).damaged[..., 0]
        rows, columns = np.nonzero(spread)
        assert int(spread.sum()) == pytest.approx(255, abs=45)  # whole grey levels
        if kind == "motion":
            assert (np.ptp(columns), np.ptp(rows)) == ((8, 0) if angle == 0 else (0, 8))
    assert damage_pair(dot, dataclasses.replace(CLEAN, side=65, blur="median", kernel=3)).damaged.max() == 0
    coded = damage_pair(still, dataclasses.replace(CLEAN, quality=35)).damaged
    assert 0.5 < np.abs(coded.astype(float) - still).mean() < 12


def test_damage_refuses_what_it_cannot_take(rng) -> None:
    with pytest.raises(ShapeError, match="still"):
        damage_pair(np.zeros((20, 30, 3), np.uint8), CLEAN)
    with pytest.raises(RangeError, match="size"):
        draw_damage(rng, size=8)


def test_loaders_draw_anew_in_training_and_the_same_in_validation(stills) -> None:
    dls = psfr_dls(stills, size=32, bs=2, device="cpu")
    damaged, label = dls.one_batch()
    assert damaged.shape == label.shape == (2, 3, 32, 32)
    assert 0 <= float(damaged.min()) <= float(damaged.max()) <= 1
    first, second = ([tuple(x.sum().item() for x in batch) for batch in dls.valid] for _ in range(2))
    assert first == second
    with pytest.raises(RangeError, match="size"):
        psfr_dls(stills, size=8)


# --- losses


def test_terms_by_hand(training, generator) -> None:
    training.eval()
    pred, target = (torch.rand((2, 3, 32, 32), generator=generator) for _ in range(2))
    terms = PsfrLoss(training).terms(pred, target)
    assert list(terms) == ["pixel", "gan", "feature", "real", "fake"]
    with torch.no_grad():
        parts = training.parts(target)
        fake, real = (training.discriminator(torch.cat([2 * x - 1, parts], dim=1)) for x in (pred, target))
        distances = [
            [(a - b).square().mean(dim=(1, 2, 3)) for a, b in zip(f.maps, r.maps, strict=True)]
            for f, r in zip(fake, real, strict=True)
        ]
        wanted = {
            "pixel": 10 * 2 * (pred - target).abs().mean(dim=(1, 2, 3)),
            "gan": sum(-f.scores.mean() for f in fake) / 2,
            "feature": 10 * sum(sum(each) for each in distances) / 2,
            "real": sum(adversarial_loss(r.scores, "real") for r in real) / 2,
            "fake": sum((1 + f.scores).clamp(min=0).mean() for f in fake) / 2,
        }
    for name, value in wanted.items():
        assert torch.allclose(terms[name].detach(), value.expand(2), rtol=1e-4), name


class Colours:
    """An extractor whose maps are the picture's own colours."""

    def features(self, pictures, layers):
        return [pictures for _ in layers]


def test_style_term_looks_at_the_parts(training, generator) -> None:
    pred, target = (torch.rand((1, 3, 32, 32), generator=generator) for _ in range(2))
    plain, paper = (PsfrLoss(training, Colours(), form=form).terms(pred, target)["style"] for form in ("published", "paper"))
    assert float(plain.detach()) > 0
    assert not torch.equal(plain, paper)
    assert float(PsfrLoss(training, Colours()).terms(target, target)["style"].detach()) == 0


def test_no_gradient_crosses_over(training, generator) -> None:
    damaged, target = (torch.rand((2, 3, 32, 32), generator=generator) for _ in range(2))
    loss = PsfrLoss(training)

    def gradients(*names):
        training.zero_grad()
        terms = loss.terms(training(damaged), target)
        sum(terms[name].sum() for name in names).backward()
        return [any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in net.parameters()) for net in nets]

    nets = (training.generator, training.discriminator, training.parse_net)
    assert gradients("pixel", "gan", "feature") == [True, False, False]
    assert gradients("real", "fake") == [False, True, False]


# --- the Learner


def test_a_small_run_learns_and_its_generator_is_read_again(stills, tmp_path) -> None:
    dls = psfr_dls(stills, size=32, bs=4, device="cpu", samples_per_epoch=16, n_valid=2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        learn = get_learner(dls, parse_net=parser(), **SMALL, **JUDGE, lr=2e-3, path=tmp_path)
        before = {key: value.clone() for key, value in learn.model.state_dict().items()}
        learn.fit_one_cycle(8)
    columns = ["train_loss", "valid_loss", *(metric.name for metric in learn.metrics)]
    rows = [dict(zip(columns, values, strict=True)) for values in learn.recorder.values]
    assert rows[-1]["loss_pixel"] < 0.8 * rows[0]["loss_pixel"]
    assert {"loss_gan", "loss_feature", "loss_real", "loss_fake"} <= rows[0].keys()
    after = learn.model.state_dict()
    for part, moves in (("generator.", True), ("discriminator.", True), ("parse_net.", False)):
        same = all(torch.equal(value, after[key]) for key, value in before.items() if key.startswith(part))
        assert same is not moves, part
    judge, maker = (group for group in learn.opt.hypers)
    assert judge["lr"] == pytest.approx(4 * maker["lr"])
    assert (maker["mom"], maker["sqr_mom"]) == (0.5, 0.999)
    # Exported, it is the same generator without spectral norm.
    path = export_generator(learn, "psfrgan-generator", tmp_path, data="drawn faces")
    torch.save(parser().state_dict(), tmp_path / "psfrgan-parsenet.pth")
    net = load_psfr_gan(path)
    assert (net.name, net.size, net.licence) == ("psfrgan-generator", 32, "not stated")
    damaged = dls.valid.one_batch()[0].as_subclass(torch.Tensor)
    with torch.no_grad():
        wanted = learn.model.eval()(damaged).clamp(0, 1)
    assert torch.allclose(net.enhance(damaged), wanted, atol=1e-4)
    assert not any("weight_" in key for key in trained_generator(learn).state_dict())


def test_loaders_of_another_size_are_refused(stills) -> None:
    with pytest.raises(ShapeError, match="size=32"):
        get_learner(psfr_dls(stills, size=64, bs=2, device="cpu"), parse_net=parser(), **SMALL, **JUDGE)
