"""BiSeNet trained on CelebAMask-HQ, the second face parser, key for key as published, so that its file loads as it is.

The weights are not shipped: `79999_iter.pth` of zllrunning/face-parsing.PyTorch (code MIT; the data for research and education only).

Source: Yu et al., "BiSeNet: Bilateral segmentation network for real-time semantic segmentation", ECCV 2018, arXiv:1808.00897; He et al.,
"Deep residual learning for image recognition", 2016, arXiv:1512.03385.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.errors import ShapeError
from sharpening.imaging.ranges import to_imagenet
from sharpening.imaging.resize import resize_tensor

__all__ = ["BiSeNet"]

_LEAST = 32  # px: the deepest maps then have one pixel


def _mean(x: Tensor) -> Tensor:
    return x.mean(dim=(2, 3), keepdim=True)


class _Unit(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, n_in: int, n_out: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(n_in, n_out, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class _Residual(nn.Module):
    """Two 3×3 convolutions beside a shortcut, the block of ResNet-18."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.downsample: nn.Sequential | None = None
        if n_in != n_out or stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class _ResNet18(nn.Module):
    """The trunk: maps at an eighth, a sixteenth and a thirty-second of the side."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(_Residual(64, 64, 1), _Residual(64, 64, 1))
        self.layer2 = nn.Sequential(_Residual(64, 128, 2), _Residual(128, 128, 1))
        self.layer3 = nn.Sequential(_Residual(128, 256, 2), _Residual(256, 256, 1))
        self.layer4 = nn.Sequential(_Residual(256, 512, 2), _Residual(512, 512, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, stride=2, padding=1)
        eighth = self.layer2(self.layer1(x))
        sixteenth = self.layer3(eighth)
        return eighth, sixteenth, self.layer4(sixteenth)


class _Attention(nn.Module):
    """A unit, then a weight for each channel, from what the map holds on average."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv = _Unit(n_in, n_out)
        self.conv_atten = nn.Conv2d(n_out, n_out, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x * torch.sigmoid(self.bn_atten(self.conv_atten(_mean(x))))


class _Context(nn.Module):
    """The trunk, and two maps that carry what the whole picture shows down to finer ones."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = _ResNet18()
        self.arm16, self.arm32 = _Attention(256, 128), _Attention(512, 128)
        self.conv_head32, self.conv_head16 = _Unit(128, 128), _Unit(128, 128)
        self.conv_avg = _Unit(512, 128, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        eighth, sixteenth, last = self.resnet(x)
        coarse = self.arm32(last) + self.conv_avg(_mean(last))
        coarse = self.conv_head32(F.interpolate(coarse, sixteenth.shape[-2:], mode="nearest"))
        fine = self.arm16(sixteenth) + coarse
        return eighth, self.conv_head16(F.interpolate(fine, eighth.shape[-2:], mode="nearest")), coarse


class _Fusion(nn.Module):
    """Joins detail and context; each channel is strengthened by what it holds on average."""

    def __init__(self) -> None:
        super().__init__()
        self.convblk = _Unit(256, 256, 1)
        self.conv1 = nn.Conv2d(256, 64, 1, bias=False)
        self.conv2 = nn.Conv2d(64, 256, 1, bias=False)

    def forward(self, detail: Tensor, context: Tensor) -> Tensor:
        x = self.convblk(torch.cat([detail, context], dim=1))
        return x * torch.sigmoid(self.conv2(F.relu(self.conv1(_mean(x))))) + x


class _Head(nn.Module):
    """Scores of the classes out of one map."""

    def __init__(self, n_in: int, n_middle: int, n_classes: int) -> None:
        super().__init__()
        self.conv = _Unit(n_in, n_middle)
        self.conv_out = nn.Conv2d(n_middle, n_classes, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv_out(self.conv(x))


class BiSeNet(nn.Module):
    """The network; built by hand it has random weights.

    Args:
        n_classes: of the label map; the published file has 19.
    """

    name = "bisenet_face"
    size_in = 512
    """Side of the pictures that it was trained on [px]."""

    def __init__(self, n_classes: int = 19) -> None:
        super().__init__()
        self.cp = _Context()
        self.ffm = _Fusion()
        self.conv_out = _Head(256, 256, n_classes)
        self.conv_out16, self.conv_out32 = _Head(128, 64, n_classes), _Head(128, 64, n_classes)

    @staticmethod
    def prepare(picture: Tensor) -> Tensor:
        """A picture `[1, 3, H, W]` in [0, 1] as the net wants it: 512 px, bilinear, normalised as ImageNet."""
        return to_imagenet(resize_tensor(picture, BiSeNet.size_in, "bilinear"))

    def forward(self, x: Tensor) -> Tensor:
        """Scores of all classes.

        Args:
            x: `[bs, 3, H, W]`, RGB, ImageNet-normalised, sides of at least 32 px.

        Returns:
            `[bs, 19, H, W]`, not normalised.

        Raises:
            ShapeError: for other sides or channels.
        """
        self._check(x)
        detail, context, _ = self.cp(x)
        return _enlarged(self.conv_out(self.ffm(detail, context)), x)

    def all_heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores of the head that counts and of the two that only helped in the training, each `[bs, 19, H, W]`; `x` as in `forward`."""
        self._check(x)
        detail, context, coarse = self.cp(x)
        scores = self.conv_out(self.ffm(detail, context)), self.conv_out16(context), self.conv_out32(coarse)
        first, second, third = (_enlarged(each, x) for each in scores)
        return first, second, third

    @staticmethod
    def _check(x: Tensor) -> None:
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[-2:]) < _LEAST:
            raise ShapeError("x", tuple(x.shape), f"[bs, 3, H ≥ {_LEAST}, W ≥ {_LEAST}]", "Use `prepare`.")


def _enlarged(scores: Tensor, x: Tensor) -> Tensor:
    return F.interpolate(scores, x.shape[-2:], mode="bilinear", align_corners=True)
