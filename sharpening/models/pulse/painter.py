"""A generator whose weights never change, prepared once: the same pictures and the same gradients, sooner.

Scales and fused kernels are worked out once; "nearest, then convolve" becomes the transposed convolution that it is (4 taps a pixel, not 9);
the gradient of a convolution with frozen weights is taken by a convolution, with the weights turned; and an epilogue knows its gradient by
its formula, so that autograd keeps one map of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from sharpening.models.stylegan import Synthesis

__all__ = ["Painter", "painter"]

_SLOPE = 0.2


class _Same(torch.autograd.Function):
    """A convolution that keeps the size, with frozen weights; `turned` are the weights of its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, turned: Tensor, bias: Tensor | None, groups: int) -> Tensor:
        ctx.turned, ctx.groups = turned, groups
        return F.conv2d(x, weight, bias, padding=1, groups=groups)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        gradient = F.conv2d(gradients[0], ctx.turned, padding=1, groups=ctx.groups)
        return gradient, None, None, None, None


class _Double(torch.autograd.Function):
    """A transposed convolution that doubles the size, with frozen weights `[in, out, 4, 4]`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.weight = weight
        return F.conv_transpose2d(x, weight, stride=2, padding=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return F.conv2d(gradients[0], ctx.weight, stride=2, padding=1), None


class _Epilogue(torch.autograd.Function):
    """Noise, leaky ReLU, instance norm and style; it overwrites x, which nobody else keeps."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor, offset: Tensor, noise: Tensor | None, strength: Tensor, eps: float) -> Tensor:
        if noise is not None:
            x.addcmul_(noise.to(x.dtype), strength.to(x.dtype))
        F.leaky_relu(x, _SLOPE, inplace=True)
        mean = x.mean(dim=(2, 3), keepdim=True, dtype=torch.promote_types(x.dtype, torch.float32))
        centred = x - mean.to(x.dtype)
        n = x.shape[2] * x.shape[3]
        scale = torch.rsqrt(_dots(centred, centred) / n + eps)
        ctx.save_for_backward(x, mean, scale, gain, strength)
        ctx.wants_noise = noise is not None and noise.requires_grad
        return torch.addcmul(offset.to(x.dtype), centred, (gain * scale).to(x.dtype), out=None)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, mean, scale, gain, strength = ctx.saved_tensors
        g, n = gradients[0], x.shape[2] * x.shape[3]
        whole = g.sum(dim=(2, 3), keepdim=True, dtype=mean.dtype)
        along = (_dots(g, x) - mean * whole) * scale
        both = gain * scale
        slope = -both * scale * along / n
        gx = torch.addcmul((-both * whole / n - slope * mean).to(g.dtype), x, slope.to(g.dtype))
        gx.addcmul_(g, both.to(g.dtype))
        gx = torch.ops.aten.leaky_relu_backward(gx, x, _SLOPE, True)
        noise = (gx * strength.to(g.dtype)).sum(dim=1, keepdim=True) if ctx.wants_noise else None
        return gx, along.to(gain.dtype), whole.to(gain.dtype), noise, None, None


def _dots(a: Tensor, b: Tensor) -> Tensor:
    """Scalar product of each map, `[bs, c, 1, 1]`, in float32 at least."""
    return (a * b).sum(dim=(2, 3), keepdim=True, dtype=torch.promote_types(a.dtype, torch.float32))
