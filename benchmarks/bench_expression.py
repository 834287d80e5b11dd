"""How often is a face said to move in itself, and does it? Faces that only move as a whole, faces with another expression, real clips.

    python benchmarks/bench_expression.py [--data ../shared/data] [--people 100] [--split train]

Seven frames of 32×32; the parts are found on the middle frame's truth, the frames laid on the restored picture.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from sharpening.evaluation.protocols import samples
from sharpening.evaluation.sample import stills
from sharpening.frames.degrade import DegradeSettings, apply, draw, settings
from sharpening.frames.layouts import SharedData
from sharpening.imaging.convert import to_tensor
from sharpening.models.face_id.judge import FaceJudge
from sharpening.restore.expression import LIVELY, liveliness
from sharpening.restore.network import load_network
from sharpening.restore.regions import face_in, regions_of
from sharpening.restore.support import support_of

Pair = tuple[np.ndarray, np.ndarray]


def _sets(data: Path, people: int, split: str) -> Iterator[tuple[str, Iterator[Pair]]]:
    for name in ("stills", "h264", "damaged-middle"):
        yield f"{name}: no expression", ((each.frames, each.label) for each in samples(name, data, limit=people, split=split))
    for film, coding in ((0.0, "JPEG"), (1.0, "H.264")):
        for amount in (4.0, 8.0):
            how = replace(settings("stills"), p_alive=1.0, turn=0.0, expression=amount, film=film)
            yield f"lips and lids move by up to {amount:g} px of 128, {coding}", _moving(data, people, split, how)
    for kind in ("sparse", "dense"):
        found = (s for s in samples("clips", data, split=split) if s.group == kind)
        yield f"real clips, {kind}", ((s.frames, s.label) for s in islice(found, people))


def _moving(data: Path, people: int, split: str, how: DegradeSettings) -> Iterator[Pair]:
    for i, still in enumerate(islice(stills(SharedData(data), 0, split), people)):
        made = apply(still.picture, draw(np.random.default_rng([7, i]), how))
        yield made.frames, made.label


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--split", default="valid")
    given = parser.parse_args()
    if not given.data.is_dir():
        print(f"not run: no data in {given.data} (--data names another folder)")
        return
    judge, trained = FaceJudge(), load_network("default")
    print(
        "| sequences | with a face | mouth: median, 95 %, 99 % | an eye: median, 95 %, 99 % | said to move |\n|---|---|---|---|---|"
    )
    for name, pairs in _sets(given.data, given.people, given.split):
        rows = []
        for frames, label in pairs:
            face = face_in(label.astype(np.float32) / 255, judge)
            stack = to_tensor(frames)
            picture = trained(stack[None]).pictures[0].movedim(0, -1).clamp(0, 1).numpy()
            aligned = support_of(picture, stack, middle=len(stack) // 2).aligned
            rows.append(liveliness(aligned, len(stack) // 2, regions_of(face, label.shape[:2])))
        found = [row for row in rows if row]
        if not found:
            print(f"| {name} | 0 | – | – | – |", flush=True)
            continue
        mouths = np.percentile([row["mouth"] for row in found], (50, 95, 99))
        eyes = np.percentile([max(row["left eye"], row["right eye"]) for row in found], (50, 95, 99))
        said = np.mean([any(value > LIVELY[part] for part, value in row.items()) for row in found])
        cells = (", ".join(f"{value:.2f}" for value in values) for values in (mouths, eyes))
        print(f"| {name} | {len(found)} | {' | '.join(cells)} | {said:.0%} |", flush=True)


if __name__ == "__main__":
    main()
