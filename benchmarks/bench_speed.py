"""FusionNet against the thesis's U-Net on the same machine in one run: sequences per second, peak memory, training step.

python benchmarks/bench_speed.py        Ratios count; the seconds belong to this machine.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch

from sharpening.models.zoo import create_model

NETS = {
    "fusion_net small, 7 × 32²": ("fusion_net", {"preset": "small"}, 32),
    "unet resnet34, 21 × 128²": ("unet", {"encoder": "resnet34", "n_frames": 7}, 128),
}


def median_seconds(run: Callable[[], object], repeats: int) -> float:
    run()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def measure(name: str, bs: int, repeats: int) -> dict[str, float]:
    model, settings, size = NETS[name]
    network = create_model(model, **settings).to(memory_format=torch.channels_last)
    frames = torch.rand(bs, 21, size, size, generator=torch.Generator().manual_seed(0))

    def infer() -> None:
        with torch.no_grad():
            network.eval()(frames)

    def train() -> None:
        network.train()(frames).abs().mean().backward()

    facts = {
        "parameters [M]": sum(p.numel() for p in network.parameters()) / 1e6,
        "infer [seq/s]": bs / median_seconds(infer, repeats),
    }
    facts["infer peak [MB]"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    facts["train [seq/s]"] = bs / median_seconds(train, repeats)
    facts["train peak [MB]"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bs", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--only", help="measure one net and print JSON (each net runs in a process of its own, for its peak memory)"
    )
    args = parser.parse_args()
    if args.only:
        print(json.dumps(measure(args.only, args.bs, args.repeats)))
        return
    results = {}
    for name in NETS:
        command = [sys.executable, "-W", "ignore", __file__, "--only", name, "--bs", str(args.bs), "--repeats", str(args.repeats)]
        results[name] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    ours, thesis = results.values()
    print(
        f"batch {args.bs}, median of {args.repeats}, {torch.get_num_threads()} threads\n{'':18s}"
        + "".join(f"{n:>30s}" for n in NETS)
        + f"{'ratio':>10s}"
    )
    for key in ours:
        print(f"{key:18s}{ours[key]:30.2f}{thesis[key]:30.2f}{ours[key] / thesis[key]:10.2f}")


if __name__ == "__main__":
    main()
