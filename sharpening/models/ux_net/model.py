"""A U-Net that learns which scales to join and which operators to use, in the manner of UX-Net.

The paper searches both at once by a continuous relaxation: every choice is a softmax, and what has the largest share is what was found.
Its tables of layers and operators were not to be had, so this is a sketch of the idea: a decoder scale takes a weighted sum of all
encoder scales, a block a weighted sum of four operators, and the shares learn along with the kernels instead of in a search of their
own. The frames are channels here; the result is painted on top of the enlarged middle frame.

Source: Ji et al., "UXNet: searching multi-level feature aggregation for 3D medical image segmentation", MICCAI 2020, arXiv:2009.07501;
chapter 1 of the thesis. The softmax over operators: Liu et al., "DARTS", 2018, arXiv:1806.09055.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError
from sharpening.models.basic_blocks import conv, softened, upshuffle

__all__ = ["OPERATORS", "UXNet"]

OPERATORS = ("3x3", "dilated 3x3", "depthwise 3x3", "identity")
"""What a block may do."""

_SMALLEST = 16  # px
_SLOPE = 0.1
_START = 0.1


def _start(layer: nn.Conv2d, factor: float = 1.0) -> nn.Conv2d:
    """The layer with fresh kernels; the mean of k independent maps is √k times smaller than one, which `factor` makes good."""
    nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
    with torch.no_grad():
        layer.weight.mul_(factor)
    return layer


class _Mixture(nn.Module):
    """A block: the softmax mixture of `OPERATORS`, then leaky ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(len(OPERATORS)))
        self.plain, self.dilated = conv(width, width), conv(width, width, dilation=2)
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width)
        for layer in (self.plain, self.dilated, self.depthwise):
            _start(layer, len(OPERATORS) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        shares = self.logits.softmax(dim=0)
        made = torch.stack([self.plain(x), self.dilated(x), self.depthwise(x), x])
        return F.leaky_relu(torch.einsum("o,obchw->bchw", shares, made), _SLOPE)


class _Join(nn.Module):
    """What one decoder scale takes from the encoder: the softmax-weighted sum of all its scales, resized and brought to one width."""

    def __init__(self, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(len(widths)))
        self.bring = nn.ModuleList(_start(nn.Conv2d(n_in, width, 1), len(widths) ** 0.5) for n_in in widths)

    def forward(self, maps: Sequence[Tensor], size: Sequence[int]) -> Tensor:
        made = torch.stack([_brought(bring, x, size) for bring, x in zip(self.bring, maps, strict=True)])
        return torch.einsum("s,sbchw->bchw", self.logits.softmax(dim=0), made)


def _brought(bring: nn.Module, x: Tensor, size: Sequence[int]) -> Tensor:
    # Both orders give the same; the convolution goes where the map is smaller.
    if x.shape[-2] > size[0]:
        return bring(F.adaptive_avg_pool2d(x, (size[0], size[1])))
    return _enlarged(bring(x), size)


def _enlarged(x: Tensor, size: Sequence[int]) -> Tensor:
    return x if x.shape[-2:] == tuple(size) else F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


class UXNet(nn.Module):
    """n frames in, one picture of the middle one out, four times the size.

    Args:
        n_frames: Frames in a stack.
        widths: Channels of the scales, from the finest to the coarsest; each is half as large as the one before.
        n_blocks: Blocks at each scale of encoder and decoder.

    Raises:
        RangeError: for sizes that leave no network.

    >>> net = UXNet(n_frames=3, widths=(4, 8), n_blocks=1)
    >>> net(torch.zeros(2, 9, 16, 16)).shape
    torch.Size([2, 3, 64, 64])
    >>> net.learned_choice()["decoder 1/2, scales"]
    {'1/1': 0.5, '1/2': 0.5}
    """

    scale = 4

    def __init__(self, n_frames: int = 7, widths: Sequence[int] = (32, 64, 128, 256), n_blocks: int = 2) -> None:
        super().__init__()
        if n_frames < 1:
            raise RangeError("n_frames", n_frames, "at least 1")
        if len(widths) < 2 or min(widths) < 1:
            raise RangeError("widths", list(widths), "two or more numbers of at least 1")
        if n_blocks < 1:
            raise RangeError("n_blocks", n_blocks, "at least 1")
        self.n_frames, first = n_frames, widths[0]
        self.stem = _start(conv(3 * n_frames, first))
        self.down = nn.ModuleList(_start(conv(a, b, stride=2)) for a, b in itertools.pairwise(widths))
        self.encoder, self.decoder = (
            nn.ModuleList(nn.Sequential(*(_Mixture(width) for _ in range(n_blocks))) for width in widths) for _ in range(2)
        )
        self.joins = nn.ModuleList(_Join(widths, width) for width in widths)
        self.up = nn.ModuleList(_start(nn.Conv2d(b, a, 1)) for a, b in itertools.pairwise(widths))
        act = nn.LeakyReLU(_SLOPE)
        self.head = nn.Sequential(upshuffle(first, first), act, upshuffle(first, first), act, softened(conv(first, 3), _START))

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
        maps = [self.encoder[0](self.stem(frames))]
        for down, blocks in zip(self.down, self.encoder[1:], strict=True):
            maps.append(blocks(F.leaky_relu(down(maps[-1]), _SLOPE)))
        x = self.decoder[-1](self.joins[-1](maps, maps[-1].shape[-2:]))
        for up, join, blocks, like in reversed(list(zip(self.up, self.joins, self.decoder, maps, strict=False))):
            size = like.shape[-2:]
            x = blocks(join(maps, size) + _enlarged(up(x), size))
        middle = frames.unflatten(1, (self.n_frames, 3))[:, self.n_frames // 2]
        return F.interpolate(middle, scale_factor=self.scale, mode="bicubic", align_corners=False) + self.head(x)

    def _check(self, frames: Tensor) -> None:
        if frames.ndim != 4 or frames.shape[1] != 3 * self.n_frames or min(frames.shape[-2:]) < _SMALLEST:
            wanted = f"[bs, {3 * self.n_frames}, H ≥ {_SMALLEST}, W ≥ {_SMALLEST}]"
            advice = f"The network was built for {self.n_frames} frames; UXNet(n_frames=…) builds one for another number."
            raise ShapeError("frames", tuple(frames.shape), wanted, advice)

    def choice_logits(self) -> list[nn.Parameter]:
        """The parameters that choose, as opposed to those that compute."""
        return [p for name, p in self.named_parameters() if name.endswith("logits")]

    def learned_choice(self) -> dict[str, dict[str, float]]:
        """The shares of every choice, each of which sums to 1.

        Returns:
            "decoder 1/2, scales" → share of each encoder scale, "encoder 1/1, block 1" → share of each of `OPERATORS`.
        """
        scales = [f"1/{2**i}" for i in range(len(self.joins))]
        found = {f"decoder {scale}, scales": _shares(join, scales) for scale, join in zip(scales, self.joins, strict=True)}
        for side in ("encoder", "decoder"):
            for scale, blocks in zip(scales, getattr(self, side), strict=True):
                found |= {f"{side} {scale}, block {i}": _shares(block, OPERATORS) for i, block in enumerate(blocks, start=1)}
        return found

    def choice_in_words(self) -> str:
        """What leads in every choice, a line each, such as "encoder 1/1, block 1: identity (31 %), then 3x3 (26 %)"."""
        lines = []
        for place, shares in self.learned_choice().items():
            (best, most), (second, next_most), *_ = sorted(shares.items(), key=lambda item: -item[1])
            lines.append(f"{place}: {best} ({most:.0%}), then {second} ({next_most:.0%})".replace("%", " %"))
        return "\n".join(lines)


def _shares(chooser: nn.Module, names: Sequence[str]) -> dict[str, float]:
    logits: Tensor = chooser.logits  # type: ignore[assignment]
    return dict(zip(names, logits.detach().softmax(dim=0).tolist(), strict=True))
