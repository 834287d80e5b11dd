"""What every loss must keep: zero at identity, bounds, a finite and true gradient, types, three reductions, visible parts."""

import math

import pytest
import torch
from torch import nn

from sharpening.errors import RangeError, ShapeError
from sharpening.losses import PictureLoss, WeightedLoss, losses
from sharpening.losses.pixel import L1Loss, MSELoss
from sharpening.metrics.serfiq import SerFiq

NAMES = losses.names()
PAIRED = [name for name in NAMES if losses.get(name).needs_target]
UPPER = {"mse": 1, "l1": 1, "charbonnier": 1, "ssim": 2, "identity": 2}
LAYERS, WEIGHTS = ("fine", "coarse"), (2.0, 0.5)


class TinyExtractor(nn.Module):
    """Two maps and a descriptor of four numbers; smooth, so that gradients can be checked."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.fine, self.coarse = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3, stride=2)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.5
        self.requires_grad_(False)

    def features(self, pictures, layers):
        fine = torch.tanh(self.fine(pictures.to(self.fine.weight.dtype)))
        maps = {"fine": fine, "coarse": torch.tanh(self.coarse(fine))}
        return [maps[name] for name in layers]

    def forward(self, pictures):
        return self.head(self.trunk(pictures))

    name, p_drop = "tiny", 0.3

    def trunk(self, pictures):
        return self.features(pictures, ("fine",))[0]

    def head(self, maps):
        return maps.mean(dim=(2, 3))


def halves(pictures):
    """Two regions: the left and the right half."""
    left = torch.zeros_like(pictures[:, :1])
    left[..., : pictures.shape[-1] // 2] = 1
    return torch.cat([left, 1 - left], dim=1)


def build(name):
    kind = losses.get(name)
    if name in ("feature", "gram", "perceptual"):
        return kind(TinyExtractor(), LAYERS, WEIGHTS)
    if name == "style":
        return kind(TinyExtractor(), halves, layers=LAYERS)
    if name == "identity":
        return kind(TinyExtractor())
    if name == "serfiq":
        return kind(SerFiq(TinyExtractor(), m=4, form="paper"))
    if name == "weighted":
        return kind({"pixel": (MSELoss(), 1.0), "person": (build("identity"), 0.1), "look": (build("perceptual"), 0.01)})
    return kind()


def pair(dtype=torch.float32, bs=3, size=16):
    generator = torch.Generator().manual_seed(5)
    return tuple(torch.rand((bs, 3, size, size), generator=generator, dtype=torch.float64).to(dtype) for _ in range(2))


@pytest.fixture(params=NAMES)
def named(request):
    return request.param, build(request.param)


@pytest.fixture(params=PAIRED)
def paired(request):
    return request.param, build(request.param)


def test_zero_at_identity_with_a_finite_gradient(paired):
    _, loss = paired
    x, _ = pair()
    pred = x.clone().requires_grad_()
    value = loss(pred, x)
    value.backward()
    assert float(value.detach()) == pytest.approx(0, abs=1e-6)
    assert bool(torch.isfinite(pred.grad).all())


def test_positive_bounded_and_growing_with_the_error(paired):
    name, loss = paired
    loss.reduction = "none"
    pred, target = pair()
    near, far = loss(target + 0.1 * (pred - target), target), loss(pred, target)
    assert bool((near > 0).all())
    assert bool((near < far).all())
    assert float(far.max()) <= UPPER.get(name, math.inf)


def test_gradient_is_the_slope(named):
    _, loss = named
    loss = loss.double()
    pred, target = pair(torch.float64, bs=2, size=12)
    assert torch.autograd.gradcheck(lambda x: loss(x, target), pred.requires_grad_(), fast_mode=True)


@pytest.mark.parametrize("name", ["feature", "gram", "perceptual", "style", "identity"])
def test_no_time_is_lost_on_gradients_of_the_target(name):
    pred, target = pair()
    value = build(name)(pred.requires_grad_(), target.requires_grad_())
    assert torch.autograd.grad(value, target, allow_unused=True) == (None,)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_types(named, dtype):
    _, loss = named
    pred, target = pair(dtype)
    value = loss(pred, target)
    assert value.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert float(value) == pytest.approx(float(loss(*pair(torch.float64))), rel=0.05)


def test_mixed_precision_changes_nothing(named):
    _, loss = named
    pred, target = pair()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(pred, target)
    assert inside.dtype == torch.float32
    assert float(inside) == pytest.approx(float(loss(pred, target)), rel=1e-5)


def test_three_reductions(named):
    _, loss = named
    pred, target = pair()
    mean = loss(pred, target)
    loss.reduction = "none"
    values = loss(pred, target)
    loss.reduction = "sum"
    assert values.shape == (3,)
    assert float(mean) == pytest.approx(float(values.mean()), rel=1e-5)
    assert float(loss(pred, target)) == pytest.approx(float(values.sum()), rel=1e-5)
    one_by_one = [float(loss(pred[i : i + 1], target[i : i + 1])) for i in range(3)]
    assert one_by_one == pytest.approx(values.tolist(), rel=1e-4)
    loss.reduction = "median"
    with pytest.raises(RangeError, match="median"):
        loss(pred, target)


def test_parts_add_up_to_the_loss(named):
    _, loss = named
    pred, target = pair()
    value = loss(pred.requires_grad_(), target).detach()
    assert loss.parts
    assert not any(part.requires_grad for part in loss.parts.values())
    assert float(sum(loss.parts.values())) == pytest.approx(float(value), rel=1e-5)


def test_fastai_pictures(named):
    from fastai.vision.core import TensorImage

    _, loss = named
    pred, target = pair()
    typed = TensorImage(pred.clone()).requires_grad_()
    value = loss(typed, TensorImage(target))
    assert type(value) is torch.Tensor
    assert torch.equal(value, loss(pred, target))
    value.backward()
    assert float(typed.grad.abs().sum()) > 0


def test_what_does_not_fit_is_refused(named):
    _, loss = named
    pred, target = pair()
    with pytest.raises(ShapeError, match="equal shapes"):
        loss(pred, target[:, :, :-1])
    with pytest.raises(RangeError, match="floating point"):
        loss((pred * 255).byte(), target)


def test_every_loss_is_a_picture_loss(named):
    _, loss = named
    assert isinstance(loss, PictureLoss)


def test_weighted_names_its_parts():
    loss = build("weighted")
    loss(*pair())
    looks = [f"look.{kind}_{layer}" for kind in ("feature", "gram") for layer in LAYERS]
    assert list(loss.parts) == ["pixel", "person", *looks]


def test_weights_count():
    pred, target = pair()
    single, double = (WeightedLoss({"pixel": (MSELoss(), w)})(pred, target) for w in (1.0, 2.0))
    assert float(double) == pytest.approx(2 * float(single))


@pytest.mark.parametrize("losses_", [{}, {"pixel": (MSELoss(), -1.0)}])
def test_weighted_refuses_nothing_and_negative_weights(losses_):
    with pytest.raises(RangeError, match="at least"):
        WeightedLoss(losses_)


def test_weighted_nests():
    inner = WeightedLoss({"a": (MSELoss(), 1.0), "b": (L1Loss(), 1.0)})
    outer = WeightedLoss({"inner": (inner, 0.5)})
    pred, target = pair()
    assert float(outer(pred, target)) == pytest.approx(0.5 * float(inner(pred, target)), rel=1e-6)
    assert list(outer.parts) == ["inner.a", "inner.b"]


@pytest.mark.parametrize("name", ["feature", "gram", "perceptual"])
def test_counts_of_layers_and_weights_must_agree(name):
    with pytest.raises(RangeError, match="one for each of fine, coarse"):
        losses.get(name)(TinyExtractor(), LAYERS, (1.0,))
    with pytest.raises(RangeError, match="l1"):
        losses.get(name)(TinyExtractor(), LAYERS, WEIGHTS, base="huber")(*pair())


def test_it_leads_to_the_target():
    pred, target = pair()
    loss = build("weighted")
    pred.requires_grad_()
    optimiser = torch.optim.Adam([pred], lr=0.03)
    values = []
    for _ in range(60):
        optimiser.zero_grad()
        value = loss(pred, target)
        value.backward()
        optimiser.step()
        values.append(float(value.detach()))
    assert values[-1] < 0.3 * values[0]
