"""What restoring is worth on faces larger than the 32 px that the net learned from: gain, likeness, and whether the expected error holds.

    python benchmarks/bench_sizes.py [--data ../shared/data] [--people 100] [--weights default] [--out docs/results]

The data's stills have 160 px, so a face of up to 40 px has a truth of four times its size. Results of larger faces are brought down to
160 px before they are judged; that forgives the finest errors, so the expected error is not judged there.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sharpening.evaluation.facts import mean_interval
from sharpening.evaluation.sample import SIDE, stills
from sharpening.frames.degrade import apply, draw, settings
from sharpening.frames.layouts import SharedData
from sharpening.imaging.convert import to_tensor
from sharpening.imaging.files import write_text
from sharpening.imaging.resize import resize_tensor
from sharpening.metrics.error import psnr
from sharpening.models.face_id.judge import FaceJudge
from sharpening.restore.error_table import error_table
from sharpening.restore.network import TrainedNetwork, load_network

SIZES = (32, 36, 40, 48, 64)
PRESETS = ("stills", "h264", "damaged-middle")
_STEP = 4  # every fourth pixel in x and y, as `sharpening calibrate` does


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


def _row(trained: TrainedNetwork, judge: FaceJudge, preset: str, size: int, data: Path, people: int) -> str:
    table = error_table(trained.card)
    gains, nearer, starts, under, whose = list[float](), list[float](), list[float](), list[float](), list[str]()
    side = min(4 * size, SIDE)
    for i, (person, frames, label) in enumerate(_sequences(preset, size, side, data, people)):
        made = trained(frames[None])
        whose.append(person)
        simple = _brought(frames[len(frames) // 2][None], side)
        result = _brought(made.pictures, side)
        start = float(psnr(simple, label))
        starts.append(start)
        gains.append(float(psnr(result, label)) - start)
        nearer.append(_likeness(judge, result, label) - _likeness(judge, simple, label))
        if side == 4 * size and table is not None and made.spread is not None:
            y, x = divmod(i % _STEP**2, _STEP)
            error = (made.pictures - label).abs().mean(dim=1)[0, y::_STEP, x::_STEP].numpy() * 255
            under.append(float((error <= table.bound(made.spread[0, 0, y::_STEP, x::_STEP].numpy())).mean()))
    bound = "" if not under else _words(under, whose, "{:.1%} ± {:.1%}")
    cells = [preset, f"{size}", f"{side}", f"{np.mean(starts):.2f}", _words(gains, whose, "{:+.2f} ± {:.2f}")]
    return "| " + " | ".join([*cells, _words(nearer, whose, "{:+.4f} ± {:.4f}"), bound]) + " |"


def _sequences(preset: str, size: int, side: int, data: Path, people: int) -> Iterator[tuple[str, Tensor, Tensor]]:
    how = settings(preset).sized(size, side)
    for still in islice(stills(SharedData(data), 0, "valid"), people):
        made = apply(still.picture, draw(np.random.default_rng(still.dice), how))
        yield still.person, to_tensor(made.frames), to_tensor(made.label)[None]


def _brought(pictures: Tensor, side: int) -> Tensor:
    """To so many pixels: bicubic up, means down."""
    return resize_tensor(pictures, side, "area" if pictures.shape[-1] > side else "bicubic").clamp(0, 1)


@torch.inference_mode()
def _likeness(judge: FaceJudge, picture: Tensor, label: Tensor) -> float:
    points = judge.locate(label)
    mine, truth = judge.descriptors(picture, points), judge.descriptors(label, points)
    return float(torch.cosine_similarity(mine, truth))


def _words(values: list[float], whose: list[str], form: str) -> str:
    return form.format(*mean_interval(np.array(values), np.array(whose)))


if __name__ == "__main__":
    main()
