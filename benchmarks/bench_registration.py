"""How well are 32-pixel faces registered? Mean error in pixels of the frames, against known motion, by kind of damage.

python benchmarks/bench_registration.py [--data ../shared/data]   (without the data: the astronaut that comes with scikit-image)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from sharpening.frames.degrade import apply, draw, settings
from sharpening.frames.layouts import SharedData
from sharpening.imaging.files import read_picture
from sharpening.models.basic_blocks import affine_grid, estimate_affine


def faces(data: Path) -> list[np.ndarray]:
    if data.is_dir():
        paths = SharedData(data).stills("valid")
        return [read_picture(path) for path in paths[:: max(1, len(paths) // 60)]]
    from skimage.data import astronaut

    return [np.ascontiguousarray(astronaut()[30:190, 140:300])] * 20


def errors(pictures: list[np.ndarray], preset: str) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(1)
    made = [apply(picture, draw(rng, settings(preset))) for picture in pictures]
    frames = torch.from_numpy(np.stack([m.frames for m in made])).permute(0, 1, 4, 2, 3).float() / 255
    others = [0, 1, 2, 4, 5, 6]
    moving, true = frames[:, others].flatten(0, 1), torch.from_numpy(np.stack([m.motion for m in made]))[:, others].flatten(0, 1)
    reference = frames[:, 3:4].expand(-1, 6, -1, -1, -1).flatten(0, 1)
    truth = affine_grid(true, 32, 32)

    def miss(found: torch.Tensor) -> torch.Tensor:
        return ((affine_grid(found, 32, 32) - truth) * 16).norm(dim=-1).mean(dim=(1, 2))

    return miss(torch.eye(2, 3).expand_as(true)), miss(estimate_affine(reference, moving, iterations=3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    pictures = faces(parser.parse_args().data)
    print(f"{len(pictures)} faces, 6 pairs each; error in pixels of 32: mean, median, 95th percentile")
    for preset in ("stills", "h264", "damaged-middle"):
        before, after = errors(pictures, preset)
        cells = [f"{e.mean():.3f} {e.median():.3f} {e.quantile(0.95):.3f}" for e in (before, after)]
        print(f"{preset:15s} unregistered {cells[0]}   registered {cells[1]}   ratio of means {before.mean() / after.mean():.1f}")


if __name__ == "__main__":
    main()
