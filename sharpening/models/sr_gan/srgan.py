"""SRGAN's generator: residual blocks with batch norm, and enlargement by pixel shuffles.

Source: Ledig et al., "Photo-realistic single image super-resolution using a generative adversarial network", CVPR 2017,
arXiv:1609.04802; section 1.3 of the thesis.
"""

from __future__ import annotations

from torch import Tensor, nn

from sharpening.errors import RangeError
from sharpening.models.basic_blocks import conv
from sharpening.models.sr_gan.stack import check_stack

__all__ = ["SrGan"]


def _plain(width: int) -> nn.Conv2d:
    # The norm behind it takes every constant away, so a bias could learn nothing.
    return nn.Conv2d(width, width, 3, padding=1, bias=False)


class _Block(nn.Sequential):
    """convolution, norm, PReLU, convolution, norm, and the input added."""

    def __init__(self, width: int) -> None:
        super().__init__(_plain(width), nn.BatchNorm2d(width), nn.PReLU(), _plain(width), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class _Double(nn.Sequential):
    """Twice the size: convolution to four times the channels, pixel shuffle, PReLU."""

    def __init__(self, width: int) -> None:
        super().__init__(conv(width, 4 * width), nn.PixelShuffle(2), nn.PReLU())


class SrGan(nn.Module):
    """One picture in, one of four times the size out. The defaults are the paper's.

    Args:
        n_frames: Frames in a stack. 1 is the paper's; with more the first convolution reads all of them, which is ours.
        width: Channels of the trunk.
        n_blocks: Residual blocks.

    Raises:
        RangeError: for sizes that leave no network.

    >>> import torch
    >>> net = SrGan(width=8, n_blocks=1)
    >>> net(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 3, 64, 64])
    """

    scale = 4

    def __init__(self, n_frames: int = 1, width: int = 64, n_blocks: int = 16) -> None:
        super().__init__()
        for name, number in (("n_frames", n_frames), ("width", width), ("n_blocks", n_blocks)):
            if number < 1:
                raise RangeError(name, number, "at least 1")
        self.n_frames = n_frames
        self.head = nn.Sequential(conv(3 * n_frames, width, 9), nn.PReLU())
        self.trunk = nn.Sequential(*(_Block(width) for _ in range(n_blocks)), _plain(width), nn.BatchNorm2d(width))
        self.enlarge = nn.Sequential(_Double(width), _Double(width))
        self.tail = conv(width, 3, 9)

    def forward(self, frames: Tensor) -> Tensor:
        """Restore the picture.

        Args:
            frames: `[bs, 3·n_frames, H, W]`, RGB in `[0, 1]`, sides of at least 16 px.

        Returns:
            `[bs, 3, 4H, 4W]`, RGB, trained towards `[0, 1]` and not clamped.

        Raises:
            ShapeError: if the stack does not fit the network.
        """
        x = self.head(check_stack(frames, self.n_frames))
        return self.tail(self.enlarge(x + self.trunk(x)))
