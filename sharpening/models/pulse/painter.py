"""A generator whose weights never change, prepared once: the same pictures and the same gradients, sooner.

Scales and fused kernels are worked out once; "nearest, then convolve" becomes the transposed convolution that it is (4 taps a pixel, not
9); gradients go by their formulas, without those of the weights, and every map is overwritten where nobody needs it any more, since
getting fresh memory costs more than the arithmetic at 1024 px. For each layer one map is kept for the way back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from sharpening.errors import ShapeError
from sharpening.models.stylegan import Synthesis

__all__ = ["Painter"]

_SLOPE = 0.2


@dataclass(frozen=True, eq=False)
class _Layer:
    """One layer, its scales multiplied in.

    Attributes:
        weight: of the convolution: `[out, in, 3, 3]`, or `[in, out, 4, 4]` where it doubles the side; None for the learned first map.
        turned: of the convolution that takes the gradient back; None where it doubles, which `weight` itself undoes.
        bias: `[out]`, or the first map itself, `[1, out, 4, 4]`.
        blur: `[out, 1, 3, 3]` after a doubling convolution, else None.
        strength: `[out, 1, 1]`, of the noise.
        style: weight and bias of what makes gain and offset of a style.
        eps: of the instance norm.
    """

    weight: Tensor | None
    turned: Tensor | None
    bias: Tensor
    blur: Tensor | None
    strength: Tensor
    style: tuple[Tensor, Tensor]
    eps: float

    def forward(self, x: Tensor | None, bs: int) -> Tensor:
        if self.weight is None or x is None:
            return self.bias.repeat(bs, 1, 1, 1)
        if self.blur is None:
            return F.conv2d(x, self.weight, self.bias, padding=1)
        wide = F.conv_transpose2d(x, self.weight, stride=2, padding=1)
        return F.conv2d(wide, self.blur, self.bias, padding=1, groups=len(self.blur))

    def backward(self, g: Tensor) -> Tensor:
        if self.blur is None:
            return F.conv2d(g, self._there(self.turned), padding=1)
        wide = F.conv2d(g, self.blur.flip(2, 3), padding=1, groups=len(self.blur))
        return F.conv2d(wide, self._there(self.weight), stride=2, padding=1)

    @staticmethod
    def _there(weight: Tensor | None) -> Tensor:
        if weight is None:
            raise ShapeError("weights of the first layer", "none", "a convolution")  # nothing lies before it
        return weight


class _Room:
    """Memory for maps that are needed for a moment, taken once for all layers."""

    def __init__(self, n: int, like: Tensor) -> None:
        self._flat = torch.empty(n, dtype=like.dtype, device=like.device)

    def map(self, like: Tensor) -> Tensor:
        """A map of the same shape and order; what was there before is overwritten."""
        return self._flat.as_strided(like.shape, like.stride())


class _Paint(torch.autograd.Function):
    """All layers at once; inputs after the painter are gains, offsets and noise of each."""

    @staticmethod
    def forward(ctx: Any, painter: Painter, *inputs: Tensor | None) -> Tensor:
        n = len(painter.layers)
        gains, offsets, noise = inputs[:n], inputs[n : 2 * n], inputs[2 * n :]
        x: Tensor | None = None
        kept: list[tuple[Tensor, Tensor, Tensor]] = []
        out, square = (painter.room(len(painter.needed(gains[0]))) for _ in range(2))
        for layer, gain, offset, each in zip(painter.layers, gains, offsets, noise, strict=True):
            made = layer.forward(x, len(painter.needed(gain)))
            x = out.map(made)
            kept.append((made, *_styled(made, painter.needed(gain), painter.needed(offset), each, layer, x, square.map(made))))
        ctx.painter, ctx.gains, ctx.kept = painter, gains, kept
        ctx.wants_noise = [each is not None and each.requires_grad for each in noise]
        weight, bias = painter.torgb
        return F.conv2d(painter.needed(x), weight, bias).to(painter.needed(gains[0]).dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        painter, n = ctx.painter, len(ctx.kept)
        weight, _ = painter.torgb
        g = F.conv2d(gradients[0].to(weight.dtype), weight.transpose(0, 1))
        square = painter.room(len(g))
        found: list[tuple[Tensor, Tensor, Tensor | None]] = []
        for i in reversed(range(n)):
            layer, (x, mean, scale) = painter.layers[i], ctx.kept[i]
            along, whole = _back(g, x, mean, scale, ctx.gains[i], square.map(x))
            noise = (g * layer.strength).sum(dim=1, keepdim=True).to(mean.dtype) if ctx.wants_noise[i] else None
            found.append((along, whole, noise))
            g = layer.backward(g) if i else g
        gains, offsets, noises = zip(*reversed(found), strict=True)
        return (None, *gains, *offsets, *noises)


def _styled(
    x: Tensor, gain: Tensor, offset: Tensor, noise: Tensor | None, layer: _Layer, out: Tensor, square: Tensor
) -> tuple[Tensor, Tensor]:
    """Noise, leaky ReLU (both into x), instance norm and style (into `out`). Returns mean and 1 / deviation, `[bs, c, 1, 1]`."""
    if noise is not None:
        x.addcmul_(noise.to(x.dtype), layer.strength)
    F.leaky_relu(x, _SLOPE, inplace=True)
    mean = x.mean(dim=(2, 3), keepdim=True, dtype=gain.dtype)
    torch.sub(x, mean.to(x.dtype), out=out)
    var = torch.mul(out, out, out=square).mean(dim=(2, 3), keepdim=True, dtype=gain.dtype)
    scale = torch.rsqrt(var + layer.eps)
    out.mul_((gain * scale).to(x.dtype)).add_(offset.to(x.dtype))
    return mean, scale


def _back(g: Tensor, x: Tensor, mean: Tensor, scale: Tensor, gain: Tensor, product: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of gain and offset, `[bs, c, 1, 1]`; that of what came before the noise is written into g."""
    n = x.shape[2] * x.shape[3]
    whole = g.sum(dim=(2, 3), keepdim=True, dtype=mean.dtype)
    centred = torch.sub(x, mean.to(x.dtype), out=product).mul_(g)
    along = centred.sum(dim=(2, 3), keepdim=True, dtype=mean.dtype) * scale
    both = gain * scale
    slope = -both * scale * along / n
    g.mul_(both.to(g.dtype)).add_((-both * whole / n - slope * mean).to(g.dtype)).addcmul_(x, slope.to(g.dtype))
    torch.ops.aten.leaky_relu_backward.grad_input(g, x, _SLOPE, True, grad_input=g)
    return along, whole


class Painter:
    """The synthesis network with frozen weights, for searches.

    Args:
        synthesis: whose weights are read, once.
        dtype: of the maps: None for that of the weights; bfloat16 saves time on a GPU. Pictures, statistics and gradients
            stay in the precision of the weights.
    """

    def __init__(self, synthesis: Synthesis, dtype: torch.dtype | None = None) -> None:
        like = synthesis.torgb.weight
        self.dtype = like.dtype if dtype is None else dtype
        # On a GPU the order with the channels last only pays in half precision.
        last = like.device.type == "cpu" or self.dtype in (torch.float16, torch.bfloat16)
        self._order = torch.channels_last if last else torch.contiguous_format
        with torch.no_grad(), torch.inference_mode(False):
            self.torgb = self._put(like * synthesis.torgb.scale), self._put(synthesis.torgb.bias)
            self.layers = [layer for block in synthesis.blocks.values() for layer in self._block(block)]
        widest = [(len(layer.strength), side) for layer, side in zip(self.layers, synthesis.noise_sides, strict=True)]
        self._most = max(width * side * side for width, side in widest)

    def __call__(self, latents: Tensor, noise: Sequence[Tensor | None]) -> Tensor:
        """Paint.

        Args:
            latents: `[bs, n_layers, n_latent]`, a style for each layer.
            noise: a map `[bs or 1, 1, r, r]` a layer; None stands for zeros and costs nothing.

        Returns:
            `[bs, 3, R, R]`, as the synthesis network paints it. Gradients reach latents and noise, once.
        """
        styles = [F.linear(latents[:, i], *layer.style)[:, :, None, None].chunk(2, dim=1) for i, layer in enumerate(self.layers)]
        picture: Tensor = _Paint.apply(self, *(gain + 1 for gain, _ in styles), *(offset for _, offset in styles), *noise)
        return picture

    def room(self, bs: int) -> _Room:
        """Memory for the largest map of a batch."""
        return _Room(bs * self._most, self.torgb[0])

    @staticmethod
    def needed(x: Tensor | None) -> Tensor:
        """What must be there."""
        if x is None:
            raise ShapeError("styles", "none", "one for each layer")
        return x

    def _block(self, block: Any) -> list[_Layer]:
        if hasattr(block, "const"):
            first = self._layer(block.epi1, None, block.const + block.bias[:, None, None])
            return [first, self._same(block.conv, block.epi2)]
        up = block.conv0_up
        wide = F.pad((up.weight * up.scale).transpose(0, 1), (1, 1, 1, 1))
        # A transposed convolution meets its weights from the other side than a convolution does.
        wide = wide if up.fused else wide.flip(2, 3)
        weight = wide[..., 1:, 1:] + wide[..., :-1, 1:] + wide[..., 1:, :-1] + wide[..., :-1, :-1]
        blur = up.intermediate.kernel.expand(len(up.bias), -1, -1, -1)
        return [self._layer(block.epi1, weight, up.bias, blur=blur), self._same(block.conv1, block.epi2)]

    def _same(self, conv: Any, epilogue: Any) -> _Layer:
        weight = conv.weight * conv.scale
        return self._layer(epilogue, weight, conv.bias, turned=weight.transpose(0, 1).flip(2, 3))

    def _layer(
        self, epilogue: Any, weight: Tensor | None, bias: Tensor, *, turned: Tensor | None = None, blur: Tensor | None = None
    ) -> _Layer:
        lin = epilogue.style_mod.lin
        put = [None if each is None else self._put(each) for each in (weight, turned, blur)]
        strength = epilogue.noise.weight.detach().to(self.dtype)[:, None, None].clone()
        style = (lin.weight * lin.scale).detach(), lin.bias.detach().clone()
        return _Layer(put[0], put[1], self._put(bias), put[2], strength, style, epilogue.eps)

    def _put(self, x: Tensor) -> Tensor:
        x = x.detach().to(self.dtype, copy=True)
        return x.contiguous(memory_format=self._order) if x.ndim == 4 else x
