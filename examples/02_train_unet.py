"""Train the thesis's U-Net on sequences or stills, and compare it with bicubic enlargement.

    python examples/02_train_unet.py --data data/made --epochs 10
    python examples/02_train_unet.py --data my_pictures --pretrained resnet34-b627a593.pth --first-layer middle
    python examples/02_train_unet.py --tiny              # seconds, a small net on drawn faces

Stills are damaged on the fly, anew in each epoch. Killed runs: see sharpening.training.train, which goes on where it stopped.
"""

import argparse
from pathlib import Path

from drawn_faces import draw_faces

from sharpening.mframe_dl import mframe_dls
from sharpening.models.unet import get_learner
from sharpening.training.export import export


def main(args: argparse.Namespace) -> None:
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    if args.tiny:
        draw_faces(out / "stills", n=4)
        dls = mframe_dls(out / "stills", n_frames=3, size_in=64, size_out=64, normalize=True, bs=2, degrade="thesis")
        settings = {"encoder": "resnet18", "width": 8, "critic": "pixel"}
    else:
        dls = mframe_dls(args.data, size_in=128, normalize=True, bs=args.bs, degrade="thesis", num_workers=args.workers)
        settings = {"critic": args.critic, "pretrained": args.pretrained, "first_layer": args.first_layer}
    learn = get_learner(dls, **settings, path=out)

    if args.pretrained:  # the encoder starts frozen, as in fastai
        learn.fine_tune(args.epochs, args.lr)
    else:
        learn.fit_one_cycle(args.epochs, args.lr)
    names, values = learn.recorder.metric_names[1:], learn.recorder.log[1:]
    print("  ".join(f"{name} {value:.4g}" for name, value in zip(names, values, strict=True) if isinstance(value, float)))

    from matplotlib import pyplot as plt

    learn.show_results(max_n=4)
    plt.savefig(out / "results.png")
    weights = export(learn, "my-unet", out, data="what I trained it on, and its terms")
    print(f"results: {out / 'results.png'}\nweights: {weights}, and their card beside them")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="folder of sequence folders, or of sharp square pictures")
    parser.add_argument("--out", default="out/example_02")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--bs", type=int, default=8)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--critic", default="thesis", help="pixel, thesis or ours")
    parser.add_argument("--pretrained", help="torchvision's resnet34 file, where you have it")
    parser.add_argument(
        "--first-layer", default="first", choices=["first", "middle", "spread"], help="which frames get its RGB kernels"
    )
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.tiny or arguments.data):
        parser.error("give --data FOLDER, or --tiny")
    main(arguments)
