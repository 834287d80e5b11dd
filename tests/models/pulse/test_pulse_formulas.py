"""The parts of PULSE: shrinking, schedules, spheres, losses, the Gaussian; as published, and as written out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError, WeightsMismatch
from sharpening.models.pulse.downscale import cubic_taps, downscale
from sharpening.models.pulse.gaussian import GaussianFit, fit_gaussian, load_fit
from sharpening.models.pulse.losses import PulseLoss, geocross, l1, l2, parse_loss
from sharpening.models.pulse.published import PUBLISHED, fit_shapes
from sharpening.models.pulse.schedules import SCHEDULES, schedule
from sharpening.models.pulse.settings import PulseSettings
from sharpening.models.pulse.sphere import OPTIMISERS, SphericalOptimizer, radius
from sharpening.models.stylegan import Mapping


@pytest.mark.parity
@pytest.mark.parametrize(("factor", "side"), [(2, 64), (8, 128), (32, 256)])
def test_shrinks_as_published(parity, record_property, factor: int, side: int) -> None:
    golden = parity.npz("pulse_parts")
    np.testing.assert_allclose(cubic_taps(factor), golden[f"bicubic.kernel.{factor}"], atol=1e-7)
    made = downscale(parity.seed_state.tensor_input(f"bic{factor}", (1, 3, side, side), "unit"), factor).numpy()
    difference = float(np.abs(made - golden[f"bicubic.out.{factor}"]).max())
    record_property("difference", difference)
    assert difference < 1e-5, f"differs by {difference:.2e}"  # reached: 3.6e-7


@pytest.mark.parity
def test_losses_as_published(parity, record_property) -> None:
    golden, tools = parity.npz("pulse_parts"), parity.seed_state
    styles, ref = tools.tensor_input("geo", (2, 18, 512)), tools.tensor_input("ref", (2, 3, 32, 32), "unit")
    small = downscale(torch.stack([tools.smooth_image(f"gen{i}", (3, 1024, 1024)) for i in (0, 1)]), 32)
    both, near = PulseLoss()(small, ref, styles), PulseLoss("100*L2")(small, small + 0.001, styles)
    found = {
        "L2": both.parts["L2"].sum(),
        "GEOCROSS": both.parts["GEOCROSS"].sum(),
        "total": both.total.sum(),
        "L1": l1(small, ref).sum(),
        "L2_floor": near.total.sum(),
    }
    gaps = {name: abs(float(value) / float(golden[f"loss.{name}"]) - 1) for name, value in found.items()}
    record_property("difference", gaps)
    assert max(gaps.values()) < 1e-5, gaps  # reached: 9e-8
    tiled = float(geocross(styles[:, :1].expand(-1, 18, -1)).sum())
    assert tiled == pytest.approx(float(golden["geocross.tiled"]), rel=1e-3)


@pytest.mark.parity
@pytest.mark.parametrize("n", [40, 100])
@pytest.mark.parametrize("name", ["linear1cycle", "linear1cycledrop"])
def test_schedules_as_published(parity, name: str, n: int) -> None:
    wanted = parity.npz("pulse_parts")[f"lr.{name}.{n}"]
    np.testing.assert_allclose([schedule(name, step, n) for step in range(n + 1)], wanted, atol=1e-12)


@pytest.mark.parity
@pytest.mark.parametrize(("what", "shape"), [("latent", (2, 18, 16)), ("noise", (2, 1, 8, 8))])
def test_spheres_as_published(parity, record_property, what: str, shape: tuple[int, ...]) -> None:
    golden, tools = parity.npz("pulse_parts"), parity.seed_state
    x, target = tools.tensor_input(f"sph{what}", shape).requires_grad_(), tools.tensor_input(f"sphT{what}", shape)
    optimiser, losses = SphericalOptimizer([x], lr=0.4), []
    np.testing.assert_allclose(optimiser.radii[0].numpy(), golden[f"sph.{what}.radius"], rtol=1e-6)
    for _ in golden[f"sph.{what}.losses"]:
        loss = (x - target).square().sum()
        losses.append(float(loss.detach()))
        optimiser.step(torch.autograd.grad(loss, [x]))
    difference = float(np.abs(x.detach().numpy() - golden[f"sph.{what}.final"]).max())
    record_property("difference", difference)
    np.testing.assert_allclose(losses, golden[f"sph.{what}.losses"], rtol=1e-5)
    assert difference < 1e-5, f"differs by {difference:.2e}"  # reached: 9.5e-7


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_shrinks_pixel_by_pixel(factor: int, rng) -> None:
    picture = rng.random((4 * factor, 5 * factor))
    x = (np.arange(4 * factor) - 2 * factor + 0.5) / factor
    taps = np.array(
        [1.5 * abs(t) ** 3 - 2.5 * t**2 + 1 if abs(t) <= 1 else -0.5 * abs(t) ** 3 + 2.5 * t**2 - 4 * abs(t) + 2 for t in x]
    )
    taps /= taps.sum()
    before = math.floor(3 * factor / 2)
    wide = np.pad(picture, (before, 3 * factor - before), mode="reflect")
    wanted = [
        [
            sum(taps[a] * taps[b] * wide[i * factor + a, j * factor + b] for a in range(4 * factor) for b in range(4 * factor))
            for j in range(5)
        ]
        for i in range(4)
    ]
    made = downscale(torch.from_numpy(picture)[None, None], factor)
    assert made.shape == (1, 1, 4, 5)
    np.testing.assert_allclose(made[0, 0].numpy(), wanted, atol=1e-12)


def test_shrinking_keeps_grey_and_factor_1_changes_nothing() -> None:
    torch.testing.assert_close(downscale(torch.full((2, 3, 64, 32), 0.3), 8), torch.full((2, 3, 8, 4), 0.3))
    picture = torch.rand(1, 3, 5, 7)
    assert torch.equal(downscale(picture, 1), picture)


@pytest.mark.parametrize("shape", [(1, 3, 30, 32), (3, 32, 32), (1, 3, 8, 8)])
def test_sides_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="multiples"):
        downscale(torch.zeros(shape), 8)


def test_factors_of_nothing_are_refused() -> None:
    for wrong in (0, -2):
        with pytest.raises(RangeError, match="at least 1"):
            downscale(torch.zeros(1, 3, 8, 8), wrong)
        with pytest.raises(RangeError, match="at least 1"):
            cubic_taps(wrong)


def test_schedules_rise_and_fall() -> None:
    for name in SCHEDULES:
        assert all(0 < schedule(name, step, 37) <= 1 for step in range(38))
    assert schedule("fixed", 5, 10) == 1
    assert schedule("linear1cycle", 50, 100) == pytest.approx(1)
    assert schedule("linear1cycledrop", 45, 100) == pytest.approx(1)
    assert schedule("linear1cycledrop", 1, 1) == pytest.approx(0.001)
    with pytest.raises(RangeError, match="linear1cycledrop"):
        schedule("cosine", 0, 10)
    for step, n in ((0, 0), (11, 10), (-1, 10)):
        with pytest.raises(RangeError, match="step"):
            schedule("fixed", step, n)


@pytest.mark.parametrize("kind", list(OPTIMISERS))
def test_slices_keep_their_length_while_the_loss_falls(kind: str, generator) -> None:
    x, noise, target = (torch.randn(shape, generator=generator) for shape in ((2, 3, 8), (2, 1, 4, 4), (2, 3, 8)))
    lengths = x.norm(dim=2), noise.flatten(2).norm(dim=2)
    optimiser, losses = SphericalOptimizer([x.requires_grad_(), noise.requires_grad_()], kind, lr=0.05), []
    for _ in range(20):
        loss = (x - target).square().sum() + (noise - 1).square().sum()
        losses.append(float(loss.detach()))
        optimiser.step(torch.autograd.grad(loss, [x, noise]), 0.5)
    assert losses[-1] < losses[0]
    torch.testing.assert_close(x.detach().norm(dim=2), lengths[0])
    torch.testing.assert_close(noise.detach().flatten(2).norm(dim=2), lengths[1])


def test_one_plain_step_by_hand() -> None:
    x = torch.tensor([[[3.0, 4.0]]], requires_grad=True)
    SphericalOptimizer([x], "sgd", lr=1.0).step([torch.tensor([[[3.0, 0.0]]])], 0.5)
    moved = torch.tensor([1.5, 4.0])
    torch.testing.assert_close(x.detach()[0, 0], moved * 5 / moved.norm())
    torch.testing.assert_close(radius(x.detach()), torch.full((1, 1, 1), 5.0))


def test_optimisers_that_cannot_be_are_refused() -> None:
    x = torch.zeros(1, 2, 3, requires_grad=True)
    with pytest.raises(RangeError, match="adamax"):
        SphericalOptimizer([x], "lion")
    with pytest.raises(RangeError, match="above 0"):
        SphericalOptimizer([x], lr=0)
    for wrong in ([], [torch.zeros(2, 3)]):
        with pytest.raises(ShapeError, match="rows"):
            SphericalOptimizer(wrong)


def test_losses_by_hand(generator) -> None:
    a, b = (torch.rand(2, 3, 4, 4, generator=generator) for _ in range(2))
    torch.testing.assert_close(l2(a, b), torch.stack([((a[i] - b[i]) ** 2).sum() / 48 for i in (0, 1)]))
    torch.testing.assert_close(l1(a, b), torch.stack([10 * (a[i] - b[i]).abs().sum() / 48 for i in (0, 1)]))
    right_angle = torch.tensor([[[2.0, 0.0], [0.0, 1.0]]])
    assert float(geocross(right_angle)) == pytest.approx(2 * (2 * math.atan2(5**0.5, 5**0.5)) ** 2 / 4 * 2 / 8, rel=1e-5)
    assert geocross(torch.rand(3, 1, 5)).tolist() == [0, 0, 0]
    slow = [
        sum((2 * math.atan2(float((p - q).norm()), float((p + q).norm()))) ** 2 for p in rows for q in rows) / 16 * 6 / 8
        for rows in torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(1))
    ]
    assert geocross(torch.randn(2, 4, 6, generator=torch.Generator().manual_seed(1))).tolist() == pytest.approx(slow, rel=1e-4)


def test_good_enough_pulls_no_more() -> None:
    near, far = (torch.zeros(1, 3, 2, 2, requires_grad=True) for _ in range(2))
    loss = PulseLoss("100*L2", eps=0.01)
    found = loss(torch.cat([near, far]), torch.tensor([0.05, 0.5])[:, None, None, None].expand(-1, 3, 2, 2), torch.zeros(2, 1, 4))
    assert found.parts["L2"].tolist() == pytest.approx([0.01, 0.25])
    assert found.total.tolist() == pytest.approx([1, 25])
    assert found.error.tolist() == pytest.approx([0.0025, 0.25])
    pulls = torch.autograd.grad(found.total.sum(), [near, far])
    assert not pulls[0].any()
    assert pulls[1].all()


def test_loss_strings() -> None:
    assert parse_loss("100*L2+0.05*GEOCROSS") == {"L2": 100, "GEOCROSS": 0.05}
    assert parse_loss(" 1e+2 * L1 ") == {"L1": 100}
    for wrong in ("", "L3", "100L2", "2*L2+3*L2", "x*L2", "nan*L2", "-1*L2", "0*L2", "0.05*GEOCROSS", "100*L2+", "L2", "1*L2-2*L1"):
        with pytest.raises(RangeError, match=r"WEIGHT\*NAME"):
            parse_loss(wrong)
    with pytest.raises(RangeError, match="eps"):
        PulseLoss(eps=float("nan"))


@pytest.mark.parametrize(
    "wrong",
    [
        *({"loss": "L7"}, {"schedule": "cosine"}, {"noise": "loud"}, {"optimiser": "lion"}, {"keep": "all"}),
        *({"eps": -1}, {"steps": 0}, {"lr": 0}, {"n_trainable": -1}),
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(RangeError):
        PulseSettings(**wrong)


def test_which_layers_are_silent() -> None:
    assert PulseSettings().silent(18) == {17}
    assert PulseSettings(bad_noise=()).silent(18) == set()
    assert PulseSettings(noise="zero").silent(4) == {0, 1, 2, 3}
    with pytest.raises(RangeError, match="0 … 7"):
        PulseSettings(bad_noise=(17,)).silent(8)


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Mapping(6, 3).requires_grad_(False)


class TestGaussian:
    """The styles before their last leaky ReLU."""

    def test_measured_in_chunks_as_in_one(self, mapping) -> None:
        fit = fit_gaussian(mapping, 5000, chunk=777, seed=3)
        dice = torch.Generator().manual_seed(3)
        z = torch.cat([torch.randn(min(777, 5000 - start), 6, generator=dice) for start in range(0, 5000, 777)])
        w = mapping(z).double()
        v = torch.where(w > 0, w, 5 * w)
        torch.testing.assert_close(fit.mean.double(), v.mean(dim=0), atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(fit.std.double(), v.std(dim=0), atol=1e-6, rtol=1e-5)
        given = fit_gaussian(mapping, 5000, chunk=777, generator=torch.Generator().manual_seed(3))
        assert torch.equal(given.mean, fit.mean)
        assert not torch.equal(fit_gaussian(mapping, 5000, seed=4).mean, fit.mean)

    def test_styles(self) -> None:
        fit, x = GaussianFit(torch.tensor([1.0, -1.0]), torch.tensor([2.0, 0.5])), torch.tensor([[[1.0, 1.0], [-1.0, 4.0]]])
        torch.testing.assert_close(fit.styles(x), torch.tensor([[[3.0, -0.1], [-0.2, 1.0]]]))
        torch.testing.assert_close(fit.styles(x), F.leaky_relu(x * fit.std + fit.mean, 0.2))

    def test_read_as_published_and_as_safetensors(self, tmp_path, mapping) -> None:
        from sharpening.weights.store import save_state

        fit = fit_gaussian(mapping, 100)
        torch.save({"mean": fit.mean.half(), "std": fit.std.half()}, tmp_path / "gaussian_fit.pt")
        assert load_fit(tmp_path / "gaussian_fit.pt").std.dtype == torch.float32
        save_state(tmp_path / "fit.safetensors", {"mean": fit.mean, "std": fit.std})
        assert torch.equal(load_fit(tmp_path / "fit.safetensors").mean, fit.mean)

    @pytest.mark.parametrize(
        "state",
        [
            {"mean": torch.zeros(3)},
            {"mean": torch.zeros(3), "std": torch.ones(4)},
            {"mean": torch.zeros(3), "std": torch.zeros(3)},
            {"mean": torch.full((3,), torch.nan), "std": torch.ones(3)},
            {"mean": torch.zeros(3), "std": torch.ones(3), "more": torch.ones(3)},
        ],
    )
    def test_other_files_are_refused(self, tmp_path, state) -> None:
        torch.save(state, tmp_path / "wrong.pt")
        with pytest.raises(WeightsMismatch, match=r"mean and std|NaN"):
            load_fit(tmp_path / "wrong.pt")

    def test_a_web_page_is_called_one(self, tmp_path) -> None:
        (tmp_path / "gaussian_fit.pt").write_text("<!DOCTYPE html><html>Sign in</html>")
        with pytest.raises(WeightsMismatch, match="web page"):
            load_fit(tmp_path / "gaussian_fit.pt")

    def test_too_few_codes_are_refused(self, mapping) -> None:
        for n, chunk in ((1, 10), (10, 0)):
            with pytest.raises(RangeError, match="at least"):
                fit_gaussian(mapping, n, chunk=chunk)


def test_the_published_file() -> None:
    assert [(each.name, each.free_use) for each in PUBLISHED] == [("pulse-gaussian-fit", False)]
    assert fit_shapes() == {"mean": (512,), "std": (512,)}
    assert len(PUBLISHED[0].sha256) == 64
