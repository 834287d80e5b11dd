"""Build a picture of the best parts of some frames, look at every step, then change one choice and go on from there.

    python examples/06_reconstruct.py --frames clip.mp4
    python examples/06_reconstruct.py --tiny       # seconds: frames made of the astronaut's face, with blurred parts, bicubic start

The second picture takes the mouth from a frame that you name (--mouth), and everything else as it was chosen by itself.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from skimage.data import astronaut

from sharpening.frames import FrameSequence
from sharpening.frames.degrade import apply, draw, settings
from sharpening.reconstruct import Reconstruction, Settings


def main(args: argparse.Namespace) -> None:
    out = Path(args.out)
    frames = make_tiny() if args.tiny else args.frames

    reconstruct = Reconstruction(Settings(clean="bicubic" if args.tiny else args.clean, crossover=args.crossover))
    done = reconstruct(frames)
    path = done.save(out / "automatic.png", keep_state=True)
    print(
        f"picture, sheet of all steps, report with the choice: {path}, {path.with_suffix('.sheet.png')}, {path.with_suffix('.json')}"
    )
    for words in [*done.report["rests_on"], *(f"warning: {warning}" for warning in done.warnings)]:
        print(f"  {words}")

    # Only what comes after the choice is done again: the frames are cleaned and the face is found already.
    choice = replace(done.choice, sources={**done.choice.sources, "mouth": args.mouth})
    by_hand = reconstruct.again(done, choice, start="select")
    print(f"the mouth of frame {args.mouth}: {by_hand.save(out / 'by_hand.png')}")


def make_tiny() -> FrameSequence:
    """Seven frames of 32×32 px, each blurred somewhere."""
    face = np.ascontiguousarray(astronaut()[30:190, 140:300])
    made = apply(face, draw(np.random.default_rng(0), settings("sections"), n_frames=7))
    return FrameSequence(made.frames, "astronaut", made.label)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", help="a film, or a folder of frames")
    parser.add_argument("--clean", default="default", help="what removes the artifacts: bicubic, or weights")
    parser.add_argument("--crossover", default="colour", help="sharp, soft, colour, gradient")
    parser.add_argument("--mouth", type=int, default=1, help="number of the frame to take the mouth from in the second picture")
    parser.add_argument("--out", default="out/example_06")
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.tiny or arguments.frames):
        parser.error("give --frames FILM or FOLDER, or --tiny")
    main(arguments)
