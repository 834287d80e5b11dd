"""Use a StyleGAN that you brought: mix faces, turn one, and search the face that fits a small picture (PULSE).

    sharpening weights where stylegan-ffhq           # which file it takes, from where, on what terms
    python examples/07_generator.py --weights stylegan-ffhq --picture face.png
    python examples/07_generator.py --tiny           # seconds: a generator of 32 px with random weights, which paints no faces

A search of 100 steps at 1024 px takes minutes to hours without a GPU: look on (it says how far it is) and stop when you like.
"""

import argparse
from pathlib import Path

import torch
from torchvision.utils import save_image

from sharpening.imaging.convert import to_tensor
from sharpening.imaging.files import read_picture
from sharpening.models.interface_gan import Boundary, edited_pictures, load_boundary
from sharpening.models.pulse import GaussianFit, Pulse, PulseSettings, load_pulse
from sharpening.models.pulse.downscale import downscale
from sharpening.models.stylegan import Mapping, StyleGan, Synthesis, mixing_grid
from sharpening.models.stylegan.mixing import DESTINATION_SEEDS, SOURCE_SEEDS, seeded_codes


def main(args: argparse.Namespace) -> None:
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    pulse, turn = make_tiny() if args.tiny else published(args)
    gan = pulse.gan
    n = gan.synthesis.n_latent

    top, side = (gan.truncated(gan.w(seeded_codes(seeds, n))) for seeds in (SOURCE_SEEDS, DESTINATION_SEEDS))
    grid = mixing_grid(gan, top, side, generator=torch.Generator().manual_seed(0))
    save_image(grid.flatten(0, 1), out / "mixed.png", nrow=grid.shape[1], padding=0)

    w = gan.w(seeded_codes([1], n))[:, 0]
    save_image(edited_pictures(gan, w, turn, [-3, -1, 1, 3], space="w")[0], out / "turned.png", padding=0)

    wanted = small_face(args, pulse)
    for state in pulse.steps(wanted, torch.Generator().manual_seed(0)):
        print(f"step {state.step}: error {float(state.error):.4f}{', converged' if state.converged.all() else ''}")
        found = state.preview()
    save_image(found, out / "found.png")
    print(f"mixed faces, a turned one, and what PULSE found: {out}")


def published(args: argparse.Namespace) -> tuple[Pulse, Boundary]:
    pulse = load_pulse(args.weights, settings=PulseSettings(steps=args.steps))
    return pulse, load_boundary(args.boundary)


def make_tiny() -> tuple[Pulse, Boundary]:
    torch.manual_seed(0)
    synthesis = Synthesis(32, n_latent=16, most_channels=16, base_channels=256).requires_grad_(False)
    gan = StyleGan(synthesis, Mapping(16, 2).requires_grad_(False), name="tiny")
    fit = GaussianFit(torch.zeros(16), torch.ones(16))
    return Pulse(gan, fit, PulseSettings(steps=10)), Boundary(torch.eye(16, dtype=torch.float64)[0], "w")


def small_face(args: argparse.Namespace, pulse: Pulse) -> torch.Tensor:
    """The picture at the side from which PULSE searches, `[1, 3, s, s]`; it must be in FFHQ's form."""
    if args.tiny:
        return torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    picture = to_tensor(read_picture(args.picture)[None])
    return downscale(picture, picture.shape[-1] // 32).clamp(0, 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", help="name or path of a generator")
    parser.add_argument("--picture", help="a face in FFHQ's form, its side a multiple of 32 px")
    parser.add_argument("--boundary", default="stylegan_ffhq_pose_w_boundary", help="name or path of a boundary")
    parser.add_argument("--steps", type=int, default=100, help="steps of the search")
    parser.add_argument("--out", default="out/example_07")
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.tiny or (arguments.weights and arguments.picture)):
        parser.error("give --weights NAME and --picture FILE, or --tiny")
    main(arguments)
