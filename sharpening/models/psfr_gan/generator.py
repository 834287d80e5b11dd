"""The generator of PSFR-GAN: a learned constant that grows to a picture, told at every size what to draw where.

It is key for key the published one. The published file holds the triples of spectral norm (`weight_orig`, `weight_u`, `weight_v`); they are
folded into plain weights when it is read (`fold_spectral_norm`), since nothing is estimated anew outside training.

The modulation is `norm(x) * gamma + beta`, without the `1 +` of SPADE: the two are not interchangeable with trained weights.

Source: Chen et al., "Progressive semantic-aware style transformation for blind face restoration", CVPR 2021, arXiv:2009.08709; Park et al.,
"Semantic image synthesis with spatially-adaptive normalization", CVPR 2019, arXiv:1903.07291; Miyato et al., "Spectral normalization for
generative adversarial networks", 2018, arXiv:1802.05957.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

from sharpening.errors import RangeError, ShapeError
from sharpening.models.psfr_gan.spectral import plain_key

__all__ = ["PsfrGenerator", "generator_settings"]

_SLOPE = 0.2


class _SpadeNorm(nn.Module):
    """Instance norm whose gain and offset are drawn from the reference, pixel by pixel."""

    def __init__(self, n: int, n_reference: int, n_hidden: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(n_reference, n_hidden, 3, padding=1), nn.LeakyReLU(_SLOPE))
        self.gamma_conv = nn.Conv2d(n_hidden, n, 3, padding=1)
        self.beta_conv = nn.Conv2d(n_hidden, n, 3, padding=1)

    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        if reference.shape[-1] != x.shape[-1]:
            # Without a filter, as published: the net learned on what aliases here.
            reference = F.interpolate(reference, x.shape[-2:], mode="bicubic", align_corners=False)
        hidden = self.conv1(reference)
        return F.instance_norm(x) * self.gamma_conv(hidden) + self.beta_conv(hidden)


class _SpadeBlock(nn.Module):
    """Twice norm, leaky ReLU, convolution, beside the identity."""

    def __init__(self, n: int, n_reference: int, n_hidden: int) -> None:
        super().__init__()
        self.norm_0, self.norm_1 = _SpadeNorm(n, n_reference, n_hidden), _SpadeNorm(n, n_reference, n_hidden)
        self.conv_0, self.conv_1 = nn.Conv2d(n, n, 3, padding=1), nn.Conv2d(n, n, 3, padding=1)

    def forward(self, x: Tensor, reference: Tensor) -> Tensor:
        y = self.conv_0(F.leaky_relu(self.norm_0(x, reference), _SLOPE))
        return x + self.conv_1(F.leaky_relu(self.norm_1(y, reference), _SLOPE))


class PsfrGenerator(nn.Module):
    """The network; built by hand it has random weights. The defaults are the published sizes.

    Args:
        width: channels of the last maps; each size below has twice as many.
        n_levels: how often the constant is enlarged twice.
        side: side of the constant [px].
        n_classes: of the label map.
        n_hidden: channels between the reference and the gains.
        spectral: with spectral norm on every convolution and the names of the published file, for training.

    Raises:
        RangeError: when a size is no positive number.
    """

    name = "psfrgan_generator"

    def __init__(
        self,
        width: int = 32,
        n_levels: int = 5,
        side: int = 16,
        *,
        n_classes: int = 19,
        n_hidden: int = 64,
        spectral: bool = False,
    ) -> None:
        super().__init__()
        if min(width, n_levels, side, n_classes, n_hidden) < 1:
            raise RangeError("sizes of the generator", [width, n_levels, side, n_classes, n_hidden], "1 or more each")
        self.n_classes, self.size = n_classes, side * 2**n_levels
        reference = 3 + n_classes
        widths = [width * 2**i for i in range(n_levels, -1, -1)]
        self.const_input = nn.Parameter(torch.randn(1, widths[0], side, side))
        first = nn.Conv2d(widths[0], widths[0], 3, padding=1)
        self.head = nn.ModuleList([first, _SpadeBlock(widths[0], reference, n_hidden)])
        self.body = nn.ModuleList(
            nn.ModuleList([nn.Identity(), nn.Conv2d(a, b, 3, padding=1), _SpadeBlock(b, reference, n_hidden)])
            for a, b in itertools.pairwise(widths)
        )
        self.img_out = nn.Conv2d(width, 3, 3, padding=1)
        if spectral:
            for module in [each for each in self.modules() if isinstance(each, nn.Conv2d)]:
                spectral_norm(module)

    def forward(self, x: Tensor, parts: Tensor) -> Tensor:
        """The restored picture.

        Args:
            x: `[bs, 3, S, S]`, RGB in −1…1, of the generator's own `size` (512 px in the published file).
            parts: `[bs, n_classes, S, S]`, which pixel belongs to which class, 0 or 1.

        Returns:
            `[bs, 3, S, S]`, RGB, about −1…1, not limited.

        Raises:
            ShapeError: when the two are of other shapes.
        """
        wanted = (3 + self.n_classes, self.size, self.size)
        if (
            x.ndim != 4
            or parts.ndim != 4
            or (x.shape[1] + parts.shape[1], *x.shape[2:]) != wanted
            or x.shape[2:] != parts.shape[2:]
        ):
            shapes = f"[bs, 3, {self.size}, {self.size}] and [bs, {self.n_classes}, {self.size}, {self.size}]"
            raise ShapeError("x and parts", f"{tuple(x.shape)} and {tuple(parts.shape)}", shapes)
        reference = torch.cat([x, parts], dim=1)
        maps = self.head[1](self.head[0](self.const_input.expand(len(x), -1, -1, -1)), reference)
        for level in self.body:
            maps = level[1](F.interpolate(maps, scale_factor=2.0, mode="nearest"))  # type: ignore[index]
            maps = level[2](maps, reference)  # type: ignore[index]
        return self.img_out(maps)


def generator_settings(state: Mapping[str, Tensor]) -> dict[str, int]:
    """The settings of the generator that a state fits, plain or with spectral norm; the published ones where it shows none."""
    shapes = {plain_key(key): tuple(value.shape) for key, value in state.items() if not key.endswith(("_u", "_v"))}
    shapes = {
        key: shape for key, shape in shapes.items() if len(shape) == 4
    }  # others are another net's, which the strict loading tells
    levels = {int(key.split(".")[1]) for key in shapes if re.match(r"body\.\d\d?\.", key)}
    out, hidden = shapes.get("img_out.weight", (3, 32)), shapes.get("head.1.norm_0.conv1.0.weight", (64, 22))
    constant = shapes.get("const_input", (1, 1024, 16, 16))
    return {
        "width": int(out[1]),
        "n_levels": 1 + max(levels, default=4),
        "side": int(constant[-1]),
        "n_classes": int(hidden[1]) - 3,
        "n_hidden": int(hidden[0]),
    }
