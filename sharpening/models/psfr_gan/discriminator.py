"""The discriminator of PSFR-GAN: three nets of one form that look at a picture and its parts at three sizes.

Only training needs it, and no published file holds it; names and shapes are those of the published program. Spectral norm stays in its own
form here, because it goes on estimating.

Source: Chen et al., "Progressive semantic-aware style transformation for blind face restoration", CVPR 2021, arXiv:2009.08709; the three
sizes follow Wang et al., "High-resolution image synthesis and semantic manipulation with conditional GANs", 2018, arXiv:1711.11585.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

from sharpening.errors import RangeError, ShapeError

__all__ = ["Judged", "PsfrDiscriminator"]

_SLOPE = 0.2


class Judged(NamedTuple):
    """What one of the nets says.

    Attributes:
        scores: `[bs, 1, h, w]`, before any activation; high means true.
        maps: those of its units, from the finest to the coarsest.
    """

    scores: Tensor
    maps: list[Tensor]


class _Unit(nn.Module):
    """A 3×3 convolution behind a reflected border, and where asked for instance norm, leaky ReLU and a pool of 2×2."""

    def __init__(self, n_in: int, n_out: int, *, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        self.conv2d = spectral_norm(nn.Conv2d(n_in, n_out, 3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"))
        if not self.halves:
            return F.leaky_relu(x, _SLOPE)
        return F.avg_pool2d(F.leaky_relu(F.instance_norm(x), _SLOPE), 2)


class _Score(nn.Module):
    """The last convolution, without a border."""

    def __init__(self, n_in: int) -> None:
        super().__init__()
        self.conv2d = spectral_norm(nn.Conv2d(n_in, 1, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2d(x)


class _OneSize(nn.Module):
    def __init__(self, n_in: int, width: int, n_halvings: int, most: int) -> None:
        super().__init__()
        widths = [min(width * 2**i, most) for i in range(n_halvings + 1)]
        halving = [_Unit(a, b, halves=True) for a, b in itertools.pairwise(widths)]
        self.model = nn.Sequential(_Unit(n_in, width, halves=False), *halving)
        self.score_out = _Score(widths[-1])

    def forward(self, x: Tensor) -> Judged:
        maps = []
        for unit in self.model:
            x = unit(x)
            maps.append(x)
        return Judged(self.score_out(x), maps)


class PsfrDiscriminator(nn.Module):
    """The network; it always starts from random weights. The defaults are the published sizes.

    In each unit the convolution comes first, then instance norm, leaky ReLU and the pool; the published order is not stated in our sources.

    Args:
        n_classes: of the label map.
        width: channels of the first maps.
        n_sizes: how many nets look, each at half the size of the one before.
        n_halvings: pools in each net.
        most: channels of the deepest maps at most.

    Raises:
        RangeError: when a size is no positive number.
    """

    name = "psfrgan_discriminator"

    def __init__(self, n_classes: int = 19, width: int = 64, *, n_sizes: int = 3, n_halvings: int = 4, most: int = 1024) -> None:
        super().__init__()
        if min(n_classes, width, n_sizes, most) < 1 or n_halvings < 0:
            raise RangeError("sizes of the discriminator", [n_classes, width, n_sizes, n_halvings, most], "1 or more each")
        self.least = 3 * 2 ** (n_halvings + n_sizes - 1)
        self.D_pool = nn.ModuleList(_OneSize(3 + n_classes, width, n_halvings, most) for _ in range(n_sizes))

    def forward(self, x: Tensor) -> list[Judged]:
        """What each net says, the one with the largest picture first.

        Args:
            x: `[bs, 3 + n_classes, H, W]`: a picture in −1…1 and the one-hot parts of the *true* picture.

        Raises:
            ShapeError: for a picture too small for the last score.
        """
        if x.ndim != 4 or min(x.shape[-2:]) < self.least:
            raise ShapeError("x", tuple(x.shape), f"[bs, c, H ≥ {self.least}, W ≥ {self.least}]", "Take fewer sizes or halvings.")
        return list(self._looks(x))

    def _looks(self, x: Tensor) -> Iterator[Judged]:
        for number, net in enumerate(self.D_pool):
            if number:
                x = F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
            yield net(x)
