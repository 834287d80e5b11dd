"""Does damaging on the fly starve the training? Sequences per second and core of the loader, against those of a training step.

python benchmarks/bench_loader.py
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch

from sharpening.frames.degrade import apply, draw, settings
from sharpening.models.zoo import create_model


def sequences_per_second(preset: str, seconds: float = 3.0) -> float:
    rng, picture = np.random.default_rng(0), np.random.default_rng(1).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    how, began, count = settings(preset), time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        apply(picture, draw(rng, replace(how)))
        count += 1
    return count / (time.perf_counter() - began)


def steps_per_second(bs: int = 8, repeats: int = 4) -> float:
    network = create_model("fusion_net", preset="small").to(memory_format=torch.channels_last)
    frames = torch.rand(bs, 21, 32, 32, generator=torch.Generator().manual_seed(0))
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        network(frames).abs().mean().backward()
        times.append(time.perf_counter() - began)
    return bs / sorted(times)[len(times) // 2]


def main() -> None:
    torch.set_num_threads(1)
    train = steps_per_second()
    print(f"training step of fusion_net small: {train:.1f} sequences/s on one core")
    for preset in ("stills", "train", "h264", "damaged-middle"):
        rate = sequences_per_second(preset)
        print(f"damage '{preset}': {rate:6.1f} sequences/s on one core, {rate / train:5.1f} times the training step")


if __name__ == "__main__":
    main()
