"""The edits: cross-over, inpainting, scribbles, style, expression, morph."""

from __future__ import annotations

import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.models.latent_editor import (
    Code,
    crossover,
    crossover_steps,
    exchange,
    expression,
    expression_steps,
    inpaint,
    inpaint_steps,
    morph,
    morph_pictures,
    scribble,
    scribble_steps,
    style_transfer,
    style_transfer_steps,
)
from sharpening.models.latent_editor.features import editor_maps
from sharpening.models.latent_editor.losses import masked_gram
from sharpening.models.latent_editor.optimise import paint
from tests.models.latent_editor.made_editor import code_of, picture_of, tiny_gan, tiny_vgg

GAN, VGG = tiny_gan(), tiny_vgg()
A, B = picture_of(GAN, 1), picture_of(GAN, 2)
FAST = {"lr": 0.05, "start": "mean"}


def square(low: int = 8, high: int = 24) -> torch.Tensor:
    mask = torch.zeros(1, 32, 32)
    mask[:, low:high, low:high] = 1
    return mask


def rms(a: torch.Tensor, b: torch.Tensor, where: torch.Tensor) -> float:
    return float((((a - b) * where).square().sum() / (3 * where.sum())).sqrt())


class TestCrossover:
    """Source inside, base outside."""

    @pytest.mark.parametrize("features", [VGG, "pixels"])
    def test_source_inside_and_base_outside(self, features) -> None:
        mask = square()
        made = crossover(GAN, A, B, mask, features=features, steps=100, **FAST).picture
        assert rms(made, B, mask) < 0.5 * rms(A, B, mask)
        assert rms(made, B, mask) < 0.6 * rms(made, A, mask)
        assert rms(made, A, 1 - mask) < 0.4 * rms(A, B, 1 - mask)

    @pytest.mark.parametrize(("value", "wanted"), [(1.0, B), (0.0, A)])
    def test_one_mask_for_all_gives_one_picture(self, value: float, wanted) -> None:
        made = crossover(GAN, A, B, torch.full((1, 32, 32), value), features=VGG, steps=60, **FAST).picture
        assert rms(made, wanted, torch.ones(1, 32, 32)) < 0.06

    def test_terms_steps_and_noise(self) -> None:
        states = list(crossover_steps(GAN, A, B, square(), features=VGG, steps=2, noise_steps=2, noise_lr=0.1))
        assert set(states[0].losses) == {"source pixels", "source features", "base pixels", "base features"}
        assert [each.stage for each in states] == ["w+"] * 3 + ["noise"] * 3
        assert states[-1].loss < states[3].loss

    def test_the_same_again_and_stopped(self) -> None:
        runs = [crossover(GAN, A, B, square(), features="pixels", steps=4, **FAST) for _ in range(2)]
        assert torch.equal(runs[0].picture, runs[1].picture)
        some = crossover_steps(GAN, A, B, square(), features="pixels", steps=10_000, **FAST)
        assert [next(some).step for _ in range(3)] == [0, 1, 2]
        some.close()

    def test_what_does_not_fit(self) -> None:
        for bad in (square()[:, :16], square()[None], torch.ones(3, 32, 32)):
            with pytest.raises(ShapeError, match="mask"):
                crossover_steps(GAN, A, B, bad, features="pixels")
        with pytest.raises(RangeError, match="255"):
            crossover_steps(GAN, A, B, square() * 255, features="pixels")
        with pytest.raises(ShapeError, match="source"):
            crossover_steps(GAN, A, B[:, :8], square(), features="pixels")
        with pytest.raises(ShapeError, match="base"):
            crossover_steps(GAN, A[:2], B, square(), features="pixels")


class TestInpaint:
    """The known is met; the hole has no say."""

    def test_the_known_is_met(self) -> None:
        hole = square()
        made = inpaint(GAN, A, hole, features=VGG, steps=100, lr=0.05).picture
        assert rms(made, A, 1 - hole) < 0.3 * rms(B, A, 1 - hole)

    def test_what_lies_in_the_hole_changes_nothing(self) -> None:
        hole = square()
        dirty = A * (1 - hole) + hole * torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
        clean, other = (inpaint(GAN, each, hole, features=VGG, steps=3, noise_steps=2, lr=0.05) for each in (A, dirty))
        assert torch.equal(clean.picture, other.picture)
        assert clean.loss == other.loss

    def test_what_does_not_fit(self) -> None:
        with pytest.raises(RangeError, match="a part of it"):
            inpaint_steps(GAN, A, torch.ones(1, 32, 32), features="pixels")
        with pytest.raises(ShapeError, match="hole"):
            inpaint_steps(GAN, A, square()[:, :8], features="pixels")


class TestScribble:
    """Colours painted over a face."""

    mask = square(8, 16)
    painted = A * (1 - mask) + mask * torch.tensor([0.9, 0.2, 0.2])[:, None, None]

    def test_the_face_takes_the_colours(self) -> None:
        made = scribble(GAN, code_of(GAN, 1), self.painted, self.mask, hold=0, steps=50, lr=0.02)
        assert rms(made.picture, self.painted, self.mask) < 0.2 * rms(A, self.painted, self.mask)

    def test_hold_keeps_the_code(self) -> None:
        code = code_of(GAN, 1)
        moved = [
            float((scribble(GAN, code, self.painted, self.mask, hold=hold, steps=25, lr=0.02).w_plus - code.w_plus).norm())
            for hold in (0.0, 0.05, 5.0)
        ]
        assert moved[0] > moved[1] > moved[2] >= 0
        first = next(scribble_steps(GAN, code, self.painted, self.mask))
        assert first.losses["hold"] == 0
        assert set(first.losses) == {"pixels", "hold"}

    def test_what_does_not_fit(self) -> None:
        with pytest.raises(RangeError, match="hold"):
            scribble_steps(GAN, code_of(GAN, 1), self.painted, self.mask, hold=-1.0)
        with pytest.raises(ShapeError, match="scribbled"):
            scribble_steps(GAN, code_of(GAN, 1), self.painted[:, :4], self.mask)


class TestStyle:
    """An area takes the style of another picture's."""

    def test_the_style_comes_nearer_and_the_rest_stays(self) -> None:
        mask, code = square(), code_of(GAN, 1)
        made = style_transfer(GAN, code, B, mask, features=VGG, strength=1000.0, steps=50, lr=0.02).picture

        def gram(picture: torch.Tensor) -> torch.Tensor:
            return masked_gram(editor_maps(VGG, picture[None])[-1], mask[None, :, 4::8, 4::8])  # whole cells of 8 px

        assert float((gram(made) - gram(B)).norm()) < 0.5 * float((gram(A) - gram(B)).norm())
        assert rms(made, A, 1 - mask) < 0.3 * rms(A, B, 1 - mask)

    def test_the_styles_own_mask(self) -> None:
        code, there = code_of(GAN, 1), square(0, 16)
        with_own = next(style_transfer_steps(GAN, code, B, square(), style_mask=there, features=VGG))
        without = next(style_transfer_steps(GAN, code, B, square(), features=VGG))
        assert with_own.losses["style"] != without.losses["style"]
        # Of its own picture, at its own place, there is nothing to do.
        none = next(style_transfer_steps(GAN, code, A, there, features=VGG))
        assert none.losses["style"] < 1e-12

    def test_what_does_not_fit(self) -> None:
        code = code_of(GAN, 1)
        with pytest.raises(RangeError, match="VGG-16"):
            style_transfer_steps(GAN, code, B, square(), features="pixels")
        with pytest.raises(RangeError, match="strength"):
            style_transfer_steps(GAN, code, B, square(), features=VGG, strength=-1.0)
        with pytest.raises(ShapeError, match="style_mask"):
            style_transfer_steps(GAN, code, B, square(), style_mask=square()[:, :4], features=VGG)


class TestExpression:
    """Rows exchanged, then smoothed."""

    face, wanted = code_of(GAN, 1).w_plus, code_of(GAN, 2).w_plus

    def test_rows_three_and_four_are_exchanged(self) -> None:
        mixed = exchange(self.face, self.wanted)
        rows = torch.tensor([i in (3, 4) for i in range(GAN.synthesis.n_layers)])
        assert torch.equal(mixed[:, rows], self.wanted[:, rows])
        assert torch.equal(mixed[:, ~rows], self.face[:, ~rows])
        alone = expression(GAN, self.face, self.wanted, features=VGG, steps=0)
        assert torch.equal(alone.w_plus, mixed)

    def test_the_optimisation_takes_content_and_style_nearer(self) -> None:
        states = list(expression_steps(GAN, self.face, self.wanted, features=VGG, steps=15))
        assert set(states[0].losses) == {"content", "style"}
        assert states[-1].loss < 0.8 * states[0].loss
        # Content is the face's: with its own rows it is met from the start.
        same = next(expression_steps(GAN, self.face, self.face, features=VGG))
        assert same.loss == pytest.approx(0, abs=1e-9)

    def test_what_does_not_fit(self) -> None:
        with pytest.raises(RangeError, match="exchange"):
            expression_steps(GAN, self.face, self.wanted, features="pixels")
        for rows in (range(7, 9), range(0)):
            with pytest.raises(RangeError, match="rows"):
                expression_steps(GAN, self.face, self.wanted, features=VGG, rows=rows)
        with pytest.raises(ShapeError, match="twice the same"):
            exchange(self.face, self.wanted[:, :5])


class TestMorph:
    """The straight line."""

    a, b = code_of(GAN, 1).w_plus, code_of(GAN, 2).w_plus

    def test_ends_are_exact_and_steps_equal(self) -> None:
        codes = morph(self.a, self.b, 5)
        assert torch.equal(codes[:1], self.a)
        assert torch.equal(codes[-1:], self.b)
        assert torch.allclose(codes[2], (self.a + self.b)[0] / 2, atol=1e-6)
        steps = codes.diff(dim=0)
        assert torch.allclose(steps, steps[:1].expand_as(steps), atol=1e-5)
        assert torch.equal(morph(self.a[0], self.b[0], 5), codes)
        assert len(morph(self.a, self.b)) == 100

    def test_pictures(self) -> None:
        pictures = list(morph_pictures(GAN, self.a, self.b, 3))
        assert torch.equal(pictures[0], A)
        assert torch.equal(pictures[2], B)
        noise = code_of(GAN, 1).noise
        middle = paint(GAN, Code((self.a + self.b) / 2, noise))[0].clamp(0, 1)
        assert torch.allclose(pictures[1], middle, atol=1e-5)

    def test_what_does_not_fit(self) -> None:
        with pytest.raises(RangeError, match="at least 2"):
            morph(self.a, self.b, 1)
        for other in (self.b[:, :4], self.b[0]):
            with pytest.raises(ShapeError, match="first, second"):
                morph(self.a, other)
        with pytest.raises(ShapeError, match="first, second"):
            morph(self.a.expand(2, -1, -1), self.b.expand(2, -1, -1))
