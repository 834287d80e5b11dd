"""Morphing: codes on the straight line between two faces."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from sharpening.errors import RangeError, ShapeError
from sharpening.models.latent_editor.optimise import Code, noise_of, paint
from sharpening.models.stylegan import StyleGan

__all__ = ["N_MORPH", "morph", "morph_pictures"]

N_MORPH = 100


def morph(first: Tensor, second: Tensor, n: int = N_MORPH) -> Tensor:
    """Codes from one face to another, at equal distances; both ends are there, exactly.

    Args:
        first: `[1, n_layers, n_latent]`, or without the first axis.
        second: the same shape.
        n: how many, at least 2.

    Returns:
        `[n, n_layers, n_latent]`.

    Raises:
        ShapeError, RangeError: for other shapes, or fewer than two.

    Source: Abdal et al. 2019, arXiv:1904.03189.
    """
    n_axes = first.ndim - (first.ndim == 3 and len(first) == 1)
    if first.shape != second.shape or n_axes != 2:
        got = f"{list(first.shape)}, {list(second.shape)}"
        raise ShapeError("first, second", got, "twice the same [n_layers, n_latent], or with a 1 before")
    if n < 2:
        raise RangeError("n", n, "at least 2")
    a, b = first.reshape(first.shape[-2:]), second.reshape(second.shape[-2:])
    weights = torch.linspace(0, 1, n, device=a.device, dtype=a.dtype)
    return torch.lerp(a[None], b[None], weights[:, None, None])


def morph_pictures(
    gan: StyleGan, first: Tensor, second: Tensor, n: int = N_MORPH, *, generator: torch.Generator | None = None
) -> Iterator[Tensor]:
    """The pictures of these codes, painted one by one when they are asked for, all with the same noise.

    Args:
        gan: the generator.
        first: as for `morph`.
        second: as for `morph`.
        n: how many.
        generator: dice for the noise where the generator has none of its own; the same every time when left out.

    Returns:
        An iterator of n pictures `[3, R, R]` in [0, 1].

    Raises:
        ShapeError, RangeError: as `morph`.
    """
    codes, noise = morph(first, second, n).to(gan.synthesis.torgb.weight), noise_of(gan, generator=generator)
    return (_painted(gan, Code(code[None], noise)) for code in codes)


@torch.no_grad()
def _painted(gan: StyleGan, code: Code) -> Tensor:
    return paint(gan, code)[0].clamp(0, 1)
