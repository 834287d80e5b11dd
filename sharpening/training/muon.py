"""Muon: steps whose matrices are made orthogonal, so that weak directions learn as fast as strong ones (Jordan et al. 2024).

For nets that get a few thousand steps only, as on two CPU cores: docs/results/ablations.md has what it buys over Adam.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import torch
from fastai.optimizer import Optimizer, adam_step, average_grad, average_sqr_grad, step_stat, weight_decay
from torch import Tensor

__all__ = ["Muon", "orthogonalised"]

# Coefficients of the quintic that pulls singular values towards 1 fast instead of exactly (Jordan et al. 2024).
_QUINTIC = (3.4445, -4.7750, 2.0315)
_SMALLEST = 8  # side of a matrix, below which there is nothing to make orthogonal


def Muon(  # noqa: N802  (fastai's optimisers are functions with the names of classes)
    params: Iterable[Any],
    lr: float,
    mom: float = 0.95,
    sqr_mom: float = 0.99,
    eps: float = 1e-8,
    wd: float = 1e-4,
    *,
    dtype: torch.dtype = torch.float32,
) -> Optimizer:
    """A fastai optimiser: Muon for kernels, Adam for biases and whatever else is no matrix.

    A kernel `[out, in, k, k]` counts as the matrix `[out, in·k·k]`. Its steps have the root mean square that Adam's usually have, so that a
    learning rate means the same for both (Liu et al. 2025, arXiv 2502.16982). `torch.optim.Muon` takes matrices only.

    Args:
        params: Tensors or groups.
        lr: Learning rate.
        mom: Decay of the momentum.
        sqr_mom: Decay of Adam's second moment.
        eps: Of Adam.
        wd: Weight decay, decoupled.
        dtype: Of the products that make a step orthogonal; bfloat16 is enough for them (Jordan et al. 2024), where it is fast.
    """
    steps = [weight_decay, partial(average_grad, dampening=True), average_sqr_grad, step_stat, partial(_step, dtype=dtype)]
    return Optimizer(params, steps, lr=lr, mom=mom, sqr_mom=sqr_mom, eps=eps, wd=wd)


def orthogonalised(matrix: Tensor, *, steps: int = 5) -> Tensor:
    """Nearly the orthogonal matrix nearest to `[rows, columns]`: singular values of about 0.7 … 1.2, by Newton–Schulz steps."""
    a, b, c = _QUINTIC
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x if matrix.shape[0] <= matrix.shape[1] else x.T


def _step(p: Any, *, lr: float, mom: float, grad_avg: Tensor, dtype: torch.dtype, **state: Any) -> None:
    rows = p.shape[0] if p.ndim else 1
    if p.ndim < 2 or min(rows, p.numel() // rows) < _SMALLEST:
        adam_step(p, lr=lr, mom=mom, grad_avg=grad_avg, **state)
        return
    ahead = p.grad.data.lerp(grad_avg, mom).reshape(rows, -1)
    p.data.add_((orthogonalised(ahead.to(dtype)).to(p.dtype) * (0.2 * max(ahead.shape) ** 0.5)).reshape(p.shape), alpha=-lr)
