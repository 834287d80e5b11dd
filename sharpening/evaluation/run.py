"""One protocol, all methods, one row a picture and method; tables are made from the rows alone."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from sharpening.errors import InputError
from sharpening.evaluation.facts import circumstances, mean_interval
from sharpening.evaluation.methods import Method, build_methods, fitted, weights_of
from sharpening.evaluation.protocols import PROTOCOLS, Sample, samples
from sharpening.imaging.convert import to_tensor
from sharpening.imaging.files import write_text
from sharpening.metrics import metrics
from sharpening.models.face_id import FaceJudge
from sharpening.weights.commit import checkout_commit

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "evaluate", "score", "summary", "to_markdown"]

# The metrics of a row, by their names in `metrics`. Both errors come from the same tensor, so PSNR and MSE cannot contradict each other.
COLUMNS = ("psnr", "ssim", "mse_255", "identity_cosine", "identity_distance")
BATCH = 16


def evaluate(
    protocol: str,
    data: str | Path,
    *,
    methods: list[str] | None = None,
    limit: int | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    pretrained: str | Path | None = None,
    twin: str | Path | None = None,
    peers: str | Path | None = None,
    split: str = "valid",
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame:
    """Run methods over a protocol.

    Args:
        protocol: A name of `PROTOCOLS`.
        data: Folder in the form of `../shared/data`.
        methods: Names as in `build_methods`; all that can be had when None.
        limit: Only the first so many samples.
        out: Folder for `<protocol>.csv` (rows), `.json` (circumstances) and `.md` (table); nothing is written when None.
        seed: Of the protocol; the same seed and data give the same numbers.
        pretrained: Folder to search weights in first.
        twin: Weights of the single-frame twin.
        peers: Folder with published files of other methods.
        split: As in splits.csv.
        progress: Called with the number of samples done.

    Returns:
        A row for each sample and method: name, group, cluster, method, and the columns of `COLUMNS`. Identity is NaN where no face
        is found in the label.
    """
    import pandas as pd

    began, chosen = time.monotonic(), build_methods(methods, twin=twin, peers=peers, pretrained=pretrained)
    digest, rows, judge = hashlib.sha256(), [], FaceJudge()
    tests = samples(protocol, data, limit=limit, seed=seed, split=split)
    done = 0
    while batch := list(islice(tests, BATCH)):
        for sample in batch:
            digest.update(sample.frames.tobytes() + sample.label.tobytes())
        rows += list(_rows(batch, chosen, judge))
        done += len(batch)
        if progress:
            progress(done)
    if not rows:
        raise InputError(data, f"the protocol '{protocol}' found nothing to test.", "Check splits.csv.")
    table = pd.DataFrame(rows)
    if out is not None:
        facts = {
            "protocol": protocol,
            "what": PROTOCOLS[protocol],
            "split": split,
            "samples": done,
            "seed": seed,
            "inputs_sha256": digest.hexdigest(),
            "weights": {name: card for name, run in chosen.items() if (card := weights_of(run)) is not None},
            "commit": checkout_commit(),
        }
        _write(Path(out) / protocol, table, {**facts, **circumstances(), "seconds": round(time.monotonic() - began)})
    return table


def score(pred: Tensor, label: Tensor, *, judge: FaceJudge, landmarks: Tensor, described: Tensor) -> Mapping[str, Tensor]:
    """All metrics of `COLUMNS` for a batch.

    Args:
        pred: `[bs, 3, H, W]`, 0 … 1.
        label: The same shape.
        judge: Describes the faces.
        landmarks: Of the labels; the same cut is taken from the predictions.
        described: Descriptors of the labels.
    """
    inputs = {"pictures": (pred, label), "descriptors": (judge.descriptors(pred, landmarks), described)}
    return {name: metrics.get(name)(*inputs[metrics.get(name).inputs]) for name in COLUMNS}


def _rows(batch: list[Sample], methods: Mapping[str, Method], judge: FaceJudge) -> Iterator[dict[str, Any]]:
    frames = torch.stack([to_tensor(sample.frames).flatten(0, 1) for sample in batch])
    label = torch.stack([to_tensor(sample.label) for sample in batch])
    landmarks = judge.locate(label)
    described = judge.descriptors(label, landmarks)
    for method, run in methods.items():
        with torch.no_grad():
            scores = score(fitted(run(frames), label), label, judge=judge, landmarks=landmarks, described=described)
        for i, sample in enumerate(batch):
            values = {name: float(column[i]) for name, column in scores.items()}
            yield {"name": sample.name, "group": sample.group, "cluster": sample.cluster, "method": method, **values}


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean and half of the 95 % interval of each metric per group and method, and the PSNR gained over bicubic, picture by picture.

    Windows of one person are not independent: the interval is that of cluster sums (`cluster` column), which for one picture a person is
    the usual one.
    """
    import pandas as pd

    lines = []
    for (group, method), part in rows.groupby(["group", "method"], sort=False):
        line: dict[str, Any] = {"group": group, "method": method, "n": len(part)}
        for name in COLUMNS:
            line[name], line[f"{name}±"] = mean_interval(part[name].to_numpy(), part["cluster"].to_numpy())
        line["gain"], line["gain±"] = _gain(rows, part, str(group))
        lines.append(line)
    return pd.DataFrame(lines)


def _gain(rows: pd.DataFrame, part: pd.DataFrame, group: str) -> tuple[float, float]:
    base = rows[(rows["group"] == group) & (rows["method"] == "bicubic")].set_index("name")["psnr"]
    if base.empty:
        return float("nan"), float("nan")
    return mean_interval(part["psnr"].to_numpy() - base.loc[part["name"]].to_numpy(), part["cluster"].to_numpy())


def to_markdown(table: pd.DataFrame) -> str:
    """The summary as a Markdown table; headings, arrows and digits come from the metrics themselves."""
    heads = ["group", "method", "n", *(metrics.get(name).heading for name in COLUMNS), "PSNR over bicubic [dB]"]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for _, row in table.iterrows():
        cells = [f"{metrics.get(name).format(row[name])} ± {metrics.get(name).format(row[name + '±'])}" for name in COLUMNS]
        lines.append(
            "| "
            + " | ".join([row["group"], row["method"], str(row["n"]), *cells, f"{row['gain']:+.2f} ± {row['gain±']:.2f}"])
            + " |"
        )
    return "\n".join(lines) + "\n"


def _write(stem: Path, rows: pd.DataFrame, facts: Mapping[str, Any]) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    write_text(stem.with_suffix(".csv"), rows.round(5).to_csv(index=False))
    write_text(stem.with_suffix(".json"), json.dumps(dict(facts), indent=1) + "\n")
    title = f"# {facts['protocol']}: {facts['what']}\n\n"
    title += f"Mean ± half of the 95 % interval. Made by `sharpening evaluate --protocol {facts['protocol']}`.\n\n"
    weights = [f"* {label}: `{card['name']}`, sha256 {card['sha256'][:12]}…" for label, card in facts["weights"].items()]
    text = title + to_markdown(summary(rows)) + ("\n" + "\n".join(weights) + "\n" if weights else "")
    write_text(stem.with_suffix(".md"), text)
