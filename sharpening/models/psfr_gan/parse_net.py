"""ParseNet, the face parser of PSFR-GAN, key for key as published, so that its file loads as it is.

The weights are not shipped: `parse_multi_iter_90000.pth` of chaofengc/PSFRGAN, release v0.1.0 (CC BY-NC-SA 4.0, not for commerce). Its
classes are numbered as those of CelebAMask-HQ (`models.face_seg.classes.CELEBAMASKHQ_CLASSES`).

Source: Chen et al., "Progressive semantic-aware style transformation for blind face restoration", CVPR 2021, arXiv:2009.08709.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.errors import ShapeError

__all__ = ["ParseNet", "parse_net_settings"]

_N_HALVINGS = 4
_STEP = 2**_N_HALVINGS  # px
_LEAST = 2 * _STEP  # px: the deepest maps then have two pixels, which a reflected border needs
_SLOPE = 0.2


class _Norm(nn.Module):
    """Batch norm, one name deeper: the published tensors are called `norm.norm`."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(n)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x)


class _Unit(nn.Module):
    """A reflected border, a 3×3 convolution, and where asked for batch norm and leaky ReLU. With a norm it needs no bias."""

    def __init__(self, n_in: int, n_out: int, *, stride: int = 1, norm: bool = False, active: bool = False) -> None:
        super().__init__()
        self.active = active
        self.conv2d = nn.Conv2d(n_in, n_out, 3, stride=stride, bias=not norm)
        self.norm = _Norm(n_out) if norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect")))
        return F.leaky_relu(x, _SLOPE) if self.active else x


class _Residual(nn.Module):
    """Two units beside a shortcut; what changes the size has a convolution in the shortcut, whatever the widths."""

    def __init__(self, n_in: int, n_out: int, *, down: bool = False, up: bool = False) -> None:
        super().__init__()
        stride = 2 if down else 1
        self.up = up
        self.shortcut_func = _Unit(n_in, n_out, stride=stride) if down or up else nn.Identity()
        self.conv1 = _Unit(n_in, n_out, norm=True, active=True)
        self.conv2 = _Unit(n_out, n_out, stride=stride, norm=True)

    def forward(self, x: Tensor) -> Tensor:
        if self.up:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return self.shortcut_func(x) + self.conv2(self.conv1(x))


class ParseNet(nn.Module):
    """The network; built by hand it has random weights.

    Args:
        n_classes: of the label map; the published file has 19.
        width: channels of the first maps, 64 in the published file; the deepest have four times as many.
        n_body: residual blocks at the deepest level.
    """

    name = "psfrgan_parsenet"

    def __init__(self, n_classes: int = 19, width: int = 64, n_body: int = 10) -> None:
        super().__init__()
        self.n_classes = n_classes
        widths = [min(width * 2**i, 4 * width) for i in range(_N_HALVINGS + 1)]
        deep = widths[-1]
        downs = [_Residual(a, b, down=True) for a, b in itertools.pairwise(widths)]
        ups = [_Residual(a, b, up=True) for a, b in itertools.pairwise(widths[::-1])]
        self.encoder = nn.Sequential(_Unit(3, width), *downs)
        self.body = nn.Sequential(*(_Residual(deep, deep) for _ in range(n_body)))
        self.decoder = nn.Sequential(*ups)
        self.out_img_conv = _Unit(width, 3)
        self.out_mask_conv = _Unit(width, n_classes)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Scores of all classes, and the picture that the net was trained to restore on the way.

        Args:
            x: `[bs, 3, H, W]`, RGB in −1…1, sides of at least 32 px that 16 divides; it learned on 512 px.

        Returns:
            `[bs, 19, H, W]`, not normalised, and `[bs, 3, H, W]`, about −1…1.

        Raises:
            ShapeError: for other sides or channels.
        """
        if x.ndim != 4 or x.shape[1] != 3 or x.shape[-2] % _STEP or x.shape[-1] % _STEP or min(x.shape[-2:]) < _LEAST:
            raise ShapeError("x", tuple(x.shape), f"[bs, 3, H, W] with sides of {_LEAST} px or more that {_STEP} divides")
        maps = self.encoder(x)
        maps = self.decoder(maps + self.body(maps))
        return self.out_mask_conv(maps), self.out_img_conv(maps)


def parse_net_settings(state: Mapping[str, Tensor]) -> dict[str, int]:
    """The settings of the ParseNet that a state fits, read off its names and shapes; the published ones where it shows none."""
    blocks = {int(key.split(".")[1]) for key in state if re.match(r"body\.\d\d?\.", key)}
    first, last = state.get("encoder.0.conv2d.weight"), state.get("out_mask_conv.conv2d.weight")
    return {
        "n_classes": int(last.shape[0]) if last is not None and last.ndim == 4 else 19,
        "width": int(first.shape[0]) if first is not None and first.ndim == 4 else 64,
        "n_body": 1 + max(blocks, default=9),
    }
