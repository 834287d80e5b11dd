"""Embedding and the loop behind all edits: what falls, what is found again, what is kept, where it may be stopped."""

from __future__ import annotations

import math
from itertools import islice

import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.models.latent_editor import Code, embed, embed_plus, embed_plus_steps, embed_steps, finish, refine_noise
from sharpening.models.latent_editor.losses import EmbedLoss, total
from sharpening.models.latent_editor.optimise import noise_of, optimise, paint, start_code
from sharpening.models.stylegan import Mapping, StyleGan, Synthesis, draw_noise
from tests.models.latent_editor.made_editor import code_of, picture_of, tiny_gan, tiny_vgg

FAST = {"lr": 0.05, "start": "mean"}


@pytest.fixture(scope="module")
def gan() -> StyleGan:
    return tiny_gan()


@pytest.fixture(scope="module")
def vgg():
    return tiny_vgg()


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    return -10 * math.log10(float((a - b).square().mean()))


def test_a_picture_of_the_generators_own_is_found_again(gan, vgg) -> None:
    target = picture_of(gan, 1)
    found = embed(gan, target, features=vgg, steps=150, **FAST)
    assert psnr(found.picture, target) > 29
    assert psnr(picture_of(gan, 2), target) < 20  # no other of its pictures is near
    assert found.w_plus.shape == (1, gan.synthesis.n_layers, 32)
    assert found.steps == 150
    assert torch.equal(paint(gan, found.code)[0].clamp(0, 1), found.picture)


def test_losses_are_those_of_their_code_and_fall(gan, vgg) -> None:
    target = picture_of(gan, 1)
    states = list(embed_steps(gan, target, features=vgg, steps=30, lr=0.02))
    assert [each.step for each in states] == list(range(31))
    assert states[-1].loss < 0.5 * states[0].loss
    assert not states[0].w_plus.any()
    for state in (states[0], states[7]):
        terms = EmbedLoss(vgg, target[None])(paint(gan, Code(state.w_plus, state.noise)))
        assert state.losses == pytest.approx({name: float(each) for name, each in terms.items()}, rel=1e-5)
        assert state.loss == pytest.approx(float(total(terms)), rel=1e-5)
        assert torch.equal(state.preview(), paint(gan, Code(state.w_plus, state.noise))[0].clamp(0, 1))
    lowest = [min(each.loss for each in states[: i + 1]) for i in range(len(states))]
    assert [each.best for each in states] == lowest


def test_one_step_is_adams(gan) -> None:
    """The first step of Adam goes by the rate in every number, against the gradient's sign."""
    target = picture_of(gan, 1)
    states = list(embed_steps(gan, target, features="pixels", steps=1, lr=0.03))
    w_plus = torch.zeros(1, gan.synthesis.n_layers, 32, requires_grad=True)
    ((paint(gan, Code(w_plus, noise_of(gan))) - target[None]) ** 2).mean().backward()
    clear = w_plus.grad.abs() > 1e-5  # beside it the small number in the divisor counts
    assert clear.any()
    assert torch.allclose(states[1].w_plus[clear], -0.03 * w_plus.grad.sign()[clear], rtol=2e-3)


def test_pixels_alone_only_when_they_are_asked_for(gan, vgg) -> None:
    target = picture_of(gan, 1)
    assert set(next(embed_steps(gan, target, features="pixels")).losses) == {"pixels"}
    assert set(next(embed_steps(gan, target, features=vgg)).losses) == {"pixels", "features"}


def test_it_may_be_stopped_and_the_best_is_kept(gan) -> None:
    target = picture_of(gan, 1)
    stopped = finish(islice(embed_steps(gan, target, features="pixels", steps=1000, lr=0.05), 6))
    assert stopped.steps == 5
    assert stopped.loss == pytest.approx(embed(gan, target, features="pixels", steps=5, lr=0.05).loss)
    wild = list(embed_steps(gan, target, features="pixels", steps=12, lr=3.0, start=code_of(gan, 1, 0.52).w_plus))
    kept = finish(iter(wild))
    assert wild[-1].loss > kept.loss
    assert kept.loss == min(each.loss for each in wild)
    assert kept.steps == 12
    with pytest.raises(RangeError, match="states"):
        finish(iter([]))


def test_the_same_seed_gives_the_same_and_nothing_of_the_callers_changes(gan) -> None:
    target = picture_of(gan, 1)
    before = target.clone(), {key: value.clone() for key, value in gan.synthesis.state_dict().items()}, torch.get_rng_state()
    runs = [
        embed(gan, target, features="pixels", steps=3, start="uniform", generator=torch.Generator().manual_seed(seed))
        for seed in (4, 4, 5)
    ]
    assert torch.equal(runs[0].w_plus, runs[1].w_plus)
    assert torch.equal(runs[0].picture, runs[1].picture)
    assert not torch.equal(runs[0].w_plus, runs[2].w_plus)
    assert not torch.equal(runs[0].noise[3], runs[2].noise[3])
    assert torch.equal(target, before[0])
    assert all(torch.equal(value, before[1][key]) for key, value in gan.synthesis.state_dict().items())
    assert torch.equal(torch.get_rng_state(), before[2])


def test_it_works_under_no_grad_and_leaves_no_gradients_in_networks() -> None:
    gan, vgg = tiny_gan(), tiny_vgg()
    gan.synthesis.requires_grad_(True)
    vgg.requires_grad_(True)
    with torch.no_grad():
        states = list(embed_steps(gan, picture_of(gan, 1), features=vgg, steps=2))
    assert states[-1].loss < states[0].loss
    assert all(each.grad is None for network in (gan.synthesis, vgg) for each in network.parameters())


class TestStart:
    """Where it begins."""

    def test_mean_uniform_zeros_and_a_code(self, gan) -> None:
        assert torch.equal(start_code(gan, "mean").w_plus[0], gan.mean_w.expand(gan.synthesis.n_layers, -1))
        uniform = start_code(gan, "uniform").w_plus
        assert -1 <= float(uniform.min()) < -0.8
        assert 0.8 < float(uniform.max()) <= 1
        assert not start_code(gan, "zeros").w_plus.any()
        code = code_of(gan, 3).w_plus
        assert torch.equal(start_code(gan, code).w_plus, code)
        with pytest.raises(RangeError, match="middle"):
            start_code(gan, "middle")
        with pytest.raises(ShapeError, match="code"):
            start_code(gan, code[:, :3])

    def test_the_mean_needs_to_be_known(self) -> None:
        synthesis = Synthesis(8, n_latent=4, most_channels=4, base_channels=16)
        with pytest.raises(RangeError, match="mapping"):
            start_code(StyleGan(synthesis), "mean")
        start_code(StyleGan(synthesis, Mapping(4, 1)), "mean")

    def test_noise_is_the_generators_own_or_the_same_dice(self, gan) -> None:
        assert all(torch.equal(a, b) for a, b in zip(noise_of(gan), noise_of(gan), strict=True))
        drawn = draw_noise(gan.synthesis, generator=torch.Generator().manual_seed(8))
        given = noise_of(gan, generator=torch.Generator().manual_seed(8))
        assert all(torch.equal(a, b) for a, b in zip(drawn, given, strict=True))
        fixed = StyleGan(gan.synthesis, None, None, tuple(drawn))
        own = noise_of(fixed, generator=torch.Generator().manual_seed(9))
        assert all(torch.equal(a, b) for a, b in zip(drawn, own, strict=True))


class TestNoise:
    """The second stage."""

    def test_it_comes_closer_than_the_styles_and_leaves_them(self, gan, vgg) -> None:
        target = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(1)), 32)[0]
        first = embed(gan, target, features=vgg, steps=40, **FAST)
        both = embed_plus(gan, target, features=vgg, steps=40, noise_steps=40, noise_lr=0.5, **FAST)
        assert psnr(both.picture, target) > psnr(first.picture, target) + 3
        assert torch.equal(both.w_plus, first.w_plus)
        assert both.steps == 80

    def test_stages_follow_and_one_may_be_left_out(self, gan) -> None:
        target = picture_of(gan, 1)
        states = list(embed_plus_steps(gan, target, features="pixels", steps=3, noise_steps=2, **FAST))
        assert [(each.stage, each.step) for each in states] == [*[("w+", i) for i in range(4)], *[("noise", i) for i in range(3)]]
        assert states[4].loss == pytest.approx(min(each.loss for each in states[:4]))
        assert {each.stage for each in embed_plus_steps(gan, target, features="pixels", steps=1, noise_steps=0, **FAST)} == {"w+"}

    def test_a_mask_says_where(self, gan) -> None:
        code, other = code_of(gan, 1), picture_of(gan, 2)
        mask = torch.zeros(1, 32, 32)
        mask[..., :16] = 1
        before = paint(gan, code)[0].clamp(0, 1)
        found = refine_noise(gan, code, other, mask=mask, outside=before, steps=40, lr=0.5).picture
        inside = float(((found - other) * mask).square().mean() / ((before - other) * mask).square().mean())
        assert inside < 0.5
        assert psnr(found[..., 16:], before[..., 16:]) > 28


def test_what_does_not_fit_is_refused_before_the_first_step(gan, vgg) -> None:
    target = picture_of(gan, 1)
    for bad in (target[:, :16], target[None], target[:1]):
        with pytest.raises(ShapeError, match="form of FFHQ"):
            embed_steps(gan, bad, features=vgg)
    for bad in (target * 255, target * float("nan"), (target * 255).to(torch.uint8)):
        with pytest.raises(RangeError, match=r"floating point in \[0, 1\]"):
            embed_steps(gan, bad, features=vgg)
    for settings in ({"steps": -1}, {"lr": 0.0}, {"lr": float("nan")}):
        with pytest.raises(RangeError, match="steps, lr"):
            embed_steps(gan, target, features=vgg, **settings)
    with pytest.raises(RangeError, match="noise_steps, noise_lr"):
        embed_plus_steps(gan, target, features=vgg, noise_lr=-1.0)


def test_a_loss_that_is_no_number_ends_the_loop_with_the_best(gan) -> None:
    code = code_of(gan, 1)

    def measured(ends_at: int):
        values = iter([1.0] * ends_at + [math.nan] * 9)
        return lambda code: {"made": code.w_plus.mean() * 0 + next(values)}

    assert finish(optimise(gan, code, measured(3), steps=8, lr=0.1)).steps == 2
    with pytest.raises(RangeError, match="loss"):
        next(optimise(gan, code, measured(0), steps=8, lr=0.1))


@pytest.mark.parametrize("resolution", [8, 64, 512])
def test_any_resolution(resolution: int, vgg) -> None:
    dice = torch.Generator().manual_seed(0)
    synthesis = Synthesis(resolution, n_latent=4, most_channels=4, base_channels=4 * resolution)
    for value in synthesis.parameters():
        value.data = 0.3 * torch.randn(value.shape, generator=dice)
    states = list(embed_steps(StyleGan(synthesis), torch.rand(3, resolution, resolution, generator=dice), features=vgg, steps=2))
    assert states[-1].loss < states[0].loss
