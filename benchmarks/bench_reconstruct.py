"""Where the time of a reconstruction goes, and what memory it needs: seven frames of 32×32, each method of a step against the default.

    python benchmarks/bench_reconstruct.py [--repeat 3]

Times are shares of the whole default run, side by side in one process. The memory is the peak of the process above what it held when the
libraries and networks were loaded; of each step what it added to the peak so far.
"""

from __future__ import annotations

import argparse
import resource
from statistics import median

import numpy as np

from sharpening.errors import SharpeningError
from sharpening.frames.degrade import apply, draw, settings
from sharpening.frames.sequence import FrameSequence
from sharpening.models.face_id.judge import FaceJudge
from sharpening.reconstruct import STEPS, Choice, Reconstruction, Settings


def sequence() -> FrameSequence:
    """The astronaut's face (scikit-image, public domain) with blurred parts."""
    from skimage.data import astronaut

    face = np.ascontiguousarray(astronaut()[30:190, 140:300])
    made = apply(face, draw(np.random.default_rng(0), settings("sections"), n_frames=7))
    return FrameSequence(made.frames, "astronaut", made.label)


def peak() -> float:
    """Of this process so far [MiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=3)
    repeat = parser.parse_args().repeat
    frames, judge, choice = sequence(), FaceJudge(), Choice(base=3)
    first = Reconstruction(Settings(), judge=judge)
    first(frames, choice)  # loads everything once
    held = peak()
    runs = [first(frames, choice) for _ in range(repeat)]
    times = {step: median(run.trace.seconds[step] for run in runs) for step in STEPS}
    whole = sum(times.values())
    print(
        f"whole run: {whole:.2f} s on this machine, peak {peak() - held:.0f} MiB above the {held:.0f} MiB of libraries and networks\n"
    )
    print("| step | share of the time |\n|---|---|")
    for step, seconds in times.items():
        print(f"| {step} | {seconds / whole:.0%} |")
    print("\n| instead | its step, times the default run's whole | peak added [MiB] |\n|---|---|---|")
    for step, change in (
        ("clean", {"clean": "bicubic"}),
        ("transfer", {"transfer": "align-blend"}),
        ("transfer", {"transfer": "dlib"}),
        ("crossover", {"crossover": "sharp"}),
        ("crossover", {"crossover": "soft"}),
        ("crossover", {"crossover": "gradient"}),
        ("finetune", {"finetune": "unsharp-mask"}),
    ):
        before = peak()
        try:
            method = Reconstruction(Settings(**change), judge=judge)
            method(frames, choice)
            seconds = median(method(frames, choice).trace.seconds[step] for _ in range(repeat))
        except SharpeningError as error:
            print(f"| {change} | refused: {error} | |")
            continue
        print(f"| {', '.join(change.values())} | {seconds / whole:.3f} | {peak() - before:.0f} |")


if __name__ == "__main__":
    main()
