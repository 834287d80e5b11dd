"""What restoring is worth on faces larger than the 32 px that the net learned from: gain, likeness, and whether the expected error holds.

    python benchmarks/bench_sizes.py [--data ../shared/data] [--people 100] [--weights default] [--out docs/results]

The data's stills have 160 px, so a face of up to 40 px has a truth of four times its size. Results of larger faces are brought down to
160 px before they are judged; that forgives the finest errors, so the expected error is not judged there.
"""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sharpening.evaluation.facts import mean_interval
from sharpening.evaluation.measuring import BATCH
from sharpening.evaluation.methods import fitted
from sharpening.evaluation.sample import SIDE, stills
from sharpening.frames.degrade import apply, draw, settings
from sharpening.frames.layouts import SharedData
from sharpening.imaging.convert import to_tensor
from sharpening.imaging.files import write_text
from sharpening.metrics.error import psnr
from sharpening.models.face_id.judge import FaceJudge
from sharpening.restore.error_table import error_table
from sharpening.restore.network import TrainedNetwork, load_network

SIZES = (32, 36, 40, 48, 64)
PRESETS = ("stills", "h264", "damaged-middle")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--weights", default="default")
    parser.add_argument("--out", type=Path, help="folder for sizes.md")
    given = parser.parse_args()
    if not given.data.is_dir():
        print(f"not run: no data in {given.data} (--data names another folder)")
        return
    trained, judge = load_network(given.weights), FaceJudge()
    card = trained.card
    lines = [
        "# Faces larger than those that were learned from",
        "",
        f"`python benchmarks/bench_sizes.py --people {given.people}`: the first stills of the valid split, seven frames damaged as in",
        f"the protocols (motion and blur grow with the face), by `{card.name}`, sha256 {card.sha256[:12]}…",
        f"It learned from faces of {card.size_in} px alone.",
        "",
        f"A face of up to {SIDE // 4} px is judged at four times its size; results of larger ones are brought down to the",
        f"{SIDE} px that the truth has, which forgives their finest errors, so that their expected error is not judged.",
        "",
        "| damage | face [px] | judged at [px] | bicubic [dB] | ours over it [dB] | cosine over it | under the bound (68 % meant) |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for preset in PRESETS:
        for size in SIZES:
            lines.append(_row(trained, judge, preset, size, given.data, given.people))
            print(lines[-1], flush=True)
    lines += [
        "",
        "Intervals of 95 % over people; differences are taken picture by picture. The cosine is over the faces that the judge finds.",
    ]
    if given.out is not None:
        write_text(given.out / "sizes.md", "\n".join(lines) + "\n")


@torch.inference_mode()
def _row(trained: TrainedNetwork, judge: FaceJudge, preset: str, size: int, data: Path, people: int) -> str:
    side, table = min(4 * size, SIDE), error_table(trained.card)
    how = settings(preset).sized(size, side)
    figures, whose = list[Tensor](), list[str]()
    source = islice(stills(SharedData(data), 0, "valid"), people)
    while some := list(islice(source, BATCH)):
        made = [apply(still.picture, draw(np.random.default_rng(still.dice), how)) for still in some]
        frames, labels = (torch.stack([to_tensor(getattr(each, name)) for each in made]) for name in ("frames", "label"))
        output, points = trained(frames), judge.locate(labels)
        truth = judge.descriptors(labels, points)
        pictures = [fitted(frames[:, frames.shape[1] // 2], labels), fitted(output.pictures, labels)]
        decibels = [psnr(each, labels) for each in pictures]
        cosines = [torch.cosine_similarity(judge.descriptors(each, points), truth) for each in pictures]
        under = torch.full((len(some),), torch.nan)
        if side == 4 * size and table is not None and output.spread is not None:
            error = (output.pictures - labels).abs().mean(dim=1) * 255
            under = (error <= torch.from_numpy(table.bound(output.spread[:, 0].numpy()))).float().mean(dim=(1, 2))
        figures.append(torch.stack([decibels[0], decibels[1] - decibels[0], cosines[1] - cosines[0], under], dim=1))
        whose += [still.person for still in some]
    start, gain, nearer, held = (mean_interval(column, np.array(whose)) for column in torch.cat(figures).double().numpy().T)
    bound = "" if np.isnan(held[0]) else f"{held[0]:.1%} ± {held[1]:.1%}"
    cells = [
        preset,
        f"{size}",
        f"{side}",
        f"{start[0]:.2f}",
        f"{gain[0]:+.2f} ± {gain[1]:.2f}",
        f"{nearer[0]:+.4f} ± {nearer[1]:.4f}",
        bound,
    ]
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
