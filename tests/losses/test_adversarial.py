"""The adversarial losses: PSFR-GAN's own numbers, the textbook's formulas, and which way each side pulls."""

import pytest
import torch
from torch.nn import functional as F

from sharpening.errors import RangeError
from sharpening.losses.adversarial import adversarial_loss, relativistic_loss

FORMS = ["hinge", "lsgan", "vanilla", "wgan"]
SIDES = ["real", "fake", "generator"]


@pytest.mark.parity
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("form", FORMS)
def test_equal_to_the_published_ones(parity, form, side):
    stored = parity.npz("psfrgan_losses")
    scores = parity.seed_state.tensor_input("xf0", (2, 64, 32, 32))
    wanted = stored[f"gan.{form.replace('wgan', 'wgangp')}.{side.replace('generator', 'gen')}"]
    assert float(adversarial_loss(scores, side, form=form)) == pytest.approx(float(wanted), rel=1e-5, abs=1e-7)


def test_by_hand():
    scores = torch.tensor([[-2.0, 0.5], [1.0, 3.0]])
    assert float(adversarial_loss(scores, "real")) == pytest.approx((3 + 0.5) / 4)
    assert float(adversarial_loss(scores, "fake")) == pytest.approx((1.5 + 2 + 4) / 4)
    assert float(adversarial_loss(scores, "generator")) == pytest.approx(-2.5 / 4)
    assert float(adversarial_loss(scores, "fake", form="lsgan")) == pytest.approx((4 + 0.25 + 1 + 9) / 4)
    assert float(adversarial_loss(scores, "fake", form="wgan")) == pytest.approx(2.5 / 4)
    wanted = F.binary_cross_entropy_with_logits(scores, torch.ones_like(scores))
    assert float(adversarial_loss(scores, "real", form="vanilla")) == pytest.approx(float(wanted))
    wanted = F.binary_cross_entropy_with_logits(scores, torch.zeros_like(scores))
    assert float(adversarial_loss(scores, "fake", form="vanilla")) == pytest.approx(float(wanted))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("form", FORMS)
def test_each_side_pulls_its_way(form, side):
    scores = torch.zeros(5, requires_grad=True)
    adversarial_loss(scores, side, form=form).backward()
    upwards = bool((scores.grad < 0).all())
    downwards = bool((scores.grad > 0).all())
    # At a score of 0 the squares of "fake" are at their goal.
    assert (upwards, downwards) == ((False, form != "lsgan") if side == "fake" else (True, False))


def test_unknown_words_are_refused():
    with pytest.raises(RangeError, match="hinge"):
        adversarial_loss(torch.zeros(1), "real", form="dcgan")
    with pytest.raises(RangeError, match="generator"):
        adversarial_loss(torch.zeros(1), "true")


def test_relativistic_by_hand():
    real, fake = torch.tensor([2.0, 1.0]), torch.tensor([-1.0, 0.0, 0.4])
    beyond = torch.sigmoid(real - fake.mean()), torch.sigmoid(fake - real.mean())
    wanted = -beyond[0].log().mean() - (1 - beyond[1]).log().mean()
    assert float(relativistic_loss(real, fake, "discriminator")) == pytest.approx(float(wanted))
    wanted = -beyond[1].log().mean() - (1 - beyond[0]).log().mean()
    assert float(relativistic_loss(real, fake, "generator")) == pytest.approx(float(wanted))


@pytest.mark.parametrize(("player", "sign"), [("discriminator", 1), ("generator", -1)])
def test_relativistic_players_pull_both_kinds_apart_or_together(player, sign):
    real, fake = torch.zeros(3, requires_grad=True), torch.zeros(3, requires_grad=True)
    relativistic_loss(real, fake, player).backward()
    assert bool((sign * real.grad < 0).all())
    assert bool((sign * fake.grad > 0).all())


def test_unknown_player_is_refused():
    with pytest.raises(RangeError, match="player"):
        relativistic_loss(torch.zeros(1), torch.zeros(1), "critic")
