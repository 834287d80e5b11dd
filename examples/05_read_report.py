"""Read the report that lies beside a restored picture: what it was made of, how far to trust it, and whether the inputs are still the same.

    python examples/05_read_report.py --report out/face.json
    python examples/05_read_report.py --tiny        # seconds: makes a small result first

The report is plain JSON; nothing of `sharpening` is needed to read it. Here only the hashes are checked with its help.
"""

import argparse
import json
from pathlib import Path

from drawn_faces import draw_faces

from sharpening.frames.degrade import settings
from sharpening.frames.synth import synthesise
from sharpening.imaging.files import sha256_of
from sharpening.mframe_dl import BatchForm
from sharpening.models import create_model
from sharpening.restore import Restorer
from sharpening.training.export import export


def main(args: argparse.Namespace) -> None:
    path = make_tiny(Path(args.out)) if args.tiny else Path(args.report)
    report = json.loads(path.read_text(encoding="utf-8"))

    frames, weights, likeness = report["frames"], report["weights"], report["identity_agreement"]
    print(f"{path}: {report['input']['kind']} '{report['input']['name']}', {report['made']}")
    print(
        f"made by sharpening {report['versions']['sharpening']} with {weights['name']} ({weights['licence']}), on {report['device']}"
    )
    print(f"frame {frames['middle']} restored ({frames['why_middle']}) out of {frames['n_used']} frames:")
    for row in frames["used"]:
        share = "" if row["share"] is None else f", gave {row['share']:.1%}"
        print(f"  {row['index']:>4} {row['source']}: {row['how']}{share}")
    for row in frames["skipped"]:
        print(f"  {row['index']:>4} left out: {row['why']}")

    if likeness["measured"]:
        distance, border = likeness["distance_to_mean_of_frames"], likeness["same_person_below"]
        print(
            f"identity distance {distance:.2f}: {'the same person' if distance < border else 'NOT the same person'} to dlib's net"
        )
    else:
        print(f"identity not measured: {likeness['problem']}")
    for words in report["warnings"]:
        print(f"warning: {words}")

    files = [file for file in report["input"]["files"] if file["of"] == "file" and Path(file["path"]).is_file()]
    changed = [file["path"] for file in files if sha256_of(file["path"]) != file["sha256"]]
    print(f"inputs that changed since: {', '.join(changed) or 'none'}")


def make_tiny(out: Path) -> Path:
    """Restore a made sequence with a tiny net; returns its report."""
    synthesise(draw_faces(out / "stills", n=1), out / "sequences", how=settings("thesis"))
    form = BatchForm(n_frames=7, size_in=32, size_out=128)
    restore = Restorer.from_weights(export(create_model("fusion_net", preset="tiny"), "stand-in", out, form=form))
    sequence = next(folder for folder in (out / "sequences").iterdir() if folder.is_dir())
    return restore(sequence).save(out / "face.png").with_suffix(".json")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", help="JSON file beside a restored picture")
    parser.add_argument("--out", default="out/example_05")
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.tiny or arguments.report):
        parser.error("give --report FILE, or --tiny")
    main(arguments)
