"""The net that tells made pictures from true ones, SRGAN's and ESRGAN's alike; WGAN takes it too, as its scores have no sigmoid.

What fastai's `GANLearner` calls critic is this net; in this house a critic is a weighted sum of losses.

Source: Ledig et al., "Photo-realistic single image super-resolution using a generative adversarial network", CVPR 2017,
arXiv:1609.04802.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from torch import Tensor, nn

from sharpening.errors import RangeError, ShapeError

__all__ = ["Discriminator"]

_SLOPE = 0.2
_LEVELS = 4


def _units(width: int) -> Iterator[nn.Module]:
    """Two convolutions a level, the second of which halves the picture; a norm behind each but the first."""
    widths = [width * 2**level for level in range(_LEVELS)]
    steps = [(3, width, 1), (width, width, 2)]
    for n_in, n_out in itertools.pairwise(widths):
        steps += [(n_in, n_out, 1), (n_out, n_out, 2)]
    for place, (n_in, n_out, stride) in enumerate(steps):
        yield nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=place == 0)
        if place:
            yield nn.BatchNorm2d(n_out)
        yield nn.LeakyReLU(_SLOPE)


class Discriminator(nn.Module):
    """Pictures of one size to one score each. The defaults are the paper's.

    Args:
        size: Side of the pictures [px].
        width: Channels of the first level; each of the three others has twice as many as the one before.
        n_hidden: Width of the layer before the score.

    Raises:
        RangeError: for sizes that leave no network.
    """

    def __init__(self, size: int = 96, width: int = 64, n_hidden: int = 1024) -> None:
        super().__init__()
        for name, number, least in (("size", size, 2**_LEVELS), ("width", width, 1), ("n_hidden", n_hidden, 1)):
            if number < least:
                raise RangeError(name, number, f"at least {least}")
        self.size = size
        self.body = nn.Sequential(*_units(width))
        side = -(-size // 2**_LEVELS)  # each level rounds up
        n_last = width * 2 ** (_LEVELS - 1)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(n_last * side**2, n_hidden), nn.LeakyReLU(_SLOPE), nn.Linear(n_hidden, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """How true each picture looks.

        Args:
            pictures: `[bs, 3, size, size]`, RGB, about `[0, 1]`.

        Returns:
            `[bs, 1]`, before the sigmoid; high means true.

        Raises:
            ShapeError: for pictures of another size.
        """
        if pictures.shape[1:] != (3, self.size, self.size):
            wanted = f"[bs, 3, {self.size}, {self.size}]"
            raise ShapeError(
                "pictures", tuple(pictures.shape), wanted, "Build it with the side of the labels: Discriminator(size=…)."
            )
        return self.head(self.body(pictures))
