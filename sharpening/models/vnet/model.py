"""V-Net over the frame volume: the frames are the third axis, so one kernel sees a place in several frames at once.

The paper segments a body scanned in slices. Here the slices are frames, the result is one picture, and the head paints it at four times
the size on top of the enlarged middle frame; those are ours. The paper's kernels, stages, residuals and PReLUs are kept.

Source: Milletari et al., "V-Net: fully convolutional neural networks for volumetric medical image segmentation", 3DV 2016,
doi:10.1109/3DV.2016.79, arXiv:1606.04797; chapter 1 of the thesis.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError
from sharpening.models.basic_blocks import softened

__all__ = ["VNet"]

_SIZE = 5
_SMALLEST = 16  # px
_START = 0.02  # so that the first picture is nearly the enlarged middle


class _Stage(nn.Module):
    """Convolutions of 5×5×5 with PReLUs between; what came in is added before the last one."""

    def __init__(self, n_in: int, width: int, n_convs: int) -> None:
        super().__init__()
        widths = [n_in, *[width] * n_convs]
        self.convs = nn.ModuleList(nn.Conv3d(widths[i], width, _SIZE, padding=_SIZE // 2) for i in range(n_convs))
        self.acts = nn.ModuleList(nn.PReLU(width) for _ in range(n_convs))
        for layer in self.convs:
            nn.init.kaiming_normal_(layer.weight, a=0.25)  # type: ignore[arg-type]

    def forward(self, x: Tensor, added: Tensor) -> Tensor:
        *inner, last = zip(self.convs, self.acts, strict=True)
        for layer, act in inner:
            x = act(layer(x))
        return last[1](last[0](x) + added)


class _Down(nn.Sequential):
    """Half of each axis, rounded up: kernels of 2×2×2 that do not overlap."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__(nn.Conv3d(n_in, n_out, 2, stride=2), nn.PReLU(n_out))

    def forward(self, x: Tensor) -> Tensor:
        frames, height, width = (side % 2 for side in x.shape[-3:])
        # An odd axis shows its last frame, row or column twice; so a volume of one frame passes too.
        return super().forward(F.pad(x, (0, width, 0, height, 0, frames), mode="replicate"))


class _Up(nn.Module):
    """Twice each axis, cut to the size of the skip."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv, self.act = nn.ConvTranspose3d(n_in, n_out, 2, stride=2), nn.PReLU(n_out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        frames, height, width = skip.shape[-3:]
        return self.act(self.conv(x)[..., :frames, :height, :width])


class _Head(nn.Module):
    """The middle's picture: 5×5×5, PReLU, 1×1×1 as in the paper, then a pixel shuffle to four times the size."""

    def __init__(self, n_in: int, scale: int) -> None:
        super().__init__()
        n_out = 3 * scale**2
        self.conv = nn.Conv3d(n_in, n_out, _SIZE, padding=(0, _SIZE // 2, _SIZE // 2))
        self.act = nn.PReLU(n_out)
        self.paint = softened(nn.Conv2d(n_out, n_out, 1), _START)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        reach, middle = _SIZE // 2, x.shape[2] // 2
        # Only the frames that the middle's kernel reaches; what lies beyond the volume counts as zero, as everywhere.
        near = F.pad(x, (0, 0, 0, 0, reach, reach))[:, :, middle : middle + _SIZE]
        return F.pixel_shuffle(self.paint(self.act(self.conv(near)).squeeze(2)), self.scale)


class VNet(nn.Module):
    """n frames in, one picture of the middle one out, four times the size.

    Each step down halves height and width, and the frames as long as there are several: 7, 4, 2, 1, 1. No axis need be even. With the
    default sizes there are about 65 million parameters.

    Args:
        n_frames: Frames in a stack.
        widths: Channels of the stages, from the finest to the coarsest.
        n_convs_down: Convolutions of those stages.
        n_convs_up: Convolutions of the stages on the way up, from the coarsest to the finest; one fewer.

    Raises:
        RangeError: for sizes that leave no network, or counts that do not fit the widths.

    >>> import torch
    >>> net = VNet(n_frames=3, widths=(4, 8), n_convs_down=(1, 2), n_convs_up=(1,))
    >>> net(torch.zeros(2, 9, 16, 16)).shape
    torch.Size([2, 3, 64, 64])
    """

    scale = 4

    def __init__(
        self,
        n_frames: int = 7,
        widths: Sequence[int] = (16, 32, 64, 128, 256),
        n_convs_down: Sequence[int] = (1, 2, 3, 3, 3),
        n_convs_up: Sequence[int] = (3, 3, 2, 1),
    ) -> None:
        super().__init__()
        _check_sizes(n_frames, widths, n_convs_down, n_convs_up)
        self.n_frames = n_frames
        self.down = nn.ModuleList(_Down(a, b) for a, b in itertools.pairwise(widths))
        inputs = (3, *widths[1:])
        self.encoder = nn.ModuleList(_Stage(*sizes) for sizes in zip(inputs, widths, n_convs_down, strict=True))
        self.up, self.decoder, n_up = nn.ModuleList(), nn.ModuleList(), widths[-1]
        for width, n_convs in zip(reversed(widths[:-1]), n_convs_up, strict=True):
            # Half of what a stage reads comes from below and half from beside, as in the paper.
            self.up.append(_Up(n_up, width))
            n_up = 2 * width
            self.decoder.append(_Stage(n_up, n_up, n_convs))
        self.head = _Head(n_up, self.scale)

    def forward(self, frames: Tensor) -> Tensor:
        """Restore the middle frame.

        Args:
            frames: `[bs, 3·n_frames, H, W]`, RGB in `[0, 1]`, sides of at least 16 px.

        Returns:
            `[bs, 3, 4H, 4W]`, RGB, trained towards `[0, 1]` and not clamped.

        Raises:
            ShapeError: if the stack does not fit the network.
        """
        self._check(frames)
        volume = frames.unflatten(1, (self.n_frames, 3)).transpose(1, 2)  # [bs, 3, n, H, W]
        x = self.encoder[0](volume, _repeated(volume, self.encoder[0].convs[0].out_channels))  # type: ignore[union-attr,index,arg-type]
        skips = []
        for down, stage in zip(self.down, self.encoder[1:], strict=True):
            skips.append(x)
            x = down(x)
            x = stage(x, x)
        for up, stage, skip in zip(self.up, self.decoder, reversed(skips), strict=True):
            x = torch.cat([up(x, skip), skip], dim=1)
            x = stage(x, x)
        middle = volume[:, :, self.n_frames // 2]
        return F.interpolate(middle, scale_factor=self.scale, mode="bicubic", align_corners=False) + self.head(x)

    def _check(self, frames: Tensor) -> None:
        if frames.ndim != 4 or frames.shape[1] != 3 * self.n_frames or min(frames.shape[-2:]) < _SMALLEST:
            wanted = f"[bs, {3 * self.n_frames}, H ≥ {_SMALLEST}, W ≥ {_SMALLEST}]"
            advice = f"The network was built for {self.n_frames} frames; VNet(n_frames=…) builds one for another number."
            raise ShapeError("frames", tuple(frames.shape), wanted, advice)


def _repeated(volume: Tensor, width: int) -> Tensor:
    """The input as often as it takes to be added to `width` channels."""
    return volume.repeat(1, -(-width // 3), 1, 1, 1)[:, :width]


def _check_sizes(n_frames: int, widths: Sequence[int], n_convs_down: Sequence[int], n_convs_up: Sequence[int]) -> None:
    if n_frames < 1:
        raise RangeError("n_frames", n_frames, "at least 1")
    for name, numbers, count in (
        ("widths", widths, max(len(widths), 2)),
        ("n_convs_down", n_convs_down, len(widths)),
        ("n_convs_up", n_convs_up, len(widths) - 1),
    ):
        if len(numbers) != count or min(numbers) < 1:
            raise RangeError(name, list(numbers), f"{count} numbers of at least 1")
