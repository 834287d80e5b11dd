"""Expression exchange: a few rows of one face's code go into another's, and the code is then smoothed by optimisation."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from sharpening.errors import RangeError, ShapeError
from sharpening.models.latent_editor.embed import LR
from sharpening.models.latent_editor.features import Features, usable
from sharpening.models.latent_editor.losses import ExchangeLoss
from sharpening.models.latent_editor.optimise import Code, Embedded, LatentStep, finish, noise_of, optimise, paint
from sharpening.models.stylegan import StyleGan

__all__ = ["EXPRESSION_ROWS", "EXPRESSION_STEPS", "exchange", "expression", "expression_steps"]

EXPRESSION_ROWS = range(3, 5)
"""Layers in which a generator of 1024 px has most of the expression."""

EXPRESSION_STEPS = 1000


def exchange(face: Tensor, wanted: Tensor, rows: range = EXPRESSION_ROWS) -> Tensor:
    """The face's code with some rows of another.

    Args:
        face: `[bs, n_layers, n_latent]`.
        wanted: the same shape.
        rows: which layers come from `wanted`.

    Raises:
        ShapeError, RangeError: for other shapes, or rows that are not there.
    """
    if face.shape != wanted.shape or face.ndim != 3:
        raise ShapeError("face, wanted", f"{list(face.shape)}, {list(wanted.shape)}", "twice the same [bs, n_layers, n_latent]")
    if not len(rows) or not all(0 <= row < face.shape[1] for row in rows):
        raise RangeError("rows", rows, f"some of 0 … {face.shape[1] - 1}")
    mixed = face.clone()
    mixed[:, list(rows)] = wanted[:, list(rows)]
    return mixed


def expression(
    gan: StyleGan,
    face: Tensor,
    wanted: Tensor,
    *,
    features: Features = None,
    rows: range = EXPRESSION_ROWS,
    steps: int = EXPRESSION_STEPS,
    lr: float = LR,
    generator: torch.Generator | None = None,
) -> Embedded:
    """Give a face the expression of another.

    It begins with the exchanged rows and then moves all rows: content of the face by the four maps, style of the other by the Gram matrix
    of the last one.

    Args:
        gan: the generator.
        face: `[1, n_layers, n_latent]`, styles of the face; `Embedded.w_plus`.
        wanted: the same shape, styles of the face with the expression.
        features: VGG-16; None loads the one called `vgg16`.
        rows: layers that are exchanged.
        steps: number of changes; 0 for the exchange alone.
        lr: Adam's rate.
        generator: dice for the noise where the generator has none of its own; the same every time when left out.

    Returns:
        The best. The style's term is small beside the content, so a long run gives the face back; ask for few steps, or stop early.

    Raises:
        ShapeError, RangeError: codes that do not fit, rows that are not there, features that are "pixels", impossible settings.
        WeightsMissing: `features` is None and there is no `vgg16`.

    Source: the StyleGAN editor's exchange of expressions; Abdal et al. 2019, arXiv:1904.03189.
    """
    return finish(expression_steps(gan, face, wanted, features=features, rows=rows, steps=steps, lr=lr, generator=generator))


def expression_steps(
    gan: StyleGan,
    face: Tensor,
    wanted: Tensor,
    *,
    features: Features = None,
    rows: range = EXPRESSION_ROWS,
    steps: int = EXPRESSION_STEPS,
    lr: float = LR,
    generator: torch.Generator | None = None,
) -> Iterator[LatentStep]:
    """The same step by step; arguments and errors as `expression`."""
    like = gan.synthesis.torgb.weight
    face, wanted = face.detach().to(like), wanted.detach().to(like)
    mixed = exchange(face, wanted, rows)
    network = usable(features, like)
    if network is None:
        raise RangeError("features", '"pixels"', "a VGG-16", "Content and style are maps of it; `exchange` needs none.")
    noise = noise_of(gan, generator=generator)
    with torch.no_grad():
        content, style = (paint(gan, Code(each, noise)) for each in (face, wanted))
    loss = ExchangeLoss(network, content, style)
    return optimise(gan, Code(mixed, noise), lambda code: loss(paint(gan, code)), steps=steps, lr=lr)
