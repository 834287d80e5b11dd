"""The generator of StyleGAN: a mapping from Gaussian codes to styles, and a synthesis that paints with one style a layer.

Names and shapes of the tensors are those of PULSE's files, so that these load as they are; `convert` renames all others. Weights are stored
at unit scale and multiplied where they are used (equalised learning rate).

Source: Karras et al., "A style-based generator architecture for generative adversarial networks", CVPR 2019, arXiv:1812.04948; Menon
et al., "PULSE: Self-supervised photo upsampling via latent space exploration of generative models", CVPR 2020, arXiv:2003.03808.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError

__all__ = ["Mapping", "Synthesis", "blur_kernel", "n_channels"]

_FUSED_FROM = 128  # px: from this output side on, enlarging and convolution are one transposed convolution
_SLOPE = 0.2
_MAPPING_RATE = 0.01


def blur_kernel() -> Tensor:
    """The 3×3 binomial kernel `[1, 1, 3, 3]` that smooths every enlarged map."""
    line = torch.tensor([1.0, 2.0, 1.0])
    return (line[:, None] * line / 16)[None, None]


def n_channels(side: int, *, most_channels: int = 512, base_channels: int = 8192) -> int:
    """How many channels the maps of one side have.

    Args:
        side: of the map [px].
        most_channels: what the coarse maps have.
        base_channels: what a map of 2 px would have without that limit.

    >>> [n_channels(side) for side in (4, 32, 64, 1024)]
    [512, 512, 256, 16]
    """
    return max(1, min(2 * base_channels // side, most_channels))


class _Noise(nn.Module):
    """How strongly each channel takes the noise up."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(n))

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        return torch.addcmul(x, self.weight.to(x.dtype)[:, None, None], noise.to(x.dtype))


class _Linear(nn.Module):
    """Linear layer with the equalised learning rate."""

    def __init__(self, n_in: int, n_out: int, gain: float = 1.0, rate: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) / rate)
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.scale, self.rate = rate * gain / math.sqrt(n_in), rate

    def forward(self, x: Tensor) -> Tensor:
        bias = self.bias if self.rate == 1 else self.bias * self.rate
        return F.linear(x, self.weight * self.scale, bias)


class _StyleMod(nn.Module):
    """Gain and offset of each channel, out of a style."""

    def __init__(self, n: int, n_latent: int) -> None:
        super().__init__()
        self.lin = _Linear(n_latent, 2 * n)

    def forward(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        gain, offset = self.lin(latent)[:, :, None, None].chunk(2, dim=1)
        return gain + 1, offset


class _Epilogue(nn.Module):
    """Noise, leaky ReLU, instance norm, style: what follows every convolution."""

    def __init__(self, n: int, n_latent: int, eps: float) -> None:
        super().__init__()
        self.noise = _Noise(n)
        self.style_mod = _StyleMod(n, n_latent)
        self.eps = eps

    def forward(self, x: Tensor, latent: Tensor, noise: Tensor) -> Tensor:
        x = F.leaky_relu(self.noise(x, noise), _SLOPE, inplace=True)
        gain, offset = self.style_mod(latent)
        if x.dtype == gain.dtype == torch.float32:
            # Each channel of each picture has its own gain and offset: to the norm of batches they are all channels of one picture.
            one = x.reshape(1, -1, *x.shape[2:])
            return F.batch_norm(one, None, None, gain.flatten(), offset.flatten(), training=True, eps=self.eps).view_as(x)
        # Norm and style are one multiplication and one sum for each pixel. The statistics of half floats would lose the small eps.
        var, mean = torch.var_mean(x.to(torch.promote_types(x.dtype, torch.float32)), dim=(2, 3), correction=0, keepdim=True)
        gain = gain * torch.rsqrt(var + self.eps)
        return torch.addcmul((offset - mean * gain).to(x.dtype), x, gain.to(x.dtype))


class _Conv(nn.Module):
    """Convolution that keeps the size, with the equalised learning rate."""

    def __init__(self, n_in: int, n_out: int, kernel: int = 3, gain: float = math.sqrt(2)) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.scale = gain / math.sqrt(n_in * kernel * kernel)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.scale, self.bias, padding=self.weight.shape[-1] // 2)


class _Blur(nn.Module):
    """A small kernel over each channel, and the bias of the convolution before, which is added only after it."""

    kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", blur_kernel())

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        n = x.shape[1]
        return F.conv2d(x, self.kernel.expand(n, -1, -1, -1), bias, padding=1, groups=n)


class _ConvUp(nn.Module):
    """Twice the side, 3×3 convolution, blur, bias."""

    def __init__(self, n_in: int, n_out: int, *, fused: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in, 3, 3))
        self.bias = nn.Parameter(torch.zeros(n_out))
        self.intermediate = _Blur()
        self.scale, self.fused = math.sqrt(2 / (n_in * 9)), fused

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * self.scale
        if self.fused:
            wide = F.pad(weight.transpose(0, 1), (1, 1, 1, 1))
            weight = wide[..., 1:, 1:] + wide[..., :-1, 1:] + wide[..., 1:, :-1] + wide[..., :-1, :-1]
            x = F.conv_transpose2d(x, weight, stride=2, padding=1)
        else:
            x = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), weight, padding=1)
        return self.intermediate(x, self.bias)


class _First(nn.Module):
    """The block of 4 px, which begins with a learned map."""

    def __init__(self, n: int, n_latent: int, eps: float) -> None:
        super().__init__()
        self.const = nn.Parameter(torch.ones(1, n, 4, 4))
        self.bias = nn.Parameter(torch.zeros(n))
        self.epi1 = _Epilogue(n, n_latent, eps)
        self.conv = _Conv(n, n)
        self.epi2 = _Epilogue(n, n_latent, eps)

    def forward(self, latents: Tensor, noise: Sequence[Tensor]) -> Tensor:
        x = (self.const + self.bias[:, None, None]).expand(len(latents), -1, -1, -1)
        x = self.epi1(x, latents[:, 0], noise[0])
        return self.epi2(self.conv(x), latents[:, 1], noise[1])


class _Block(nn.Module):
    """Every other block: enlarge, then twice a convolution with its epilogue."""

    def __init__(self, n_in: int, n_out: int, n_latent: int, eps: float, *, fused: bool) -> None:
        super().__init__()
        self.conv0_up = _ConvUp(n_in, n_out, fused=fused)
        self.epi1 = _Epilogue(n_out, n_latent, eps)
        self.conv1 = _Conv(n_out, n_out)
        self.epi2 = _Epilogue(n_out, n_latent, eps)

    def forward(self, x: Tensor, latents: Tensor, noise: Sequence[Tensor]) -> Tensor:
        x = self.epi1(self.conv0_up(x), latents[:, 0], noise[0])
        return self.epi2(self.conv1(x), latents[:, 1], noise[1])


class Synthesis(nn.Module):
    """Paints a picture from one style for each layer; built by hand it has random weights.

    Args:
        resolution: side of the picture [px], a power of two from 4 to 1024.
        n_latent: length of a style.
        most_channels: of a map.
        base_channels: sets the channels of the fine maps, see `n_channels`.
        eps: of the instance norm: 1e-5 in the PyTorch ports, 1e-8 in the original.

    Raises:
        RangeError: for another resolution, or sizes under 1.
    """

    def __init__(
        self, resolution: int = 1024, *, n_latent: int = 512, most_channels: int = 512, base_channels: int = 8192, eps: float = 1e-5
    ) -> None:
        super().__init__()
        if resolution not in {2**i for i in range(2, 11)}:
            raise RangeError("resolution", resolution, "a power of two from 4 to 1024")
        if min(n_latent, most_channels, base_channels) < 1 or eps <= 0:
            given = f"{n_latent}, {most_channels}, {base_channels}, {eps}"
            raise RangeError("n_latent, most_channels, base_channels, eps", given, "numbers above 0")
        self.resolution, self.n_latent, self.eps = resolution, n_latent, eps
        self.most_channels, self.base_channels = most_channels, base_channels
        self.n_layers = 2 * (resolution.bit_length() - 2)
        self.noise_sides = tuple(2 ** (i // 2 + 2) for i in range(self.n_layers))
        widths = {side: n_channels(side, most_channels=most_channels, base_channels=base_channels) for side in self.noise_sides}
        self.torgb = _Conv(widths[resolution], 3, kernel=1, gain=1.0)
        self.blocks = nn.ModuleDict({"4x4": _First(widths[4], n_latent, eps)})
        for side in sorted(widths)[1:]:
            block = _Block(widths[side // 2], widths[side], n_latent, eps, fused=side >= _FUSED_FROM)
            self.blocks[f"{side}x{side}"] = block

    def forward(self, latents: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Paint.

        Args:
            latents: `[bs, n_layers, n_latent]`, a style for each layer.
            noise: `n_layers` maps `[bs or 1, 1, r, r]`, r as in `noise_sides`; see `draw_noise`.

        Returns:
            `[bs, 3, R, R]`, RGB, not limited: what is meant lies in [-1, 1].

        Raises:
            ShapeError: for other shapes.
        """
        return self.torgb(self.maps(latents, noise)[-1])

    def maps(self, latents: Tensor, noise: Sequence[Tensor]) -> list[Tensor]:
        """The maps behind each block, `[bs, c, r, r]` for r = 4, 8 … R; arguments as in `forward`."""
        self._check(latents, noise)
        maps: list[Tensor] = []
        for i, block in enumerate(self.blocks.values()):
            rows = latents[:, 2 * i : 2 * i + 2], noise[2 * i : 2 * i + 2]
            maps.append(block(maps[-1], *rows) if maps else block(*rows))
        return maps

    def _check(self, latents: Tensor, noise: Sequence[Tensor]) -> None:
        if latents.ndim != 3 or latents.shape[1:] != (self.n_layers, self.n_latent):
            wanted = f"[bs, {self.n_layers}, {self.n_latent}]"
            raise ShapeError("latents", list(latents.shape), wanted, "One style for each layer; `StyleGan.w` repeats one.")
        shapes = [tuple(each.shape) for each in noise]
        fits = len(shapes) == self.n_layers and all(
            len(shape) == 4 and shape[0] in (1, len(latents)) and shape[1:] == (1, side, side)
            for shape, side in zip(shapes, self.noise_sides, strict=True)
        )
        if not fits:
            wanted = f"{self.n_layers} maps [{len(latents)} or 1, 1, r, r], r = {', '.join(map(str, self.noise_sides))}"
            raise ShapeError("noise", [list(shape) for shape in shapes], wanted, "`draw_noise` makes them.")


class Mapping(nn.Module):
    """Turns Gaussian codes into styles; built by hand it has random weights.

    Args:
        n_latent: length of a code and of a style.
        n_dense: number of layers.

    Raises:
        RangeError: for sizes under 1.
    """

    def __init__(self, n_latent: int = 512, n_dense: int = 8) -> None:
        super().__init__()
        if min(n_latent, n_dense) < 1:
            raise RangeError("n_latent, n_dense", f"{n_latent}, {n_dense}", "at least 1")
        self.n_latent, self.n_dense = n_latent, n_dense
        for i in range(n_dense):
            self.add_module(f"dense{i}", _Linear(n_latent, n_latent, gain=math.sqrt(2), rate=_MAPPING_RATE))

    def forward(self, z: Tensor) -> Tensor:
        """Map.

        Args:
            z: `[bs, n_latent]`; only its direction counts.

        Returns:
            `[bs, n_latent]`.

        Raises:
            ShapeError: for other shapes.
        """
        if z.ndim != 2 or z.shape[1] != self.n_latent:
            raise ShapeError("z", list(z.shape), f"[bs, {self.n_latent}]")
        x = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
        for layer in self.children():
            x = F.leaky_relu(layer(x), _SLOPE)
        return x
