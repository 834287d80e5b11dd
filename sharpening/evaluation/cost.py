"""What one sequence costs: parameters, operations, time and memory of a network beside the thesis's U-Net, on this machine.

Time is taken side by side in one process, turn by turn, so that what else the machine does falls on both. Peak memory is taken in a fresh
process for each network, since what a process has used once is never told apart from what it uses now.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from sharpening.errors import SharpeningError
from sharpening.models.zoo import create_model
from sharpening.restore.network import load_network

__all__ = ["THESIS", "Cost", "Subject", "costs", "operations", "peak_memory"]

REPEATS = 5
N_FRAMES = 7
_STATUS = Path("/proc/self/status")
_CODE = "import json, sys; from sharpening.evaluation.cost import Subject, peak_memory; "
_CODE += "facts, threads = json.loads(sys.argv[1]); sys.stdout.write(json.dumps(peak_memory(Subject(**facts), threads)))"


@dataclass(frozen=True)
class Subject:
    """A network and what it is given: one sequence of seven random frames.

    Attributes:
        label: For tables.
        size_in: Side of the frames as the network takes them [px].
        weights: Name or path; None for random ones.
        model: Name in the zoo, where there are no weights.
        settings: Of that model.
        pretrained: Folder to search weights in first.
    """

    label: str
    size_in: int = 32
    weights: str | None = None
    model: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    pretrained: str | None = None

    def network(self) -> nn.Module:
        """Ready to run."""
        if self.weights is not None:
            return load_network(self.weights, pretrained=self.pretrained).network
        return create_model(self.model, **self.settings).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def frames(self) -> Tensor:
        """`[1, 21, H, H]` in 0 … 1."""
        return torch.rand(1, 3 * N_FRAMES, self.size_in, self.size_in, generator=torch.Generator().manual_seed(0))


THESIS = Subject("U-Net of the thesis", 128, None, "unet", {"encoder": "resnet34", "n_frames": N_FRAMES})
"""In its published size, with random weights; its frames are enlarged to 128 px before it sees them."""


@dataclass(frozen=True)
class Cost:
    """What one sequence of seven frames costs.

    Attributes:
        n_parameters: Numbers that were learned.
        gflop: 10⁹ operations, a multiplication and an addition counted apart; of convolutions and matrix products, as torch counts them.
        seconds: Median of the repeats.
        all_seconds: Of each repeat.
        peak_mb: Most memory that the process had above plain torch [MB], with the weights; None where the system does not tell.
    """

    n_parameters: int
    gflop: float
    seconds: float
    all_seconds: tuple[float, ...]
    peak_mb: float | None


def costs(subjects: list[Subject], *, repeats: int = REPEATS) -> dict[str, Cost]:
    """Measure some networks side by side, with the threads that torch has now.

    Args:
        subjects: Which.
        repeats: How often each is timed, in turn, after once for warming up.

    Returns:
        By label.
    """
    networks = {subject.label: (subject.network(), subject.frames()) for subject in subjects}
    counted = {label: operations(network, frames) for label, (network, frames) in networks.items()}
    times: dict[str, list[float]] = {label: [] for label in networks}
    with torch.inference_mode():
        for _ in range(repeats + 1):
            for label, (network, frames) in networks.items():
                times[label].append(_seconds(network, frames))
    peaks = {subject.label: _peak_elsewhere(subject) for subject in subjects}
    return {
        label: Cost(
            sum(p.numel() for p in network.parameters()),
            counted[label] / 1e9,
            statistics.median(times[label][1:]),
            tuple(round(t, 4) for t in times[label][1:]),
            peaks[label],
        )
        for label, (network, _) in networks.items()
    }


def operations(network: nn.Module, frames: Tensor) -> int:
    """Multiplications and additions of convolutions and matrix products in one run."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(frames)
    return counter.get_total_flops()


def _seconds(network: Callable[[Tensor], Tensor], frames: Tensor) -> float:
    began = time.perf_counter()
    network(frames)
    return time.perf_counter() - began


def peak_memory(subject: Subject, threads: int) -> float | None:
    """Load a network, restore one sequence, and tell how much more memory this process had at most than before [MB].

    To be called in a fresh process: it counts what the system gave, so memory that was used and freed before would hide what is used now.
    None where the system does not tell (all but Linux).
    """
    torch.set_num_threads(threads)
    with torch.inference_mode():
        # What the first convolution of a process makes ready belongs to torch.
        nn.Conv2d(3, 8, 3).to(memory_format=torch.channels_last)(torch.rand(1, 3, 16, 16))  # type: ignore[call-overload]
        before = _status("VmRSS")
        subject.network()(subject.frames())
        after = _status("VmHWM")
    return None if before is None or after is None else after - before


def _peak_elsewhere(subject: Subject) -> float | None:
    # Not the modules of `multiprocessing`: they would import the caller's main file again.
    facts = json.dumps([{**vars(subject), "settings": dict(subject.settings)}, torch.get_num_threads()])
    done = subprocess.run([sys.executable, "-c", _CODE, facts], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SharpeningError(f"the memory of '{subject.label}' could not be measured: {done.stderr.strip().splitlines()[-1]}")
    found: float | None = json.loads(done.stdout)
    return found


def _status(name: str) -> float | None:
    """A figure of this process [MB]. `getrusage` would not do: its peak is inherited from the process that started this one."""
    if not _STATUS.is_file():
        return None
    lines = dict(line.split(":", 1) for line in _STATUS.read_text(encoding="utf-8").splitlines() if ":" in line)
    return float(lines[name].split()[0]) / 1024 if name in lines else None
