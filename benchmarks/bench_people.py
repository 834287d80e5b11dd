"""How often are two persons in one sequence noticed, and one taken for two? Seven frames of real sparse training clips, 32×32, coded.

    python benchmarks/bench_people.py [--data ../shared/data] [--clean bicubic]

One window of each clip as it is, and 30 windows into which one to three frames of somebody else are put.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from sharpening.evaluation.protocols import samples
from sharpening.models.face_id.judge import FaceJudge
from sharpening.reconstruct.clean import create_cleaner
from sharpening.reconstruct.find import find_points
from sharpening.reconstruct.likeness import five_points
from sharpening.reconstruct.people import ANOTHER_PERSON, PERHAPS_ANOTHER, descriptor_distances, groups_of_people

MIXED = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--clean", default="bicubic")
    given = parser.parse_args()
    if not given.data.is_dir():
        print(f"not run: no data in {given.data} (--data names another folder)")
        return
    cleaner, judge, rng = create_cleaner(given.clean), FaceJudge(), np.random.default_rng(0)

    def described(frames: np.ndarray) -> torch.Tensor:
        pictures = cleaner.clean(frames)
        return judge.descriptors(pictures, five_points(find_points(pictures)))

    windows: dict[str, list] = {}
    for sample in samples("clips", given.data, split="train"):
        if sample.group == "sparse":
            windows.setdefault(sample.cluster, []).append(sample)
    chosen = [some[len(some) // 2] for some in windows.values()]
    alone = [described(sample.frames) for sample in chosen]
    mixed = []
    for _ in range(MIXED):
        one, other = rng.choice(len(chosen), 2, replace=False)
        frames, places = chosen[one].frames.copy(), rng.choice(7, int(rng.integers(1, 4)), replace=False)
        frames[places] = chosen[other].frames[places]
        mixed.append(described(frames))
    print(f"{len(alone)} clips of one person, {len(mixed)} mixed; cleaned by {given.clean}")
    print("| mean distance over | means | one person taken for two | two noticed |\n|---|---|---|---|")
    for limit, means in ((PERHAPS_ANOTHER, "warned of"), (ANOTHER_PERSON, "refused")):
        counts = [
            sum(len(groups_of_people(descriptor_distances(rows), apart=limit)) > 1 for rows in some) for some in (alone, mixed)
        ]
        print(f"| {limit} | {means} | {counts[0]} of {len(alone)} | {counts[1]} of {len(mixed)} |")
    mean = torch.stack([rows.nanmean(dim=0) for rows in alone])
    cosines = torch.cosine_similarity(mean[:, None], mean[None], dim=2)[~torch.eye(len(mean), dtype=torch.bool)]
    print(f"cosine of the mean descriptors of two different persons: median {cosines.nanmedian():.2f}")


if __name__ == "__main__":
    main()
