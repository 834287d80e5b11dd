"""Restore one picture out of a film, as `sharpening restore FILM -o OUT.png` does, with all the choices that one has.

    python examples/04_restore_film.py --film corridor.mp4
    python examples/04_restore_film.py --film corridor.mp4 --face 1 --middle 120
    python examples/04_restore_film.py --tiny       # seconds: the film of `sharpening demo`, and a small fresh net for the shipped one

The face is found and followed by itself. Where two people are in the film, `--face N` (from the left) or `--box X Y W H` chooses.
"""

import argparse
from pathlib import Path

import numpy as np
from skimage.data import astronaut

from sharpening.demo import camera_path, make_film
from sharpening.mframe_dl import BatchForm
from sharpening.models import create_model
from sharpening.restore import Restorer
from sharpening.training.export import export


def main(args: argparse.Namespace) -> None:
    out = Path(args.out)
    film, weights = make_tiny(out) if args.tiny else (args.film, args.weights)

    restore = Restorer.from_weights(weights)
    restored = restore(film, box=args.box, face=args.face, middle=args.middle, n_frames=args.frames)

    path = restored.save(out / "restored.png")
    print(f"picture {restored.picture.shape} in 0 … 1: {path}")
    print(f"contact sheet: {path.with_suffix('.sheet.png')}")
    print(f"report: {path.with_suffix('.json')}")
    for index, share in zip((row["index"] for row in restored.report["frames"]["used"]), restored.weights, strict=True):
        print(f"  frame {index} gave {share:.1%}")
    for words in restored.warnings:
        print(f"warning: {words}")


def make_tiny(out: Path) -> tuple[Path, Path]:
    """The film of the demonstration, and weights of a tiny net."""
    film = make_film(out / "film.mp4", astronaut(), camera_path(9, np.random.default_rng(0)))
    form = BatchForm(n_frames=7, size_in=32, size_out=128)
    return film, export(create_model("fusion_net", preset="tiny"), "stand-in", out, form=form)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--film", help="a film, or a folder of frames")
    parser.add_argument("--weights", default="default", help="name or file")
    parser.add_argument("--box", type=float, nargs=4, metavar=("X", "Y", "W", "H"), help="round the head in the first frame [px]")
    parser.add_argument("--face", type=int, help="number of the face, from 0 and from the left")
    parser.add_argument("--middle", type=int, help="number of the frame to restore")
    parser.add_argument("--frames", type=int, help="most frames to use")
    parser.add_argument("--out", default="out/example_04")
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.tiny or arguments.film):
        parser.error("give --film FILM, or --tiny")
    main(arguments)
