"""The thesis's U-Net: a ResNet-34 that reads all frames as channels, and a decoder of pixel shuffles.

It is the network that fastai's `DynamicUnet` builds, tensor for tensor (`port.from_fastai` renames its weights), but a plain
module: the skips are passed on explicitly, there are no hooks and no tensor subclasses, so it exports and compiles.

Sources: Ronneberger et al., "U-Net", MICCAI 2015, doi:10.1007/978-3-319-24574-4_28; Aitken et al., "Checkerboard artifact free
sub-pixel convolution", arXiv:1707.02937; Sugawara et al., "Super-resolution using convolutional neural networks without any
checkerboard artifacts", arXiv:1806.02658 (the blur); docs.fast.ai/vision.models.unet.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.resize import resize_tensor
from sharpening.models.unet.encoder import FirstLayer, ResNetEncoder, load_rgb_weights

__all__ = ["UNet"]

_SMALLEST = 32  # px: five halvings must leave a map


def _conv(n_in: int, n_out: int, size: int = 3) -> nn.Conv2d:
    conv = nn.Conv2d(n_in, n_out, size, padding=size // 2)
    nn.init.kaiming_normal_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


def _norm(width: int) -> nn.BatchNorm2d:
    norm = nn.BatchNorm2d(width)
    nn.init.constant_(norm.bias, 1e-3)
    return norm


class _Enlarge(nn.Module):
    """Twice the size: 1×1 convolution to four times the channels, ReLU, pixel shuffle, and a 2×2 mean against checkerboards."""

    def __init__(self, n_in: int, n_out: int, blur: bool) -> None:
        super().__init__()
        self.conv, self.blur = _conv(n_in, 4 * n_out, 1), blur
        # The four channels that become one 2×2 block start equal, so that the start is nearest-neighbour enlargement.
        seed = nn.init.kaiming_normal_(torch.empty(n_out, n_in, 1, 1))
        with torch.no_grad():
            self.conv.weight.copy_(seed.repeat_interleave(4, dim=0))

    def forward(self, x: Tensor) -> Tensor:
        x = F.pixel_shuffle(F.relu(self.conv(x)), 2)  # [bs, n_out, 2h, 2w]
        if not self.blur:
            return x
        return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


class _UpBlock(nn.Module):
    """One step up: enlarge, join the skip of the encoder, two convolutions."""

    def __init__(self, n_in: int, n_skip: int, blur: bool, keep_width: bool) -> None:
        super().__init__()
        n_join = n_in // 2 + n_skip
        self.n_out = n_join if keep_width else n_join // 2
        self.enlarge = _Enlarge(n_in, n_in // 2, blur)
        self.norm = _norm(n_skip)
        self.conv1, self.conv2 = _conv(n_join, self.n_out), _conv(self.n_out, self.n_out)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = _resize_to(self.enlarge(x), skip)
        x = F.relu(torch.cat([x, self.norm(skip)], dim=1))
        return F.relu(self.conv2(F.relu(self.conv1(x))))


class _Neck(nn.Module):
    """The bottom of the U: norm, ReLU, and two convolutions through twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = _norm(width)
        self.conv1, self.conv2 = _conv(width, 2 * width), _conv(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv2(F.relu(self.conv1(F.relu(self.norm(x))))))


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = _conv(width, width), _conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.conv2(F.relu(self.conv1(x))) + x)


def _resize_to(x: Tensor, like: Tensor) -> Tensor:
    # Sizes differ only where a side of the input is no multiple of 32.
    return x if x.shape[-2:] == like.shape[-2:] else F.interpolate(x, size=like.shape[-2:], mode="nearest")


class UNet(nn.Module):
    """U-Net over a stack of frames.

    Args:
        n_frames: Frames in a stack.
        encoder: "resnet34" (the thesis's) or "resnet18".
        first_layer: Which frames get the RGB kernels of `pretrained`: "first" (fastai's and so the thesis's way), "middle" or
            "spread"; see `encoder.spread_first_layer`. Without `pretrained` it changes nothing.
        pretrained: State file of torchvision's ResNet of the same name, or None for fresh weights.
        blur: Average 2×2 after each pixel shuffle but the last.
        width: Channels of the encoder's first stage. 64 is the published network; less makes small ones for tests.
        enlarge: The frames are enlarged (bicubic) by this factor before the network, which leaves the size as it is: 2.4 is
            the thesis's finetuner, 60×60 in and 144×144 out.
        n_in: Channels of the input where it is no stack of frames, such as pictures with a mask; 3·n_frames when None.

    Attributes:
        scale: How many times larger than the frames the result is: `enlarge`.

    The published form (7 frames, "resnet34") has 41,347,790 parameters.

    >>> net = UNet(n_frames=3, encoder="resnet18", width=8)
    >>> net(torch.zeros(2, 9, 64, 64)).shape
    torch.Size([2, 3, 64, 64])
    """

    def __init__(
        self,
        n_frames: int = 7,
        encoder: str = "resnet34",
        *,
        first_layer: FirstLayer = "first",
        pretrained: str | Path | None = None,
        blur: bool = True,
        width: int = 64,
        enlarge: float = 1,
        n_in: int | None = None,
    ) -> None:
        super().__init__()
        if n_frames < 1:
            raise RangeError("n_frames", n_frames, "at least 1")
        if enlarge < 1:
            raise RangeError("enlarge", enlarge, "at least 1")
        self.n_frames, self.scale = n_frames, enlarge
        self.n_in = 3 * n_frames if n_in is None else n_in
        self.encoder = ResNetEncoder(encoder, self.n_in, width)
        if pretrained is not None:
            load_rgb_weights(self.encoder, pretrained, first_layer)
        w1, w2, w3, w4 = self.encoder.widths
        self.neck = _Neck(w4)
        self.blocks, n_up = nn.ModuleList(), w4
        for n_skip in (w3, w2, w1, w1):
            block = _UpBlock(n_up, n_skip, blur, keep_width=len(self.blocks) < 3)
            self.blocks.append(block)
            n_up = block.n_out
        self.enlarge = _Enlarge(n_up, n_up, blur=False)
        self.residual = _Residual(n_up + self.n_in)
        self.head = nn.Conv2d(n_up + self.n_in, 3, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Restore the middle frame.

        Args:
            frames: `[bs, 3·n_frames, H, W]`, RGB, ImageNet-normalised; without `enlarge` already enlarged (bicubic) to the
                output's size; sides of at least 32 px.

        Returns:
            `[bs, 3, enlarge·H, enlarge·W]`, RGB, trained towards `[0, 1]` and not clamped.

        Raises:
            ShapeError: if the stack does not fit the network.
        """
        self._check(frames)
        if self.scale != 1:
            height, width = (round(side * self.scale) for side in frames.shape[-2:])
            frames = resize_tensor(frames, (height, width))
        return self._paint(self._decode(*self.encoder(frames))[-1], frames)

    def _check(self, frames: Tensor) -> None:
        wanted = f"[bs, {self.n_in}, H ≥ {_SMALLEST}, W ≥ {_SMALLEST}]"
        if frames.ndim != 4 or frames.shape[1] != self.n_in:
            build = f"{type(self).__name__}(n_frames=…)"
            advice = f"The network was built for {self.n_frames} frames; {build} builds one for another number."
            raise ShapeError("frames", tuple(frames.shape), wanted, advice)
        if min(frames.shape[-2:]) < _SMALLEST:
            raise ShapeError("frames", tuple(frames.shape), wanted, "Enlarge the frames first, as mframe_dls(size_in=128) does.")

    def _decode(self, deepest: Tensor, skips: Sequence[Tensor]) -> list[Tensor]:
        """The output of each decoder level, deepest first: 1/16, 1/8, 1/4 and 1/2 of the size."""
        maps, x = [], self.neck(deepest)  # [bs, 8w, H/32, W/32]
        for block, skip in zip(self.blocks, reversed(skips), strict=True):
            x = block(x, skip)
            maps.append(x)
        return maps

    def _paint(self, x: Tensor, frames: Tensor) -> Tensor:
        """The picture out of the last level's output."""
        x = _resize_to(self.enlarge(x), frames)  # [bs, 3w/2, H, W]
        return self.head(self.residual(torch.cat([x, frames], dim=1)))
