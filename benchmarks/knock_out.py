"""What the shipped net rests on: parts of it are put out one by one, without any training; and what film coding leaves to be won.

    python benchmarks/knock_out.py ../shared/data docs/results [number of sequences]

Other than a leg of training without a part, this says what the trained net makes of the part, not whether it could have done without.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn

from sharpening.evaluation.protocols import samples
from sharpening.evaluation.sample import stills
from sharpening.evaluation.table_text import Grid, markdown
from sharpening.frames.layouts import SharedData
from sharpening.imaging.convert import to_tensor
from sharpening.imaging.files import write_text
from sharpening.imaging.resize import resize_tensor
from sharpening.metrics.error import psnr
from sharpening.models.fusion_net import model as module
from sharpening.models.fusion_net.model import FusionNet
from sharpening.restore.network import load_network

SETS = ("stills", "h264", "damaged-middle", "person-others", "clips")
BATCH = 50
CRF = ((23, 27), (28, 32), (33, 38))


class Nothing(nn.Module):
    """In the place of a network that finds a motion: there is none."""

    def forward(self, pair: Tensor) -> Tensor:
        """`[b, 9, h, w]` → zeros `[b, 2, h, w]`."""
        return torch.zeros_like(pair[:, :2])


def no_motion(self: FusionNet, stack: Tensor, middle: Tensor) -> Tensor:
    """Every frame stands where the middle one does."""
    return torch.eye(2, 3).expand(stack.shape[0] * stack.shape[1], 2, 3)


def no_projection(stack: Tensor, affine: Tensor, belief: Tensor, *, scale: int) -> Tensor:
    """The enlarged middle frame, from which nothing is left when it is taken off."""
    middle = stack[:, stack.shape[1] // 2]
    return nn.functional.interpolate(middle, scale_factor=scale, mode="bicubic", align_corners=False)


def all_believed(registered: Tensor, reference: Tensor) -> Tensor:
    """Every frame is believed everywhere."""
    return torch.ones_like(registered[:, :1, ::4, ::4])


KNOCK_OUTS: dict[str, Callable[[FusionNet], list[mock._patch]]] = {
    "affine registration": lambda net: [mock.patch.object(FusionNet, "_register", no_motion)],
    "both residual flows": lambda net: [mock.patch.object(net, name, Nothing()) for name in ("refine", "fine_flow")],
    "second residual flow": lambda net: [mock.patch.object(net, "fine_flow", None)],
    "belief (agreement with the middle)": lambda net: [mock.patch.object(module, "frame_agreement", all_believed)],
    "gate for whole frames": lambda net: [mock.patch.object(net.fuse, "gate", None)],
    "sub-pixel phase": lambda net: [mock.patch.object(net.fuse, "from_phase", None)],
    "back-projection without weights": lambda net: [mock.patch.object(module, "back_project", no_projection)],
    "both learned back-projection steps": lambda net: [
        mock.patch.object(net, name, None) for name in ("correction", "second_correction")
    ],
    "second learned back-projection step": lambda net: [mock.patch.object(net, "second_correction", None)],
    "deep level of the decoder": lambda net: [mock.patch.object(net.decoder, "deep", None)],
    "the six other frames": lambda net: [],
}


def stacked(protocol: str, data: str, limit: int) -> tuple[Tensor, Tensor]:
    """Frames `[N, 21, 32, 32]` and labels `[N, 3, 128, 128]` of a protocol."""
    tests = list(samples(protocol, data, limit=limit))
    return torch.stack([to_tensor(t.frames).flatten(0, 1) for t in tests]), torch.stack([to_tensor(t.label) for t in tests])


@torch.inference_mode()
def measured(net: Callable[[Tensor], Tensor], frames: Tensor, labels: Tensor) -> Tensor:
    """PSNR of each [dB]."""
    return torch.cat(
        [psnr(net(some).clamp(0, 1), truth) for some, truth in zip(frames.split(BATCH), labels.split(BATCH), strict=True)]
    )


def knocked_out(
    net: FusionNet, sets: Mapping[str, tuple[Tensor, Tensor]], whole: Mapping[str, Tensor]
) -> Iterator[tuple[str, ...]]:
    """A row for each part: what the figure of each set becomes."""
    for part, patches in KNOCK_OUTS.items():
        with ExitStack() as stack:
            for patch in patches(net):
                stack.enter_context(patch)
            chosen = slice(9, 12) if part == "the six other frames" else slice(None)
            found = {name: measured(net, frames[:, chosen], labels) for name, (frames, labels) in sets.items()}
        print(part, flush=True)
        yield (part, *(f"{float((found[name] - whole[name]).mean()):+.2f}" for name in sets))


def by_quality(data: str, h264: tuple[Tensor, Tensor], of_stills: Tensor, of_h264: Tensor) -> Iterator[tuple[str, ...]]:
    """A row for each range of coding: bicubic, ours, and what ours makes of the same stills without film coding."""
    crf = [still.damage("h264").crf for still in islice(stills(SharedData(data), 0, "valid"), len(of_h264))]
    frames, labels = h264
    bicubic = psnr(resize_tensor(frames[:, 9:12], (128, 128), "bicubic").clamp(0, 1), labels)
    for low, high in CRF:
        chosen = torch.from_numpy((np.array(crf) >= low) & (np.array(crf) <= high))
        if chosen.sum() < 2:
            continue
        gain = (of_h264 - bicubic)[chosen]
        cells = [bicubic[chosen].mean(), of_h264[chosen].mean(), of_stills[chosen].mean()]
        error = 1.96 * float(gain.std()) / len(gain) ** 0.5
        yield (f"{low}–{high}", str(len(gain)), *(f"{float(x):.2f}" for x in cells), f"{float(gain.mean()):+.2f} ± {error:.2f}")


def main() -> None:
    """Measure, and write `knock-out.md`."""
    data, out = sys.argv[1], Path(sys.argv[2])
    limit = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    trained = load_network("default")
    net = trained.network
    sets = {name: stacked(name, data, limit) for name in SETS}
    whole = {name: measured(net, *pair) for name, pair in sets.items()}
    rows = [("nothing", *(f"{float(whole[name].mean()):.2f}" for name in sets)), *knocked_out(net, sets, whole)]
    counts = ", ".join(f"{name} {len(labels)}" for name, (_, labels) in sets.items())
    about = f"Weights `{trained.card.name}`, sha256 {trained.card.sha256[:12]}…; sequences: {counts}."
    first = Grid(
        "What the shipped net rests on",
        ("put out", *sets),
        tuple(rows),
        ("PSNR [dB] of the whole net, and what it becomes when a part is put out without training anew.", about),
    )
    second = Grid(
        "Film coding, by its strength",
        ("CRF", "n", "bicubic", "ours", "ours, the same stills as JPEG 30–90", "ours over bicubic"),
        tuple(by_quality(data, sets["h264"], whole["stills"], whole["h264"])),
        ("PSNR [dB]; the protocol `h264` draws the CRF evenly from 23 to 38.", about),
    )
    write_text(out / "knock-out.md", markdown(first) + "\n" + markdown(second, 2))
    print((out / "knock-out.md").read_text())


if __name__ == "__main__":
    main()
