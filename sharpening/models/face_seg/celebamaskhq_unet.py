"""The U-Net of CelebAMask-HQ, the thesis's face parser, key for key as published, so that its file loads as it is.

The weights are not shipped: `models/parsenet/model.pth` of switchablenorms/CelebAMask-HQ (for research and education, not for commerce).

Source: Lee et al., "MaskGAN: Towards diverse and interactive facial image manipulation", CVPR 2020, arXiv:1907.11922; Ronneberger et al.,
"U-Net: Convolutional networks for biomedical image segmentation", 2015, arXiv:1505.04597.
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.errors import ShapeError
from sharpening.imaging.ranges import to_signed
from sharpening.imaging.resize import resize_tensor

__all__ = ["CelebAMaskHQUNet"]

_WIDTHS = (16, 32, 64, 128, 256)
_STEP = 16  # px: four poolings


class _Double(nn.Module):
    """Twice: 3×3 convolution, batch norm, ReLU."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(n_in, n_out, 3, padding=1), nn.BatchNorm2d(n_out), nn.ReLU())
        self.conv2 = nn.Sequential(nn.Conv2d(n_out, n_out, 3, padding=1), nn.BatchNorm2d(n_out), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(x))


class _Up(nn.Module):
    """Enlarge twice, join with the skip, and a double unit."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv = _Double(n_in, n_out)
        self.up = nn.ConvTranspose2d(n_in, n_out, 2, stride=2)

    def forward(self, skip: Tensor, x: Tensor) -> Tensor:
        return self.conv(torch.cat([skip, self.up(x)], dim=1))


class CelebAMaskHQUNet(nn.Module):
    """The network; built by hand it has random weights.

    Args:
        n_classes: of the label map; the published file has 19.
    """

    name = "celebamaskhq_unet"
    size_in = 512
    """Side of the pictures that it was trained on [px]."""

    def __init__(self, n_classes: int = 19) -> None:
        super().__init__()
        first, second, third, fourth, last = _WIDTHS
        self.conv1, self.conv2 = _Double(3, first), _Double(first, second)
        self.conv3, self.conv4 = _Double(second, third), _Double(third, fourth)
        self.center = _Double(fourth, last)
        ups = [_Up(deep, shallow) for shallow, deep in itertools.pairwise(_WIDTHS)]
        self.up_concat1, self.up_concat2, self.up_concat3, self.up_concat4 = ups
        self.final = nn.Conv2d(first, n_classes, 1)

    @staticmethod
    def prepare(picture: Tensor) -> Tensor:
        """A picture `[1, 3, H, W]` in [0, 1] as the net wants it: 512 px, by the nearest pixel, −1…1."""
        return to_signed(resize_tensor(picture, CelebAMaskHQUNet.size_in, "nearest"))

    def forward(self, x: Tensor) -> Tensor:
        """Scores of all classes.

        Args:
            x: `[bs, 3, H, W]`, RGB in −1…1, sides that 16 divides.

        Returns:
            `[bs, 19, H, W]`, not normalised.

        Raises:
            ShapeError: for other sides or channels.
        """
        if x.ndim != 4 or x.shape[1] != 3 or x.shape[-2] % _STEP or x.shape[-1] % _STEP or 0 in x.shape:
            raise ShapeError("x", tuple(x.shape), f"[bs, 3, H, W] with sides that {_STEP} divides", "Use `prepare`.")
        skips = []
        for unit in (self.conv1, self.conv2, self.conv3, self.conv4):
            skips.append(unit(x))
            x = F.max_pool2d(skips[-1], 2)
        x = self.center(x)
        for up in (self.up_concat4, self.up_concat3, self.up_concat2, self.up_concat1):
            x = up(skips.pop(), x)
        return self.final(x)
