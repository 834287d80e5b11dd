"""Make a data set of damaged sequences out of sharp pictures, and look at one batch of it.

    python examples/01_make_sequences.py --stills my_pictures --out data/made
    python examples/01_make_sequences.py --tiny          # seconds, with pictures drawn on the fly

Each sequence is a folder: seven frames of 32×32, the sharp label, and params.json, with which it can be made again.
"""

import argparse
from pathlib import Path

from drawn_faces import draw_faces

from sharpening.frames.degrade import settings
from sharpening.frames.layouts import stills
from sharpening.frames.synth import synthesise


def main(args: argparse.Namespace) -> None:
    out = Path(args.out)
    pictures = draw_faces(out / "stills", n=3) if args.tiny else stills(args.stills)
    made = synthesise(pictures, out / "sequences", how=settings(args.how), per_still=args.per_still, seed=args.seed)
    print(f"{made.made} sequences made, {made.kept} were there already: {out / 'sequences'}")
    for picture, why in made.left_out.items():
        print(f"left out {picture}: {why}")

    # What a network would get: the same folder as batches, drawn as a sheet.
    from matplotlib import pyplot as plt

    from sharpening.mframe_dl import mframe_dls

    dls = mframe_dls(out / "sequences", bs=3, seed=args.seed)
    dls.show_batch(max_n=3)
    plt.savefig(out / "batch.png")
    print(f"one batch: {out / 'batch.png'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stills", help="folder of sharp, square pictures of faces, at any depth")
    parser.add_argument("--out", default="out/example_01", help="where the data set goes")
    parser.add_argument("--how", default="thesis", help="preset of sharpening.frames.degrade")
    parser.add_argument("--per-still", type=int, default=1, help="sequences made of each picture")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tiny", action="store_true", help="a few drawn faces instead of --stills")
    arguments = parser.parse_args()
    if not (arguments.tiny or arguments.stills):
        parser.error("give --stills FOLDER, or --tiny")
    main(arguments)
