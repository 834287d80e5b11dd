"""How fast is StyleGAN's generator? Ours against the layers as specified: milliseconds, and how many times as fast as these.

python benchmarks/bench_stylegan.py [--resolution 256] [--device cpu] [--repeats 5]

"Straight" is written here, one operation of torch after another: weights are scaled where they are used, noise, leaky ReLU, norm and style
are steps of their own. "Synthesis" is the network, which can also be trained; "Painter" is what searches with frozen weights use. Weights
are random and frozen in all three; "backward" asks for the gradient of the styles, as PULSE does.
"""

from __future__ import annotations

import argparse
import functools
import math
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from sharpening.models.pulse.painter import Painter
from sharpening.models.stylegan import Synthesis, draw_noise


class Straight:
    """The generator out of the tensors of a file, nothing merged and nothing kept."""

    def __init__(self, state: dict[str, Tensor], resolution: int, eps: float = 1e-5) -> None:
        self.state, self.resolution, self.eps = state, resolution, eps

    def __call__(self, latents: Tensor, noise: list[Tensor]) -> Tensor:
        """Paint, as `Synthesis` does."""
        state = self.state
        x = state["blocks.4x4.const"].expand(len(latents), -1, -1, -1) + state["blocks.4x4.bias"].view(1, -1, 1, 1)
        x = self._epilogue("blocks.4x4.epi1", x, latents[:, 0], noise[0])
        x = self._epilogue("blocks.4x4.epi2", self._conv("blocks.4x4.conv", x), latents[:, 1], noise[1])
        for i in range(1, self.resolution.bit_length() - 2):
            block = f"blocks.{2 ** (i + 2)}x{2 ** (i + 2)}"
            x = self._epilogue(f"{block}.epi1", self._up(f"{block}.conv0_up", x), latents[:, 2 * i], noise[2 * i])
            x = self._epilogue(f"{block}.epi2", self._conv(f"{block}.conv1", x), latents[:, 2 * i + 1], noise[2 * i + 1])
        return self._conv("torgb", x, gain=1.0)

    def _conv(self, name: str, x: Tensor, gain: float = math.sqrt(2)) -> Tensor:
        weight = self.state[f"{name}.weight"]
        scale = gain / math.sqrt(weight[0].numel())
        return F.conv2d(x, weight * scale, self.state[f"{name}.bias"], padding=weight.shape[-1] // 2)

    def _up(self, name: str, x: Tensor) -> Tensor:
        weight = self.state[f"{name}.weight"]
        weight = weight * (math.sqrt(2) / math.sqrt(weight[0].numel()))
        if 2 * x.shape[-1] >= 128:
            wide = F.pad(weight.permute(1, 0, 2, 3), (1, 1, 1, 1))
            wide = wide[:, :, 1:, 1:] + wide[:, :, :-1, 1:] + wide[:, :, 1:, :-1] + wide[:, :, :-1, :-1]
            x = F.conv_transpose2d(x, wide, stride=2, padding=1)
        else:
            x = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), weight, padding=1)
        kernel = self.state[f"{name}.intermediate.kernel"].expand(x.shape[1], -1, -1, -1)
        return F.conv2d(x, kernel, padding=1, groups=x.shape[1]) + self.state[f"{name}.bias"].view(1, -1, 1, 1)

    def _epilogue(self, name: str, x: Tensor, latent: Tensor, noise: Tensor) -> Tensor:
        x = x + self.state[f"{name}.noise.weight"].view(1, -1, 1, 1) * noise
        x = F.instance_norm(F.leaky_relu(x, 0.2), eps=self.eps)
        weight = self.state[f"{name}.style_mod.lin.weight"]
        style = F.linear(latent, weight / math.sqrt(weight.shape[1]), self.state[f"{name}.style_mod.lin.bias"])
        style = style.view(len(x), 2, x.shape[1], 1, 1)
        return x * (style[:, 0] + 1) + style[:, 1]


def random_synthesis(resolution: int, device: str) -> Synthesis:
    """The full widths with random weights; noise gains of a tenth, as of trained ones."""
    torch.manual_seed(0)
    synthesis = Synthesis(resolution).requires_grad_(False).eval()
    for name, value in synthesis.named_parameters():
        if name.endswith("noise.weight"):
            value.normal_(std=0.1)
    return synthesis.to(device)


def seconds(runs: list[Callable[[], object]], device: str, repeats: int) -> list[float]:
    """Least time of each, measured in turns so that a busy machine slows all of them alike."""
    times: list[list[float]] = [[] for _ in runs]
    for turn in range(repeats + 1):
        for run, kept in zip(runs, times, strict=True):
            _wait(device)
            start = time.perf_counter()
            run()
            _wait(device)
            if turn:  # the first is for warming up
                kept.append(time.perf_counter() - start)
    return [min(kept) for kept in times]


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    synthesis = random_synthesis(given.resolution, given.device)
    latents = torch.randn(1, synthesis.n_layers, synthesis.n_latent, device=given.device, requires_grad=True)
    noise = draw_noise(synthesis)

    def forward(paint: Callable[[Tensor, list[Tensor]], Tensor]) -> Tensor:
        with torch.no_grad():
            return paint(latents, noise)

    def both(paint: Callable[[Tensor, list[Tensor]], Tensor]) -> Tensor:
        return torch.autograd.grad(paint(latents, noise).square().mean(), latents)[0]

    painters: dict[str, Callable[[Tensor, list[Tensor]], Tensor]] = {
        "straight": Straight(synthesis.state_dict(), given.resolution),
        "Synthesis": synthesis,
        "Painter": Painter(synthesis),
    }
    pictures = [forward(paint) for paint in painters.values()]
    gap = max(float((each - pictures[0]).abs().max()) for each in pictures)
    print(
        f"{given.resolution} px, {given.device}, {torch.get_num_threads()} threads; greatest difference of the pictures {gap:.1e}"
    )
    for name, run in (("forward", forward), ("forward and backward", both)):
        found = seconds([functools.partial(run, paint) for paint in painters.values()], given.device, given.repeats)
        cells = [f"{who} {1000 * each:8.1f} ms ({found[0] / each:.2f})" for who, each in zip(painters, found, strict=True)]
        print(f"{name:21s} {'   '.join(cells)}")


if __name__ == "__main__":
    main()
