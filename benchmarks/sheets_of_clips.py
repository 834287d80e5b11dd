"""Ten real clips of the valid split, damaged and restored, as sheets to look at: bicubic, ours, truth, and the evidence.

    python benchmarks/sheets_of_clips.py ../shared/data out/clip-sheets

The pictures are of real people and stay out of the repository; docs/results/clips-looked-at.md says what was seen.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from sharpening.evaluation.protocols import samples
from sharpening.evaluation.sample import Sample
from sharpening.imaging.convert import to_tensor, to_uint8
from sharpening.imaging.files import write_picture
from sharpening.imaging.sheet import sheet
from sharpening.metrics.error import psnr
from sharpening.restore import Restorer

N_OF_EACH = 5  # sparse and dense


def chosen(data: str) -> list[Sample]:
    """The first clip of each of five people, sparse and dense; of a group with fewer people further clips of the same."""
    found: list[Sample] = []
    for group in ("sparse", "dense"):
        tests = [sample for sample in samples("clips", data) if sample.group == group]
        first = {sample.cluster: sample for sample in reversed(tests)}
        spread = tests[:: max(1, len(tests) // N_OF_EACH)]
        ordered = [*first.values(), *(sample for sample in spread if first[sample.cluster] is not sample)]
        found += ordered[:N_OF_EACH]
    return found


def main() -> None:
    """Restore, write the sheets, print the figures."""
    data, out = sys.argv[1], Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    restorer, rows, captions = Restorer.from_weights(device="cpu"), [], []
    for i, sample in enumerate(chosen(data)):
        middle = len(sample.frames) // 2
        restored = restorer(sample.frames, cropped=True, middle=middle)
        restored.save(out / f"{i}.png")
        pictures = [to_uint8(torch.from_numpy(each).movedim(-1, 0)) for each in (restored.bicubic, restored.picture)]
        found = [float(psnr(to_tensor(each)[None], to_tensor(sample.label)[None])) for each in pictures]
        title = f"{i} {sample.group}: {sample.name}"
        print(f"{title}: bicubic {found[0]:.2f}, ours {found[1]:.2f} dB", *restored.warnings, sep="\n    ")
        rows.append([sample.frames[middle], *pictures, sample.label])
        captions.append([f"{i} {sample.group}", *(f"{value:.2f} dB" for value in found), "truth"])
    for part, start in enumerate(range(0, len(rows), N_OF_EACH)):
        here = slice(start, start + N_OF_EACH)
        words = "middle frame, bicubic, ours, truth"
        write_picture(out / f"all-{part}.png", sheet(rows[here], captions=captions[here], heading=words, size=192))


if __name__ == "__main__":
    main()
