"""The SER-FIQ loss: the squared distance from the goal, whatever the target is."""

import pytest
import torch

from sharpening.losses.serfiq import SerFiqLoss, serfiq_loss


def sharpness(pictures):
    """Stands for a network's score: the spread of the grey levels."""
    return pictures.flatten(1).std(dim=1)


def test_by_hand_and_as_class(generator):
    pictures = torch.rand((4, 3, 8, 8), generator=generator)
    wanted = [(float(picture.std()) - 1) ** 2 for picture in pictures]
    assert serfiq_loss(sharpness(pictures), reduction="none").tolist() == pytest.approx(wanted, rel=1e-5)
    loss = SerFiqLoss(sharpness)
    assert float(loss(pictures, pictures)) == pytest.approx(sum(wanted) / 4, rel=1e-5)
    assert list(loss.parts) == ["serfiq"]


def test_the_target_plays_no_role(generator):
    pred, target = torch.rand((2, 2, 3, 8, 8), generator=generator)
    loss = SerFiqLoss(sharpness)
    assert float(loss(pred, target)) == float(loss(pred, pred))
    assert not loss.needs_target


def test_the_goal_can_be_another(generator):
    pred = torch.rand((2, 3, 8, 8), generator=generator)
    loss = SerFiqLoss(sharpness, goal=float(sharpness(pred)[0]), reduction="none")
    assert loss(pred, pred).tolist()[0] == pytest.approx(0, abs=1e-12)


def test_it_leads_to_better_scores(generator):
    pred = (0.5 + 0.1 * torch.rand((2, 3, 8, 8), generator=generator)).requires_grad_()
    loss, before = SerFiqLoss(sharpness, goal=0.3), sharpness(pred.detach()).mean()
    for _ in range(20):
        (slope,) = torch.autograd.grad(loss(pred, pred.detach()), pred)
        pred = (pred - 20 * slope).detach().requires_grad_()
    assert abs(float(sharpness(pred.detach()).mean()) - 0.3) < 0.3 * abs(float(before) - 0.3)
