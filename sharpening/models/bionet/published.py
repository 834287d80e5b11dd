"""The BiO-Net of its authors: convolutions shared by all iterations, batch norms of each iteration's own.

It computes what the authors' PyTorch version computes (`port` renames its weights), and is made for stacks of frames by
`BioNetPublished`.

Source: Xiang et al., "BiO-Net: Learning recurrent bi-directional connections for encoder-decoder architecture", MICCAI 2020,
doi:10.1007/978-3-030-59710-8_8, arXiv:2007.00243.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharpening.errors import RangeError, ShapeError

__all__ = ["BioNetPublished", "PublishedBioNet"]

_STEP = 32  # px: one pooling after the stem and four in the encoder
_N_LEVELS = 4
_MOMENTUM = 0.01  # the authors': running statistics follow a hundred batches, not ten


class _Unit(nn.Module):
    """3×3 convolution, ReLU, then the batch norm of the iteration."""

    def __init__(self, n_in: int, n_out: int, n_iterations: int = 1, *, enlarge: bool = False) -> None:
        super().__init__()
        self.conv: nn.Module = nn.Conv2d(n_in, n_out, 3, padding=1)
        if enlarge:
            self.conv = nn.ConvTranspose2d(n_in, n_out, 3, stride=2, padding=1, output_padding=1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(n_out, momentum=_MOMENTUM) for _ in range(n_iterations))

    def forward(self, x: Tensor, iteration: int = 0) -> Tensor:
        return self.norms[iteration](F.relu(self.conv(x)))


class _Level(nn.Module):
    """Two units, whose output is a skip, and one that leads to the next level."""

    def __init__(self, n_in: int, n_keep: int, n_out: int, n_iterations: int, *, enlarge: bool) -> None:
        super().__init__()
        self.units = nn.ModuleList([_Unit(n_in, n_keep, n_iterations), _Unit(n_keep, n_keep, n_iterations)])
        self.onward = _Unit(n_keep, n_out, n_iterations, enlarge=enlarge)
        self.enlarge = enlarge

    def forward(self, x: Tensor, iteration: int) -> tuple[Tensor, Tensor]:
        for unit in self.units:
            x = unit(x, iteration)
        y = self.onward(x, iteration)
        return x, y if self.enlarge else F.max_pool2d(y, 2)


class PublishedBioNet(nn.Module):
    """The authors' BiO-Net.

    With `n_iterations` 1, 2 and 3 the published form has 14,964,417, 14,971,137 and 14,977,857 parameters; with `integrate` the
    latter two have 14,980,353 and 14,996,289.

    Args:
        n_iterations: Runs through encoder and decoder.
        integrate: Let the head read the decoder's output of all iterations, not of the last alone.
        multiplier: Of all widths; with 1 they are 32, 64, 128, 256 and 512.
        n_in: Channels of the input; the authors have 3.
        n_out: Channels of the output; the authors have 1, a mask.

    Raises:
        RangeError: for settings that leave no network.
    """

    scale = 1

    def __init__(
        self, n_iterations: int = 2, integrate: bool = False, multiplier: float = 1.0, n_in: int = 3, n_out: int = 1
    ) -> None:
        super().__init__()
        for name, number in (("n_iterations", n_iterations), ("n_in", n_in), ("n_out", n_out)):
            if number < 1:
                raise RangeError(name, number, "at least 1")
        if int(32 * multiplier) < 1:
            raise RangeError("multiplier", multiplier, "at least 1/32, which leaves one channel of 32")
        self.n_iterations, self.integrate, self.n_in = n_iterations, integrate, n_in
        widths = [int(32 * 2**i * multiplier) for i in range(_N_LEVELS + 1)]
        first, deep = widths[0], widths[-1]
        self.stem = nn.ModuleList(_Unit(n, first) for n in (n_in, first, first))
        # A backward skip, or in the first iteration the input once more, doubles what an encoder level reads.
        levels = list(itertools.pairwise(widths))
        self.encoder = nn.ModuleList(_Level(2 * n, n, deeper, n_iterations, enlarge=False) for n, deeper in levels)
        self.middle = nn.ModuleList(_Unit(deep, deep, enlarge=i == 2) for i in range(3))
        self.decoder = nn.ModuleList(_Level(deeper + n, n, n, n_iterations, enlarge=True) for n, deeper in reversed(levels))
        self.head = nn.ModuleList([_Unit(first * (n_iterations if integrate else 1), first), _Unit(first, first)])
        self.last = nn.Conv2d(first, n_out, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """Map a picture, or a stack of frames, to a picture.

        Sides that are no multiple of 32, which the authors' program refuses, are filled up by repeating the border; what was
        filled is cut off the result. That is ours.

        Args:
            frames: `[bs, n_in, H, W]`, sides of at least 32 px.

        Returns:
            `[bs, n_out, H, W]` in `[0, 1]`, from a sigmoid.

        Raises:
            ShapeError: if the input does not fit the network.
        """
        self._check(frames)
        height, width = frames.shape[-2:]
        if height % _STEP or width % _STEP:
            frames = F.pad(frames, (0, -width % _STEP, 0, -height % _STEP), mode="replicate")
        start = F.max_pool2d(_through(self.stem, frames), 2)
        outputs, back = [], None
        for iteration in range(self.n_iterations):
            x, back = self._iterate(start, back, iteration)
            outputs.append(x)
        x = torch.cat(outputs, dim=1) if self.integrate else outputs[-1]
        return torch.sigmoid(self.last(_through(self.head, x)))[..., :height, :width]

    def _check(self, frames: Tensor) -> None:
        if frames.ndim != 4 or frames.shape[1] != self.n_in or min(frames.shape[-2:]) < _STEP:
            wanted = f"[bs, {self.n_in}, H ≥ {_STEP}, W ≥ {_STEP}]"
            advice = f"The network was built for {self.n_in} channels; enlarge the frames first, as mframe_dls(size_in=128) does."
            raise ShapeError("frames", tuple(frames.shape), wanted, advice)

    def _iterate(self, x: Tensor, back: Sequence[Tensor] | None, iteration: int) -> tuple[Tensor, list[Tensor]]:
        """Encoder and decoder once: the decoder's output at full size, and the backward skips, shallowest first."""
        skips, kept = [], []
        for place, level in enumerate(self.encoder):
            skip, x = level(torch.cat([x, x if back is None else back[place]], dim=1), iteration)
            skips.append(skip)
        x = _through(self.middle, x)
        for level, skip in zip(self.decoder, reversed(skips), strict=True):
            y, x = level(torch.cat([x, skip], dim=1), iteration)
            kept.append(y)
        return x, kept[::-1]


def _through(units: Iterable[nn.Module], x: Tensor) -> Tensor:
    for unit in units:
        x = unit(x)
    return x


class BioNetPublished(PublishedBioNet):
    """The authors' BiO-Net as a network that restores the middle of a stack of frames.

    Args:
        n_frames: Frames in a stack; they come ImageNet-normalised and as large as the label, as a `UNet` takes them.
        n_iterations: See `PublishedBioNet`.
        integrate: See `PublishedBioNet`; the authors recommend it.
        multiplier: See `PublishedBioNet`.

    Raises:
        RangeError: for no frames, and as `PublishedBioNet`.

    >>> net = BioNetPublished(n_frames=3, multiplier=0.25)
    >>> net(torch.zeros(2, 9, 64, 64)).shape
    torch.Size([2, 3, 64, 64])
    """

    def __init__(self, n_frames: int = 7, n_iterations: int = 2, integrate: bool = True, multiplier: float = 1.0) -> None:
        if n_frames < 1:
            raise RangeError("n_frames", n_frames, "at least 1")
        super().__init__(n_iterations, integrate, multiplier, n_in=3 * n_frames, n_out=3)
        self.n_frames = n_frames
