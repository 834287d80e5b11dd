"""Fine-tune the default network on your own sequences: the ten lines of the README as a program.

    python examples/03_finetune_default.py --data my_sequences --epochs 5
    python examples/03_finetune_default.py --tiny        # seconds: a small fresh net stands in for the default, on drawn faces

`my_sequences` holds a folder for each sequence, with the frames in order and a sharp picture of the middle one, label.png.
"""

import argparse
from pathlib import Path

from drawn_faces import draw_faces

from sharpening.frames.degrade import settings
from sharpening.frames.synth import synthesise
from sharpening.mframe_dl import BatchForm, mframe_dls
from sharpening.models import create_model
from sharpening.models.fusion_net import get_learner
from sharpening.training.export import export


def main(args: argparse.Namespace) -> None:
    folder, weights, critic = args.data, args.weights, "ours"
    if args.tiny:
        folder, weights, critic = *make_tiny(Path(args.out)), "pixel"

    dls = mframe_dls(folder, n_frames=args.frames, bs=args.bs)
    learn = get_learner(dls, weights=weights, critic=critic)
    before = learn.validate()
    learn.fine_tune(args.epochs, args.lr)
    after = learn.validate()
    print(f"PSNR on the sequences that did not train: {before[1]:.2f} dB before, {after[1]:.2f} dB after")

    path = export(learn, "mine", args.out, data="my own sequences")
    print(f"weights: {path}, and their card beside them")


def make_tiny(out: Path) -> tuple[Path, Path]:
    """Four sequences of drawn faces, and weights of a tiny net."""
    synthesise(draw_faces(out / "stills", n=4), out / "sequences", how=settings("thesis"))
    form = BatchForm(n_frames=7, size_in=32, size_out=128)
    weights = export(create_model("fusion_net", preset="tiny"), "stand-in", out, form=form)
    return out / "sequences", weights


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of sequence folders")
    parser.add_argument("--weights", default="default", help="name or file to start from")
    parser.add_argument("--out", default="out/example_03")
    parser.add_argument("--frames", type=int, default=7, help="frames of a sequence to use")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--lr", type=float, default=4e-4)
    parser.add_argument("--bs", type=int, default=4)
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.tiny or arguments.data):
        parser.error("give --data FOLDER, or --tiny")
    main(arguments)
