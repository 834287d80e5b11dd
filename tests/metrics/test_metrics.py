"""What every metric must keep: identity, range, direction, types, and the facts that it states of itself."""

import math

import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.metrics import Metric, metrics
from sharpening.metrics.identity import identity_cosine, identity_distance

NAMES = metrics.names()
PICTURE_METRICS = [name for name in NAMES if metrics.get(name).inputs == "pictures"]
PAIRED = [name for name in NAMES if metrics.get(name).needs_target]
AT_IDENTITY = {"mse": 0, "mse_255": 0, "psnr": math.inf, "ssim": 1, "identity_cosine": 1, "identity_distance": 0}


def made(metric, seed, bs=4, dtype=torch.float32):
    sides = (24, 20) if metric.needs_target else (72, 68)  # px; CPBD wants a block of 64
    shape = {"pictures": (bs, 3, *sides), "descriptors": (bs, 128), "stochastic": (bs, 10, 32)}[metric.inputs]
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.fixture(params=NAMES)
def named(request):
    return request.param, metrics.get(request.param)


@pytest.fixture(params=PAIRED)
def paired(request):
    return request.param, metrics.get(request.param)


def test_every_name_is_a_metric_that_knows_itself(named):
    _, metric = named
    assert isinstance(metric, Metric)
    assert metric.range[0] < metric.range[1]
    assert metric.heading.startswith(metric.name)


def test_best_value_for_equal_pictures(paired):
    name, metric = paired
    x = made(metric, 0)
    assert metric(x, x).tolist() == pytest.approx([AT_IDENTITY[name]] * 4, abs=1e-6)
    best = metric.range[metric.better == "higher"]
    assert pytest.approx(best, abs=1e-6) == AT_IDENTITY[name]


def test_values_lie_in_the_stated_range_and_move_the_stated_way(paired):
    _, metric = paired
    target = made(metric, 0)
    noise = made(metric, 1) - 0.5
    little, much = metric((target + 0.1 * noise).clamp(0, 1), target), metric((target + 0.8 * noise).clamp(0, 1), target)
    for values in (little, much, metric(made(metric, 2), target)):
        assert values.shape == (4,)
        assert bool(((values >= metric.range[0]) & (values <= metric.range[1])).all())
    assert all(metric.is_better(a, b) for a, b in zip(little.tolist(), much.tolist(), strict=True))


def test_each_picture_by_itself(named):
    _, metric = named
    pred, target = made(metric, 0), made(metric, 1)
    one_by_one = torch.cat([metric(pred[i : i + 1], target[i : i + 1]) for i in range(4)])
    assert torch.allclose(metric(pred, target), one_by_one, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_types(named, dtype):
    _, metric = named
    values = metric(made(metric, 0, dtype=dtype), made(metric, 1, dtype=dtype))
    assert values.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert torch.allclose(
        values.double(), metric(made(metric, 0, dtype=torch.float64), made(metric, 1, dtype=torch.float64)), rtol=0.02
    )


@pytest.mark.parametrize("name", PICTURE_METRICS)
def test_fastai_pictures_are_taken_as_plain_ones(name):
    from fastai.vision.core import TensorImage

    metric = metrics.get(name)
    pred, target = made(metric, 0), made(metric, 1)
    values = metric(TensorImage(pred), TensorImage(target))
    assert type(values) is torch.Tensor
    assert torch.equal(values, metric(pred, target))


def test_what_does_not_fit_is_refused(paired):
    _, metric = paired
    x = made(metric, 0)
    with pytest.raises(ShapeError, match="equal shapes"):
        metric(x, x[:2])
    with pytest.raises(RangeError, match="to_tensor"):
        metric((x * 255).byte(), (x * 255).byte())
    with pytest.raises(ShapeError, match="needs no target"):
        metric(x)


def test_a_metric_without_target_takes_the_picture_alone():
    sharpness = Metric("spread", "-", "higher", (0, 1), needs_target=False, fn=lambda x: x.flatten(1).std(dim=1))
    assert sharpness(torch.zeros(2, 3, 4, 4)).tolist() == [0, 0]


def test_table_forms():
    psnr, mse = metrics.get("psnr"), metrics.get("mse_255")
    assert psnr.heading == "PSNR ↑ [dB]"
    assert mse.heading == "MSE (0–255) ↓"
    assert psnr.format(26.4249) == "26.42"
    assert psnr.format(math.nan) == "–"
    assert psnr.is_better(30, than=20)
    assert mse.is_better(20, than=30)
    assert not psnr.is_better(30, than=30)


def test_identity_by_hand_and_without_a_face():
    pred = torch.tensor([[3.0, 4.0], [1.0, 0.0], [torch.nan, torch.nan]])
    target = torch.tensor([[3.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    assert identity_cosine(pred, target).tolist() == pytest.approx([0.6, 1, math.nan], nan_ok=True)
    assert identity_distance(pred, target).tolist() == pytest.approx([4, 0, math.nan], nan_ok=True)
