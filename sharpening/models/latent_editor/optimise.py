"""The one loop of the StyleGAN editor: change codes or noise step by step until the painted picture fits a loss.

The loop is a generator of states, so that a caller can show how far it is and stop at any time; `finish` runs one to its end and keeps the
best. Adam with its standard settings and a fixed rate, as published.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.mask import check_mask
from sharpening.models.latent_editor.losses import Terms, total
from sharpening.models.stylegan import StyleGan, draw_noise

__all__ = [
    "Code",
    "Embedded",
    "LatentStep",
    "Start",
    "check_mask_of",
    "check_picture_of",
    "finish",
    "noise_of",
    "optimise",
    "paint",
    "start_code",
]

_SLACK = 1e-3  # what rounding may leave beyond [0, 1]

Start = Literal["zeros", "mean", "uniform"] | Tensor
"""Where an optimisation begins: zeros, the mean style, uniform in [-1, 1], or a code `[1, n_layers, n_latent]`."""


class Code(NamedTuple):
    """Styles `[1, n_layers, n_latent]` and noise maps: all that a picture is painted from."""

    w_plus: Tensor
    noise: tuple[Tensor, ...]


@dataclass(frozen=True, eq=False)
class LatentStep:
    """The state after some changes.

    Attributes:
        step: number of changes made so far; 0 is the start.
        losses: the terms of the loss by name.
        loss: their sum.
        best: the smallest sum so far, this step's included.
        w_plus: `[1, n_layers, n_latent]`, what was measured.
        noise: maps that go with it.
        stage: which of several loops one after the other, "w+" or "noise".
        preview: paints the picture `[3, R, R]` in [0, 1]; it is not painted otherwise, so that states can be kept.
    """

    step: int
    losses: Mapping[str, float]
    loss: float
    best: float
    w_plus: Tensor
    noise: tuple[Tensor, ...]
    stage: str
    preview: Callable[[], Tensor] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Embedded:
    """What an optimisation found.

    Attributes:
        w_plus: `[1, n_layers, n_latent]`.
        picture: `[3, R, R]` in [0, 1], what is painted from it.
        loss: of this picture.
        steps: changes made in all, the later ones that made it worse included.
        noise: maps that the picture was painted with.
    """

    w_plus: Tensor
    picture: Tensor
    loss: float
    steps: int
    noise: tuple[Tensor, ...]

    @property
    def code(self) -> Code:
        """Styles and noise together, to go on from."""
        return Code(self.w_plus, self.noise)


def paint(gan: StyleGan, code: Code) -> Tensor:
    """The picture `[1, 3, R, R]`, not limited to [0, 1], so that its gradient does not end there."""
    return (gan.synthesis(code.w_plus, code.noise) + 1) / 2


def optimise(
    gan: StyleGan,
    code: Code,
    measure: Callable[[Code], Terms],
    *,
    steps: int,
    lr: float,
    along: Literal["w+", "noise"] = "w+",
) -> Iterator[LatentStep]:
    """Change a code so that a loss falls. The code that is given stays as it is, and so do the networks.

    Args:
        gan: the generator.
        code: where to begin.
        measure: the terms of a code; it paints.
        steps: number of changes; there is one state more.
        lr: Adam's rate.
        along: what is changed, styles or noise.

    Yields:
        A state for the start and for each change. A loss that is no number any more ends the loop early.

    Raises:
        RangeError: for impossible settings, or a loss that is no number at the very start.
    """
    if steps < 0 or not lr > 0:
        raise RangeError("steps, lr", (steps, lr), "0 or more steps, and a rate above 0")
    return _loop(gan, code, measure, steps, lr, along)


def _loop(gan: StyleGan, code: Code, measure: Callable[[Code], Terms], steps: int, lr: float, along: str) -> Iterator[LatentStep]:
    moving, code = _freed(code, along)
    adam = torch.optim.Adam(moving, lr=lr)
    best = math.inf
    for step in range(steps + 1):
        with torch.enable_grad():
            terms = measure(code)
            loss = total(terms)
        value = float(loss.detach())
        if not math.isfinite(value):
            if step == 0:
                raise RangeError("loss", value, "a number", "The pictures or the generator hold NaN or infinity.")
            return
        best = min(best, value)
        kept = _kept(code, along)
        losses = {name: float(each.detach()) for name, each in terms.items()}
        yield LatentStep(step, losses, value, best, kept.w_plus, kept.noise, along, _Preview(gan, kept))
        if step < steps:
            # Only what moves gets a gradient: the caller's networks keep theirs.
            for each, gradient in zip(moving, torch.autograd.grad(loss, moving), strict=True):
                each.grad = gradient
            adam.step()


def _freed(code: Code, along: str) -> tuple[list[Tensor], Code]:
    """A copy of what moves, and the code with it."""
    if along == "w+":
        w_plus = code.w_plus.detach().clone().requires_grad_()
        return [w_plus], Code(w_plus, tuple(each.detach() for each in code.noise))
    noise = tuple(each.detach().clone().requires_grad_() for each in code.noise)
    return list(noise), Code(code.w_plus.detach(), noise)


def _kept(code: Code, along: str) -> Code:
    if along == "w+":
        return Code(code.w_plus.detach().clone(), code.noise)
    return Code(code.w_plus, tuple(each.detach().clone() for each in code.noise))


@dataclass(frozen=True, eq=False)
class _Preview:
    gan: StyleGan
    code: Code

    @torch.no_grad()
    def __call__(self) -> Tensor:
        return paint(self.gan, self.code)[0].clamp(0, 1)


def finish(states: Iterable[LatentStep]) -> Embedded:
    """Run to the end and keep the best of the last stage.

    Args:
        states: what one of the loops yields, at least one.

    Raises:
        RangeError: there are none.
    """
    best, n = None, 0
    for state in states:
        new_stage = best is None or state.stage != best.stage
        n += state.step > 0
        if new_stage or (best is not None and state.loss < best.loss):
            best = state
    if best is None:
        raise RangeError("states", "none", "at least one")
    return Embedded(best.w_plus, best.preview(), best.loss, n, best.noise)


def start_code(gan: StyleGan, start: Start, *, generator: torch.Generator | None = None) -> Code:
    """A first code, with the noise of `noise_of`, which is drawn before it.

    Args:
        gan: the generator.
        start: see `Start`.
        generator: dice for "uniform" and the noise.

    Raises:
        RangeError: for another word, or "mean" where neither the mean nor a mapping is there.
        ShapeError: for a code of another shape.
    """
    noise = noise_of(gan, generator=generator)
    synthesis, like = gan.synthesis, gan.synthesis.torgb.weight
    shape = (1, synthesis.n_layers, synthesis.n_latent)
    if isinstance(start, Tensor):
        if tuple(start.shape) != shape or not start.is_floating_point():
            raise ShapeError("code", f"{start.dtype} {list(start.shape)}", f"floats {list(shape)}")
        return Code(start.detach().to(like), noise)
    zeros = torch.zeros(shape, device=like.device, dtype=like.dtype)
    if start == "mean":
        return Code(gan.truncated(zeros, 0, synthesis.n_layers), noise)
    if start == "uniform":
        dice = _dice(generator)
        return Code((2 * torch.rand(shape, generator=dice, device=dice.device) - 1).to(like), noise)
    if start != "zeros":
        raise RangeError("start", repr(start), "zeros, mean, uniform, or a code [1, n_layers, n_latent]")
    return Code(zeros, noise)


def noise_of(gan: StyleGan, *, generator: torch.Generator | None = None) -> tuple[Tensor, ...]:
    """The fixed noise of a generator; where it has none, drawn once: by the same dice every time if no other is given."""
    if gan.noise is not None:
        return tuple(each.to(gan.synthesis.torgb.weight) for each in gan.noise)
    return tuple(draw_noise(gan.synthesis, generator=_dice(generator)))


def _dice(generator: torch.Generator | None) -> torch.Generator:
    return torch.Generator().manual_seed(0) if generator is None else generator


def check_picture_of(gan: StyleGan, picture: Tensor, name: str = "picture") -> Tensor:
    """A picture as the loop wants it.

    Args:
        gan: sets the side.
        picture: `[3, R, R]`, RGB in [0, 1].
        name: for the error message.

    Returns:
        `[1, 3, R, R]` on the generator's device, in its precision.

    Raises:
        ShapeError, RangeError: for another shape or side, whole numbers, values outside, NaN.
    """
    side = gan.synthesis.resolution
    if tuple(picture.shape) != (3, side, side):
        advice = "Bring a face into the form of FFHQ first: models.face_align.align."
        raise ShapeError(name, list(picture.shape), f"[3, {side}, {side}], as the generator paints", advice)
    low, high = float(picture.min()), float(picture.max())
    if not picture.is_floating_point() or not (low >= -_SLACK and high <= 1 + _SLACK):
        raise RangeError(name, f"{picture.dtype} {low:.3g} … {high:.3g}", "floating point in [0, 1]")
    return picture.detach().to(gan.synthesis.torgb.weight)[None]


def check_mask_of(gan: StyleGan, mask: Tensor, name: str = "mask") -> Tensor:
    """A mask as the loop wants it: `[1, R, R]` to `[1, 1, R, R]`; arguments and errors as `check_picture_of`."""
    side = gan.synthesis.resolution
    if tuple(mask.shape) != (1, side, side):
        raise ShapeError(name, list(mask.shape), f"[1, {side}, {side}], as the generator paints")
    check_mask(mask)
    return mask.detach().to(gan.synthesis.torgb.weight)[None]
