"""ESRGAN's generator: dense blocks inside residual blocks, no normalisation, nearest-neighbour enlargement.

Names and shapes of the tensors are those of the published files, which `load.load_esrgan` reads.

Source: Wang et al., "ESRGAN: enhanced super-resolution generative adversarial networks", ECCV workshops 2018, arXiv:1809.00219.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.errors import RangeError
from sharpening.models.basic_blocks import conv
from sharpening.models.sr_gan.stack import check_stack

__all__ = ["RRDBNet", "rrdb_settings"]

_SLOPE, _SHARE = 0.2, 0.2
_START = 0.1  # the paper starts deep stacks with kernels a tenth as large


class _DenseBlock(nn.Module):
    """Five convolutions, each of which reads the block's input and all that was made before it."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.conv1 = conv(width, growth)
        self.conv2 = conv(width + growth, growth)
        self.conv3 = conv(width + 2 * growth, growth)
        self.conv4 = conv(width + 3 * growth, growth)
        self.conv5 = conv(width + 4 * growth, width)
        for layer in self.children():
            _start(layer)

    def forward(self, x: Tensor) -> Tensor:
        known = x
        for layer in (self.conv1, self.conv2, self.conv3, self.conv4):
            known = torch.cat([known, F.leaky_relu(layer(known), _SLOPE)], dim=1)
        return x + _SHARE * self.conv5(known)


class _Rrdb(nn.Module):
    """Three dense blocks, of whose result a fifth is added to the input."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.RDB1 = _DenseBlock(width, growth)
        self.RDB2 = _DenseBlock(width, growth)
        self.RDB3 = _DenseBlock(width, growth)

    def forward(self, x: Tensor) -> Tensor:
        return x + _SHARE * self.RDB3(self.RDB2(self.RDB1(x)))


def _start(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
        with torch.no_grad():
            layer.weight.mul_(_START)
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


class RRDBNet(nn.Module):
    """One picture in, one of four times the size out. The published form has 16,697,987 parameters.

    Args:
        n_frames: Frames in a stack. 1 is the published form; with more the first convolution reads all of them, which is ours.
        width: Channels of the trunk.
        n_blocks: Residual-in-residual blocks.
        growth: Channels that each convolution of a dense block adds.

    Raises:
        RangeError: for sizes that leave no network.

    >>> net = RRDBNet(width=8, n_blocks=1, growth=4)
    >>> net(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 3, 64, 64])
    """

    scale = 4

    def __init__(self, n_frames: int = 1, width: int = 64, n_blocks: int = 23, growth: int = 32) -> None:
        super().__init__()
        for name, number in (("n_frames", n_frames), ("width", width), ("n_blocks", n_blocks), ("growth", growth)):
            if number < 1:
                raise RangeError(name, number, "at least 1")
        self.n_frames = n_frames
        self.conv_first = conv(3 * n_frames, width)
        self.RRDB_trunk = nn.Sequential(*(_Rrdb(width, growth) for _ in range(n_blocks)))
        self.trunk_conv = conv(width, width)
        self.upconv1, self.upconv2 = conv(width, width), conv(width, width)
        self.HRconv = conv(width, width)
        self.conv_last = conv(width, 3)

    def forward(self, frames: Tensor) -> Tensor:
        """Restore the picture.

        Args:
            frames: `[bs, 3·n_frames, H, W]`, RGB in `[0, 1]`, sides of at least 16 px.

        Returns:
            `[bs, 3, 4H, 4W]`, RGB, trained towards `[0, 1]` and not clamped.

        Raises:
            ShapeError: if the stack does not fit the network.
        """
        first = self.conv_first(check_stack(frames, self.n_frames))
        x = first + self.trunk_conv(self.RRDB_trunk(first))
        for layer in (self.upconv1, self.upconv2):
            x = F.leaky_relu(layer(F.interpolate(x, scale_factor=2, mode="nearest")), _SLOPE)
        return self.conv_last(F.leaky_relu(self.HRconv(x), _SLOPE))


def rrdb_settings(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """The arguments of the `RRDBNet` that has these tensors; shapes that fit none are told when they are filled in.

    Args:
        state: named tensors that hold `conv_first.weight` and `RRDB_trunk.0.RDB1.conv1.weight`, of four axes each.
    """
    first, grown = state["conv_first.weight"], state["RRDB_trunk.0.RDB1.conv1.weight"]
    numbers = {key.split(".")[1] for key in state if key.startswith("RRDB_trunk.")}
    return {
        "n_frames": first.shape[1] // 3,
        "width": first.shape[0],
        "n_blocks": len(numbers),
        "growth": grown.shape[0],
    }
