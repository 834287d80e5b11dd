"""How often does the automatic choice find the right source? On the 90 blurry-section sequences, whose true damage is known.

    python benchmarks/bench_selection.py [--data ../shared/data] [--clean bicubic] [--limit N]

A part has a clearly sharper source if at least half of it is blurred in the middle frame and none to speak of in some other; eyes,
brows, nose and mouth count, since blurred skin is as smooth as skin. The choice is right if the part is taken from a frame in which
less than a quarter of it is blurred.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from sharpening.errors import SharpeningError
from sharpening.evaluation.protocols import samples
from sharpening.evaluation.sections import DAMAGED, WHOLE, damaged_shares
from sharpening.frames.sequence import FrameSequence
from sharpening.models.face_seg.parts import SMALL_PARTS
from sharpening.reconstruct import Choice, Reconstruction, Settings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--clean", default="bicubic")
    parser.add_argument("--limit", type=int)
    given = parser.parse_args()
    if not given.data.is_dir():
        print(f"not run: no data in {given.data} (--data names another folder)")
        return
    method = Reconstruction(Settings(clean=given.clean), judge=False)
    counts: dict[str, Counter[str]] = {}
    for sample in samples("sections", given.data, limit=given.limit):
        shares = damaged_shares(sample)
        clear = [part for part in SMALL_PARTS if shares[part][sample.middle] >= 0.5 and min(shares[part]) <= WHOLE]
        group = counts.setdefault(sample.group, Counter())
        try:
            done = method(FrameSequence(sample.frames, sample.name), Choice(base=sample.middle), cropped=True)
        except SharpeningError:
            group["refused"] += 1
            continue
        for part in clear:
            source = next((pick.frame for pick in done.state.picks if pick.part == part), sample.middle)
            kind = "kept" if source == sample.middle else "right" if shares[part][source] < DAMAGED else "wrong"
            group[kind] += 1
        inside = sample.damaged[sample.middle]
        errors = [np.square(picture - sample.label / 255)[inside].mean() for picture in (done.base_picture, done.picture)]
        group["sequences"] += 1
        group["gain"] += round(10 * np.log10(errors[0] / errors[1]) * 1000)
    print(
        "| sequences | n | right | left as it was | wrong | right of all | refused | gain inside [dB] |\n|---|---|---|---|---|---|---|---|"
    )
    counts["all"] = sum(counts.values(), Counter())
    for name, row in counts.items():
        parts = row["right"] + row["kept"] + row["wrong"]
        share, gain = row["right"] / max(parts, 1), row["gain"] / 1000 / max(row["sequences"], 1)
        cells = [row["sequences"], row["right"], row["kept"], row["wrong"], f"{share:.1%}", row["refused"], f"{gain:.2f}"]
        print(f"| {name} | {' | '.join(map(str, cells))} |")


if __name__ == "__main__":
    main()
