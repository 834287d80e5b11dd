"""What a step of the identity cosine is worth: true pictures, made smaller and enlarged again, against themselves.

    python benchmarks/bench_identity.py [--data ../shared/data] [--people 200]

The goals ask for steps of 0.05 over bicubic of a damaged 32-pixel frame; this says which undamaged picture would make such a step.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from sharpening.evaluation.protocols import samples
from sharpening.imaging.convert import to_tensor
from sharpening.imaging.resize import resize_tensor
from sharpening.metrics.error import psnr
from sharpening.models.face_id.judge import FaceJudge

SIDES = (32, 36, 40, 44, 48, 56, 64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--people", type=int, default=200)
    given = parser.parse_args()
    if not given.data.is_dir():
        print(f"not run: no data in {given.data} (--data names another folder)")
        return
    judge, found = FaceJudge(), list(samples("stills", given.data, limit=given.people))
    labels = torch.stack([to_tensor(sample.label) for sample in found])
    middles = torch.stack([to_tensor(sample.frames[len(sample.frames) // 2]) for sample in found])
    points = judge.locate(labels)
    seen = torch.isfinite(points).flatten(1).all(dim=1)
    labels, middles, points = labels[seen], middles[seen], points[seen]
    truth = judge.descriptors(labels, points)

    def row(name: str, pictures: torch.Tensor, start: float | None) -> float:
        cosine = float(torch.cosine_similarity(judge.descriptors(pictures, points), truth).nanmean())
        step = "" if start is None else f"{cosine - start:+.4f}"
        print(f"| {name} | {float(psnr(pictures, labels).mean()):.2f} | {cosine:.4f} | {step} |", flush=True)
        return cosine

    print(
        f"{len(labels)} faces\n| picture, enlarged to 128 px | PSNR [dB] | identity cosine | over the damaged frame |\n|---|---|---|---|"
    )
    start = row("the damaged middle frame, 32 px", _large(middles), None)
    for side in SIDES:
        row(f"the truth at {side} px, undamaged", _large(resize_tensor(labels, side, "area")), start)


def _large(pictures: torch.Tensor) -> torch.Tensor:
    return resize_tensor(pictures, 128).clamp(0, 1)


if __name__ == "__main__":
    main()
