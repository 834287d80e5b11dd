"""How much faster is CPBD on whole arrays than pixel by pixel? Both in one run, on the same pictures, with the same edge detector.

python benchmarks/bench_cpbd.py [--sizes 128 512] [--repeats 5]   (one thread; the slow form is tests/metrics/cpbd_reference.py)
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from sharpening.metrics.cpbd import canny_edges, cpbd_of_edges, cpbd_of_luminance, luminance, sobel_edges

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.metrics.cpbd_reference import reference_cpbd


def grey(size: int) -> np.ndarray:
    from PIL import Image
    from skimage.data import astronaut

    return luminance(np.asarray(Image.fromarray(astronaut()).resize((size, size))))


def seconds(run: Callable[[], object], repeats: int) -> float:
    """The processor's time of the best of some runs, so that other work on the machine disturbs it little."""
    run()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    print("size   loop [ms]   here [ms]   ratio   here, Canny in full [ms]   ratio   Canny alone [ms]   score loop / here")
    for size in asked.sizes:
        picture = grey(size)
        runs = (reference_cpbd, cpbd_of_luminance, canny_in_full, canny_edges)
        slow, fast, full, canny = (1000 * seconds(partial(run, picture), asked.repeats) for run in runs)
        scores = f"{reference_cpbd(picture):.4f} / {cpbd_of_luminance(picture):.4f}"
        print(f"{size:4d} {slow:11.1f} {fast:11.1f} {slow / fast:7.1f} {full:26.1f} {slow / full:7.1f} {canny:18.1f}   {scores}")


def canny_in_full(picture: np.ndarray) -> float:
    """What a picture costs of which some block does not show at once that it has enough edges."""
    return cpbd_of_edges(picture, sobel_edges(picture), canny_edges(picture))


if __name__ == "__main__":
    main()
