"""Convolutional blocks without normalisation: restoration nets keep the range of their input (EDSR, Lim et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["ResBlock", "ResStack", "conv", "softened", "upshuffle"]


def conv(n_in: int, n_out: int, size: int = 3, *, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """Convolution that keeps the size (divided by the stride)."""
    return nn.Conv2d(n_in, n_out, size, stride=stride, padding=dilation * (size // 2), dilation=dilation)


def softened(layer: nn.Conv2d, factor: float = 0.0) -> nn.Conv2d:
    """The layer with its kernels scaled by `factor` and no bias, so that what it ends starts as (almost) nothing."""
    with torch.no_grad():
        layer.weight.mul_(factor)
        if layer.bias is not None:
            layer.bias.zero_()
    return layer


class ResBlock(nn.Module):
    """conv, leaky ReLU, conv, sum. The last kernel starts small, so that a deep stack starts near the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv(width, width), conv(width, width)
        self.act = nn.LeakyReLU(0.1)
        nn.init.kaiming_normal_(self.conv1.weight, a=0.1)
        nn.init.kaiming_normal_(self.conv2.weight, a=0.1)
        self.conv2.weight.data.mul_(0.2)

    def forward(self, x: Tensor) -> Tensor:
        """`[bs, width, h, w]` → the same."""
        return x + self.conv2(self.act(self.conv1(x)))


class ResStack(nn.Sequential):
    """`depth` residual blocks of one width."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__(*(ResBlock(width) for _ in range(depth)))


def upshuffle(n_in: int, n_out: int) -> nn.Sequential:
    """Twice the size: convolution to four times the channels, then pixel shuffle (Shi et al. 2016)."""
    return nn.Sequential(conv(n_in, 4 * n_out), nn.PixelShuffle(2))
