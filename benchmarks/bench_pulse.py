"""How fast is a step of PULSE? Ours against the loop as the specification lists it, with the same generator and dice, in milliseconds.

python benchmarks/bench_pulse.py [--resolution 256] [--device cpu] [--steps 6] [--batch 1] [--mixed]

"Straight" is written here: the generator of `bench_stylegan.py`, the cubic as two strided convolutions over a padded picture, losses and
projection one operation after another. How far the losses of the first step lie apart says whether both do the same; later on the search
itself makes more of every rounding.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import torch
from bench_stylegan import Straight, random_synthesis
from torch import Tensor
from torch.nn import functional as F

from sharpening.models.pulse import GaussianFit, Pulse, PulseSettings
from sharpening.models.stylegan import StyleGan, Synthesis


def kernel(factor: int) -> Tensor:
    x = ((torch.arange(4 * factor) - 2 * factor + 0.5) / factor).abs()
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    taps = torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
    return taps / taps.sum()


def shrunk(pictures: Tensor, factor: int) -> Tensor:
    before, after = 3 * factor // 2, 3 * factor - 3 * factor // 2
    if factor == 1:
        return pictures
    taps = kernel(factor).to(pictures)
    x = F.pad(pictures, (0, 0, before, after), mode="reflect")
    x = F.conv2d(x, taps.view(1, 1, -1, 1).expand(3, -1, -1, -1), stride=(factor, 1), groups=3)
    x = F.pad(x, (before, after, 0, 0), mode="reflect")
    return F.conv2d(x, taps.view(1, 1, 1, -1).expand(3, -1, -1, -1), stride=(1, factor), groups=3)


def rows_apart(styles: Tensor) -> Tensor:
    one, other = styles[:, :, None], styles[:, None]
    a = ((one - other).square().sum(-1) + 1e-9).sqrt()
    b = ((one + other).square().sum(-1) + 1e-9).sqrt()
    return ((2 * torch.atan2(a, b)).square() * styles.shape[-1] / 8).mean((1, 2)).sum()


def factor_at(step: int, n: int) -> float:
    cycle = 0.9 * n
    if step < cycle:
        return (9 * (1 - abs(2 * step / cycle - 1)) + 1) / 10
    return 0.1 + (step - cycle) / (n - cycle) * (0.001 - 0.1)


def lengths(x: Tensor) -> Tensor:
    return (x.square().sum(tuple(range(2, x.ndim)), keepdim=True) + 1e-9).sqrt()


def straight_steps(synthesis: Synthesis, fit: GaussianFit, wanted: Tensor, steps: int) -> Iterator[Tensor]:
    """The published loop at its defaults; yields the total loss of each step."""
    paint, device = Straight(synthesis.state_dict(), synthesis.resolution), wanted.device
    dice, drawn = torch.Generator().manual_seed(0), []
    sides, last = synthesis.noise_sides, synthesis.n_layers - 1
    for _ in wanted:
        code = torch.randn(1, synthesis.n_layers, synthesis.n_latent, generator=dice)
        maps = [torch.zeros(1, 1, r, r) if i == last else torch.randn(1, 1, r, r, generator=dice) for i, r in enumerate(sides)]
        drawn.append([code, *maps])
    x, *noise = (torch.cat(each).to(device) for each in zip(*drawn, strict=True))
    variables = [each.requires_grad_() for each in (x, *noise[:5])]
    radii, optimiser = [lengths(each.detach()) for each in variables], torch.optim.Adam(variables, lr=0.4)
    mean, std, best = fit.mean.to(device), fit.std.to(device), torch.tensor(torch.inf)
    for step in range(steps):
        optimiser.zero_grad()
        styles = F.leaky_relu(x * std + mean, 0.2)
        painted = (paint(styles, noise) + 1) / 2
        error = (shrunk(painted, synthesis.resolution // 32) - wanted).square().mean((1, 2, 3)).clamp(min=2e-3).sum()
        total = 100 * error + 0.05 * rows_apart(styles)
        if total < best:
            best, _kept = total.detach(), painted.detach().clone()
        total.backward()
        optimiser.param_groups[0]["lr"] = 0.4 * factor_at(step, steps)
        optimiser.step()
        with torch.no_grad():
            for each, radius in zip(variables, radii, strict=True):
                each.div_(lengths(each)).mul_(radius)
        yield total.detach()


def our_steps(synthesis: Synthesis, fit: GaussianFit, wanted: Tensor, settings: PulseSettings) -> Iterator[Tensor]:
    search = Pulse(StyleGan(synthesis), fit, settings)
    for state in search.steps(wanted, torch.Generator().manual_seed(0)):
        yield state.total.sum()


def timed(runs: list[Iterator[Tensor]], device: str) -> tuple[list[list[float]], list[list[float]]]:
    """Seconds and losses of each step, the runs taking turns so that a busy machine slows all alike."""
    seconds: list[list[float]] = [[] for _ in runs]
    losses: list[list[float]] = [[] for _ in runs]
    while True:
        for i, run in enumerate(runs):
            start = time.perf_counter()
            total = next(run, None)
            if total is None:
                return seconds, losses
            losses[i].append(float(total))  # which also waits for the device
            if device.startswith("cuda"):
                torch.cuda.synchronize()
            seconds[i].append(time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--mixed", action="store_true", help="ours in bfloat16, on a CUDA device")
    given = parser.parse_args()
    synthesis = random_synthesis(given.resolution, given.device)
    dice = torch.Generator().manual_seed(1)
    fit = GaussianFit(0.3 * torch.randn(512, generator=dice), 0.4 + 0.3 * torch.rand(512, generator=dice))
    wanted = F.interpolate(torch.rand(given.batch, 3, 8, 8, generator=dice), 32, mode="bilinear").to(given.device)
    settings = PulseSettings(steps=given.steps, mixed=given.mixed)
    runs = [straight_steps(synthesis, fit, wanted, given.steps), our_steps(synthesis, fit, wanted, settings)]
    seconds, losses = timed(runs, given.device)
    gaps = [abs(a - b) / abs(a) for a, b in zip(*losses, strict=False)]
    print(f"{given.resolution} px, batch {given.batch}, {given.device}, {torch.get_num_threads()} threads")
    print(f"the losses lie {gaps[0]:.1e} apart in the first step, {max(gaps):.1e} at most")
    # The first step also builds what is kept; the least of the others is what the machine can do when nobody disturbs it.
    straight, ours = (1000 * min(each[1:] or each) for each in seconds)
    print(f"a step: straight {straight:8.1f} ms   ours {ours:8.1f} ms   ratio {straight / ours:.2f}")


if __name__ == "__main__":
    main()
