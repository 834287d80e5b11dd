"""SER-FIQ with one trunk pass against the naive m whole passes: time, what is held for the backward pass, peak memory, equal scores.

python benchmarks/bench_serfiq.py        Each case runs in a process of its own, for its peak memory; about a quarter of an hour.

Ratios are naive / shared. Seconds are those of one core's work (process time, one thread), so that other programs on the machine play a
small role. "held" counts the bytes of all tensors that autograd keeps, weights left out; "peak" is the most memory of the process above
what it had with the network loaded. A naive case that would take too long or not fit is not run: its figures are then eight times those
of batch 8, marked *. Weights of IR-SE-50 are random; that changes no time.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sharpening.metrics.serfiq import SerFiq, draw_masks, serfiq_paper
from sharpening.models.face_id import IrSe50, load_resnet29


def _random_ir_se50() -> IrSe50:
    torch.manual_seed(0)  # the same weights in each process, so that the scores can be compared
    return IrSe50().requires_grad_(False)


NETS: dict[str, Callable[[], Any]] = {
    "dlib_resnet29": lambda: copy.deepcopy(load_resnet29()),
    "ir_se50": _random_ir_se50,
}
_PATIENCE = 200  # seconds
# Network, batch, m, whether the gradient on the pictures is taken too.
CASES = [(net, bs, 10, backward) for net in NETS for bs in (8, 64) for backward in (False, True)] + [
    (net, 1, 100, False) for net in NETS
]


def naive(network: Any, pictures: Tensor, masks: Tensor) -> Tensor:
    return torch.stack([network.head(network.trunk(pictures) * mask) for mask in masks], dim=1)


def shared(network: Any, pictures: Tensor, masks: Tensor) -> Tensor:
    return SerFiq(network, len(masks)).descriptors(pictures, masks)


WAYS = {"naive": naive, "shared": shared}


def measure(way: str, net: str, bs: int, m: int, backward: bool, repeats: int) -> dict[str, Any]:
    network = NETS[net]()
    pictures = torch.rand((bs, 3, network.size, network.size), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        shape = tuple(network.trunk(pictures[:1]).shape[1:])
    masks = draw_masks(m, shape, network.p_drop, torch.Generator().manual_seed(1))
    before, held, times = _peak(), 0.0, []
    for _ in range(repeats):
        began = time.process_time()
        if backward:
            score, held = _with_backward(WAYS[way], network, pictures, masks)
        else:
            with torch.no_grad():
                score = serfiq_paper(WAYS[way](network, pictures, masks))
        times.append(time.process_time() - began)
    return {"seconds": statistics.median(times), "held": held, "peak": _peak() - before, "scores": score[:8].tolist()}


def _with_backward(run: Callable[..., Tensor], network: Any, pictures: Tensor, masks: Tensor) -> tuple[Tensor, float]:
    pictures = pictures.clone().requires_grad_()
    weights = {p.untyped_storage().data_ptr() for p in network.state_dict().values()}
    kept: dict[int, int] = {}

    def keep(x: Tensor) -> Tensor:
        storage = x.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        score = serfiq_paper(run(network, pictures, masks))
    torch.autograd.grad((score - 1).square().mean(), pictures)
    return score.detach(), sum(kept.values()) / 1e6


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _free() -> float:
    with open("/proc/meminfo", encoding="ascii") as lines:  # noqa: PTH123
        return next(float(line.split()[1]) for line in lines if line.startswith("MemAvailable")) / 1e3


def _in_a_process(case: list[Any], repeats: int) -> dict[str, Any]:
    command = [sys.executable, "-W", "ignore", __file__, "--case", json.dumps(case), "--repeats", str(repeats)]
    return json.loads(
        subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}).stdout
    )


def naive_case(known: dict[Any, dict[str, float]], net: str, bs: int, m: int, backward: bool, repeats: int) -> dict[str, Any]:
    """Run it, or foretell it from a smaller batch where it would take too long or not fit; `known` remembers the smaller ones."""
    if small := known.get((net, m, backward)):
        times = bs / small["bs"]
        if times * small["seconds"] > _PATIENCE or times * small["peak"] > 0.7 * _free():
            return {"seconds": times * small["seconds"], "held": times * small["held"], "peak": times * small["peak"], "mark": "*"}
    found = _in_a_process(["naive", net, bs, m, backward], repeats)
    known[net, m, backward] = {**found, "bs": bs}
    return {**found, "mark": " "}


def line(theirs: dict[str, Any], ours: dict[str, Any], backward: bool) -> str:
    """Naive, shared and ratio of the three quantities, and how far apart the scores are."""
    row = ""
    for key, digits in (("seconds", 2), ("held", 0), ("peak", 0)):
        if backward or key == "seconds":
            ratio = theirs[key] / max(ours[key], 1e-9)
            row += f"{theirs[key]:10.{digits}f}{theirs['mark']}{ours[key]:9.{digits}f}{ratio:7.1f}"
        else:
            row += f"{'–':>10s} {'–':>9s}{'–':>7s}"
    if "scores" not in theirs:
        return row + f"{'–':>10s}"
    return row + f"{max(abs(a - b) for a, b in zip(theirs['scores'], ours['scores'], strict=True)):10.0e}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="a case with batch 64 runs once")
    parser.add_argument("--only", choices=list(NETS), help="one network alone")
    parser.add_argument("--case", help="measure one case and print JSON")
    args = parser.parse_args()
    if args.case:
        print(json.dumps(measure(*json.loads(args.case), args.repeats)))
        return
    print(f"median of {args.repeats} (batch 64: one run); each group: naive, shared, ratio")
    print(f"{'':45s}{'seconds':>25s}{'held for backward [MB]':>27s}{'peak [MB]':>27s}{'apart':>10s}")
    known: dict[Any, dict[str, float]] = {}
    for net, bs, m, backward in CASES:
        if args.only in (None, net):
            repeats = 1 if bs == 64 else args.repeats
            theirs = naive_case(known, net, bs, m, backward, repeats)
            ours = _in_a_process(["shared", net, bs, m, backward], repeats)
            head = f"{net:14s} m={m:<3d} batch {bs:<3d}{'forward+backward' if backward else 'forward':17s}"
            print(head + line(theirs, ours, backward), flush=True)


if __name__ == "__main__":
    main()
