"""The contracting half of the U-Net: a ResNet of basic blocks that hands out the map of every scale.

Written as a plain module with torchvision's names for its weights (`conv1`, `bn1`, `layer1.0.conv1` …), so that a state file
of torchvision's `resnet18` or `resnet34` fits without renaming, and without importing torchvision (seven seconds).

Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, doi:10.1109/CVPR.2016.90, Table 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from sharpening.errors import RangeError, ShapeError
from sharpening.weights.store import load_into, load_state

__all__ = ["DEPTHS", "FirstLayer", "ResNetEncoder", "load_rgb_weights", "spread_first_layer"]

FirstLayer = Literal["first", "middle", "spread"]

# Number of basic blocks in each of the four stages.
DEPTHS: dict[str, tuple[int, int, int, int]] = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3)}


class _BasicBlock(nn.Module):
    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.relu = nn.ReLU()
        self.downsample = None
        if stride != 1 or n_in != n_out:
            self.downsample = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + shortcut)


def _stage(n_in: int, n_out: int, depth: int, stride: int) -> nn.Sequential:
    rest = [_BasicBlock(n_out, n_out, 1) for _ in range(depth - 1)]
    return nn.Sequential(_BasicBlock(n_in, n_out, stride), *rest)


class ResNetEncoder(nn.Module):
    """ResNet-18 or -34 without its classifier.

    Args:
        name: Key of `DEPTHS`.
        n_in: Channels of the input, 3 × frames.
        width: Channels of the first stage, 64 in the paper; the stages have 1, 2, 4 and 8 times as many.
    """

    def __init__(self, name: str = "resnet34", n_in: int = 3, width: int = 64) -> None:
        super().__init__()
        if name not in DEPTHS:
            raise RangeError("encoder", name, f"one of {', '.join(DEPTHS)}")
        depths = DEPTHS[name]
        self.widths = tuple(width * 2**i for i in range(4))
        self.conv1 = nn.Conv2d(n_in, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = _stage(width, width, depths[0], 1)
        self.layer2 = _stage(width, 2 * width, depths[1], 2)
        self.layer3 = _stage(2 * width, 4 * width, depths[2], 2)
        self.layer4 = _stage(4 * width, 8 * width, depths[3], 2)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor, additions: Sequence[Tensor] | None = None) -> tuple[Tensor, list[Tensor]]:
        """Return the deepest map and the skips, shallowest first.

        Args:
            x: `[bs, n_in, H, W]`.
            additions: Maps of the skips' shapes, each summed onto the skip of its place before the next stage reads it, as the
                backward skips of a BiO-Net are. None adds nothing.

        Returns:
            Map `[bs, 8·width, H/32, W/32]` and the skips at 1/2, 1/4, 1/8 and 1/16 of the size.
        """
        skips = [self._plus(self.relu(self.bn1(self.conv1(x))), additions, 0)]  # [bs, w, H/2, W/2]
        skips.append(self._plus(self.layer1(self.maxpool(skips[0])), additions, 1))  # [bs, w, H/4, W/4]
        skips.append(self._plus(self.layer2(skips[1]), additions, 2))  # [bs, 2w, H/8, W/8]
        skips.append(self._plus(self.layer3(skips[2]), additions, 3))  # [bs, 4w, H/16, W/16]
        return self.layer4(skips[3]), skips

    @staticmethod
    def _plus(x: Tensor, additions: Sequence[Tensor] | None, place: int) -> Tensor:
        return x if additions is None else x + additions[place]


def spread_first_layer(kernels: Tensor, n_frames: int, how: FirstLayer) -> Tensor:
    """Make the first layer's kernels for a stack of frames out of kernels for one RGB picture.

    Args:
        kernels: `[n_out, 3, k, k]`.
        n_frames: Frames in the stack.
        how: "first" is what fastai does: frame 1 gets the kernels and the other frames get zeros, so that at the start the
            network sees frame 1 alone. "middle" gives them to the frame that is to be restored. "spread" gives every frame
            1/n of them, so that at the start the network sees the mean of the frames.

    Returns:
        `[n_out, 3·n_frames, k, k]`.

    Raises:
        RangeError: for an unknown `how`.
        ShapeError: if the kernels are not for three channels.
    """
    if kernels.ndim != 4 or kernels.shape[1] != 3:
        raise ShapeError("kernels of the first layer", tuple(kernels.shape), "[n_out, 3, k, k]")
    if how == "spread":
        return kernels.repeat(1, n_frames, 1, 1) / n_frames
    if how not in ("first", "middle"):
        raise RangeError("first_layer", how, f"one of {', '.join(get_args(FirstLayer))}")
    start = 0 if how == "first" else 3 * (n_frames // 2)
    wide = torch.zeros(kernels.shape[0], 3 * n_frames, *kernels.shape[2:], dtype=kernels.dtype)
    wide[:, start : start + 3] = kernels
    return wide


def load_rgb_weights(encoder: ResNetEncoder, path: str | Path, first_layer: FirstLayer) -> None:
    """Fill the encoder from a state file of torchvision's ResNet for RGB pictures.

    Args:
        encoder: Encoder of standard width for 3·n channels.
        path: File such as `resnet34-b627a593.pth`, got by the user; nothing is downloaded.
        first_layer: Which frames get the first layer's RGB kernels, see `spread_first_layer`.

    Raises:
        WeightsMismatch: if the file is not one of this network.
    """
    state = {key: value for key, value in load_state(path).items() if not key.startswith("fc.")}
    # Files from before torch 0.4.1 have no batch counters; a fresh counter is right for them.
    counters = {key: value for key, value in encoder.state_dict().items() if key.endswith("num_batches_tracked")}
    if "conv1.weight" in state:
        state["conv1.weight"] = spread_first_layer(state["conv1.weight"], encoder.conv1.in_channels // 3, first_layer)
    load_into(encoder, {**counters, **state}, source=path)
