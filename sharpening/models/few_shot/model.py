"""The generator of the few-shot face translation GAN: an encoder of three pictures, and a decoder told by an identity.

Shapes and numbers of weights are those of the published Keras net (encoder 1 553 480, decoder 30 836 953); `h5` reads its files. There
were no outputs of the original to compare with: this follows its description block by block, and nothing more is claimed.

"Norm" here is one mean and one deviation over all values of a sample, with one gain and one offset.

Source: shaoanlu/fewshot-face-translation-GAN (2019); Huang and Belongie, "Arbitrary style transfer in real-time with adaptive instance
normalization", 2017, arXiv:1703.06868; Park et al., 2019, arXiv:1903.07291 (SPADE).
"""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError

__all__ = ["FewShotDecoder", "FewShotEncoder", "FewShotNet", "ScalarNorm"]

_N_HALVINGS = 4
_STEP = 2**_N_HALVINGS  # px
_LEAST = 2 * _STEP  # px: a reflected border needs two pixels on the deepest maps
_NORM_EPS, _ADAIN_EPS = 1e-3, 1e-5
_SLOPE = 0.2


class ScalarNorm(nn.Module):
    """(x − mean) / (deviation + 0.001) over all values of a sample, times one gain, plus one offset."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Any shape `[bs, ...]`, kept."""
        rows = x.flatten(1)
        spread, mean = torch.std_mean(rows, dim=1, correction=0, keepdim=True)
        return ((rows - mean) / (spread + _NORM_EPS) * self.weight + self.bias).view_as(x)


class FewShotEncoder(nn.Module):
    """Three pictures to maps of a sixteenth of their side.

    Args:
        width: channels of the first maps, 64 as published; the last have eight times as many.
    """

    name = "few_shot_encoder"

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        widths = [9, *(width * 2**i for i in range(_N_HALVINGS))]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, bias=False) for a, b in itertools.pairwise(widths))
        self.norms = nn.ModuleList(ScalarNorm() for _ in self.convs)

    def forward(self, x: Tensor) -> Tensor:
        """Maps `[bs, 8 · width, H / 16, W / 16]` of three pictures side by side in the channels, `[bs, 9, H, W]` in −1…1."""
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.relu(norm(conv(F.pad(x, (1, 1, 1, 1), mode="reflect"))))
        return x


class _Style(nn.Module):
    """The identity as a style: three times dense, norm, ReLU."""

    def __init__(self, n_identity: int, n_style: int) -> None:
        super().__init__()
        self.dense = nn.ModuleList(nn.Linear(n, n_style) for n in (n_identity, n_style, n_style))
        self.norms = nn.ModuleList(ScalarNorm() for _ in self.dense)

    def forward(self, x: Tensor) -> Tensor:
        for dense, norm in zip(self.dense, self.norms, strict=True):
            x = F.relu(norm(dense(x)))
        return x


class _AdaBlock(nn.Module):
    """Two convolutions whose maps get mean and deviation from the style; both ask for the same pair."""

    def __init__(self, n: int, n_style: int) -> None:
        super().__init__()
        self.gain, self.offset = nn.Conv2d(n_style, n, 1), nn.Conv2d(n_style, n, 1)
        self.conv_0, self.conv_1 = nn.Conv2d(n, n, 3, bias=False), nn.Conv2d(n, n, 3, bias=False)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        column = style[..., None, None]
        gain, offset = self.gain(column), self.offset(column)
        y = F.relu(_adapted(self.conv_0(F.pad(x, (1, 1, 1, 1), mode="reflect")), gain, offset))
        y = _adapted(self.conv_1(F.pad(y, (1, 1, 1, 1), mode="reflect")), gain, offset)
        return F.relu(x + y)


class _Up(nn.Module):
    """Nearest neighbour ×2, a 4×4 convolution, norm, leaky ReLU."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(n_in, n_out, 4), ScalarNorm()

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return F.leaky_relu(self.norm(self.conv(_around_4(x))), _SLOPE)


class _Spade(nn.Module):
    """Norm, then gain and offset from the segmentation, pixel by pixel; here the gain counts from 1."""

    def __init__(self, n: int, n_hidden: int) -> None:
        super().__init__()
        self.norm = ScalarNorm()
        self.hidden = nn.Conv2d(3, n_hidden, 3, padding=1)
        self.gain, self.offset = nn.Conv2d(n_hidden, n, 3, padding=1), nn.Conv2d(n_hidden, n, 3, padding=1)

    def forward(self, x: Tensor, segmentation: Tensor) -> Tensor:
        hidden = F.relu(self.hidden(segmentation))
        return self.norm(x) * (1 + self.gain(hidden)) + self.offset(hidden)


class _SpadeBlock(nn.Module):
    """Twice SPADE, ReLU, convolution, beside the identity; ReLU after the sum."""

    def __init__(self, n: int, n_hidden: int) -> None:
        super().__init__()
        self.spade_0, self.spade_1 = _Spade(n, n_hidden), _Spade(n, n_hidden)
        self.conv_0, self.conv_1 = nn.Conv2d(n, n, 3, padding=1), nn.Conv2d(n, n, 3, padding=1)

    def forward(self, x: Tensor, segmentation: Tensor) -> Tensor:
        y = self.conv_0(F.relu(self.spade_0(x, segmentation)))
        y = self.conv_1(F.relu(self.spade_1(y, segmentation)))
        return F.relu(x + y)


class FewShotDecoder(nn.Module):
    """Maps and an identity to the picture.

    Args:
        width: channels of the last maps, 64 as published.
        n_identity: numbers of an identity, 512 as published.
        n_style: numbers of a style.
        n_hidden: channels between segmentation and gains.
    """

    name = "few_shot_decoder"

    def __init__(self, width: int = 64, n_identity: int = 512, n_style: int = 256, n_hidden: int = 128) -> None:
        super().__init__()
        deep = 8 * width
        self.n_identity = n_identity
        self.style = _Style(n_identity, n_style)
        self.ada_0, self.ada_1 = _AdaBlock(deep, n_style), _AdaBlock(deep, n_style)
        self.up_0, self.spade_0 = _Up(deep + n_identity, deep), _SpadeBlock(deep, n_hidden)
        self.up_1, self.spade_1 = _Up(deep, 4 * width), _SpadeBlock(4 * width, n_hidden)
        self.up_2, self.up_3 = _Up(4 * width + 3, 2 * width), _Up(2 * width + 3, width)
        self.last = nn.Conv2d(width, 3, 4)

    def forward(self, maps: Tensor, identity: Tensor, base: Tensor, segmentation: Tensor) -> Tensor:
        """The picture.

        Args:
            maps: `[bs, 8 · width, H / 16, W / 16]` of the encoder.
            identity: `[bs, n_identity]`, of length 1.
            base: `[bs, 3, H, W]` in −1…1, the picture whose pose is kept.
            segmentation: `[bs, 3, H, W]` in −1…1, of the base.

        Returns:
            `[bs, 3, H, W]` in −1…1.
        """
        style = self.style(identity)
        x = self.ada_1(self.ada_0(maps, style), style)
        x = torch.cat([x, identity[..., None, None].expand(-1, -1, *x.shape[2:])], dim=1)
        x = self.spade_0(self.up_0(x), _every(segmentation, 8))
        x = self.spade_1(self.up_1(x), _every(segmentation, 4))
        x = self.up_2(torch.cat([x, _every(base, 4)], dim=1))
        x = self.up_3(torch.cat([x, _every(base, 2)], dim=1))
        return torch.tanh(self.last(_around_4(x)))


class FewShotNet(nn.Module):
    """Encoder and decoder as one; built by hand it has random weights.

    Args:
        width: see `FewShotEncoder`.
        n_identity: see `FewShotDecoder`.
        n_style: see `FewShotDecoder`.
        n_hidden: see `FewShotDecoder`.

    Raises:
        RangeError: when a size is no positive number.
    """

    name = "few_shot"
    size_in = 224
    """Side of the pictures that the published net learned on [px]."""

    def __init__(self, width: int = 64, n_identity: int = 512, n_style: int = 256, n_hidden: int = 128) -> None:
        super().__init__()
        if min(width, n_identity, n_style, n_hidden) < 1:
            raise RangeError("sizes of the net", [width, n_identity, n_style, n_hidden], "1 or more each")
        self.encoder = FewShotEncoder(width)
        self.decoder = FewShotDecoder(width, n_identity, n_style, n_hidden)

    def forward(self, base: Tensor, face: Tensor, segmentation: Tensor, identity: Tensor) -> Tensor:
        """The person of `face` in the pose of `base`.

        Args:
            base: `[bs, 3, H, W]`, RGB in −1…1, sides of at least 32 px that 16 divides; 224 px as published. (The publication calls it
                the source.)
            face: of the same shape: one picture of the person. (The publication calls it the target.)
            segmentation: of the same shape: the base's parts in colours.
            identity: `[bs, n_identity]`, of length 1: of that person.

        Returns:
            `[bs, 3, H, W]` in −1…1.

        Raises:
            ShapeError: for other shapes.
        """
        sides = base.shape[2:]
        if base.ndim != 4 or base.shape[1] != 3 or min(sides) < _LEAST or any(side % _STEP for side in sides):
            raise ShapeError("base", tuple(base.shape), f"[bs, 3, H, W] with sides of {_LEAST} px or more that {_STEP} divides")
        for name, each in (("face", face), ("segmentation", segmentation)):
            if each.shape != base.shape:
                raise ShapeError(name, tuple(each.shape), f"{tuple(base.shape)}, as the base")
        if identity.shape != (len(base), self.decoder.n_identity):
            raise ShapeError("identity", tuple(identity.shape), f"[{len(base)}, {self.decoder.n_identity}]")
        maps = self.encoder(torch.cat([base, face, segmentation], dim=1))
        return self.decoder(maps, identity, base, segmentation)


def _adapted(x: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
    """Mean and variance of each map taken away, those of the style put on."""
    variance, mean = torch.var_mean(x, dim=(2, 3), correction=0, keepdim=True)
    return (x - mean) * gain / torch.sqrt(variance + _ADAIN_EPS) + offset


def _around_4(x: Tensor) -> Tensor:
    """The zeros that TensorFlow lays round a picture for a 4×4 window: one before, two after."""
    return F.pad(x, (1, 2, 1, 2))


def _every(x: Tensor, n: int) -> Tensor:
    """Every n-th pixel, from the first: what TensorFlow 1 did when it shrank bilinearly by a whole number."""
    return x[..., ::n, ::n]
