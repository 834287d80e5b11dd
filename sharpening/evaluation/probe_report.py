"""The findings of a probe as a table, a picture and files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpening.evaluation.facts import circumstances, mean_interval
from sharpening.evaluation.probe import MEASURES, ONE_FRAME, Probe
from sharpening.evaluation.probe_conditions import BLURRED, TITLES, WHITE, Scene
from sharpening.evaluation.table_text import Grid, text
from sharpening.imaging.files import write_picture, write_text
from sharpening.imaging.sheet import sheet
from sharpening.metrics import metrics
from sharpening.weights.commit import checkout_commit

__all__ = ["means", "probe_grid", "probe_sheet", "write_probe"]

_HEADS = ("PSNR ↑ [dB]", "inside the damage ↑ [dB]", "identity cosine ↑", "identity distance ↓")
_BAR, _MIDDLE, _GROUND = (120, 160, 220), (240, 180, 80), (36, 39, 45)


def means(found: Probe) -> dict[str, dict[str, tuple[float, float]]]:
    """Mean and half of the 95 % interval of each measure, by condition."""
    table: dict[str, dict[str, tuple[float, float]]] = {}
    for condition, part in found.rows.groupby("condition", sort=False):
        persons = part["name"].to_numpy()
        table[str(condition)] = {what: mean_interval(part[what].to_numpy(float), persons) for what in MEASURES}
    return table


def probe_grid(found: Probe, model: str) -> Grid:
    """The table for a terminal."""
    table, decimals = means(found), (2, 2, metrics.get("identity_cosine").decimals, metrics.get("identity_distance").decimals)
    rows = [(name, *(_cell(line[what], d) for what, d in zip(MEASURES, decimals, strict=True))) for name, line in table.items()]
    n = found.rows["name"].nunique()
    notes = [found.use.words, _gradient_words(found), *(_borrowed(table, name) for name in (WHITE, BLURRED))]
    return Grid(
        f"Probe of {model}: {n} persons, mean ± half of the 95 % interval", ("the others are", *_HEADS), tuple(rows), tuple(notes)
    )


def _cell(value: tuple[float, float], decimals: int) -> str:
    mean, half = value
    if math.isnan(mean):
        return "–"
    return f"{mean:.{decimals}f}" + ("" if math.isnan(half) else f" ± {half:.{decimals}f}")


def _gradient_words(found: Probe) -> str:
    if found.shares is None:
        return "gradient share of the frames: the model passes none back"
    shares = np.nanmean(found.shares, axis=0)
    return "gradient share of the frames: " + ", ".join(f"{share:.1%}" for share in shares)


def _borrowed(table: Mapping[str, Mapping[str, tuple[float, float]]], name: str) -> str:
    gain = table[name]["region_psnr"][0] - table[f"{name}, copies"]["region_psnr"][0]
    return f"{name}: inside the damage the others bring {gain:+.2f} dB over copies of the damaged middle"


def probe_sheet(found: Probe, model: str) -> NDArray[np.uint8]:
    """Some persons under all conditions: what went in, what came out; at the end the share of each frame in the gradient."""
    titles = ["truth", *TITLES.values()]
    rows: list[list[NDArray[np.uint8] | None]] = []
    captions, names = list[list[str]](), list[str]()
    table = found.rows.set_index(["name", "condition"])["psnr"]
    for scene, pictures in found.shown:
        rows += [[scene.label, *(_montage(scene, name) for name in TITLES)], [None, *(pictures[name] for name in TITLES)]]
        captions += [[""] * len(titles), ["", *(f"{table[scene.name, name]:.2f} dB" for name in TITLES)]]
        names += ["frames", "result"]
    if found.shares is not None:
        rows.append([_bars(np.nanmean(found.shares, axis=0))])
        captions.append(["one bar a frame"])
        names.append("gradient\nshare")
    return sheet(rows, titles=titles, row_titles=names, captions=captions, heading=f"{model}: {found.use.words}")


def _montage(scene: Scene, condition: str) -> NDArray[np.uint8]:
    """All frames of a condition in one square picture, from the upper left to the lower right."""
    frames = scene.frames[condition]
    n, side = len(frames), frames.shape[1]
    across = math.ceil(math.sqrt(n))
    picture = np.full((across * side, across * side, 3), _GROUND, np.uint8)
    for i, frame in enumerate(frames):
        y, x = side * (i // across), side * (i % across)
        picture[y : y + side, x : x + side] = frame
    return picture


def _bars(shares: NDArray[np.floating], side: int = 128) -> NDArray[np.uint8]:
    """Bars as high as the shares; the full height is 1, the bar of the middle frame has a colour of its own."""
    picture = np.full((side, side, 3), _GROUND, np.uint8)
    edges = np.linspace(4, side - 4, len(shares) + 1).round().astype(int)
    for i, share in enumerate(np.nan_to_num(shares)):
        top = side - max(1, round(float(share) * side))
        picture[top:, edges[i] + 1 : edges[i + 1] - 1] = _MIDDLE if i == len(shares) // 2 else _BAR
    return picture


def write_probe(found: Probe, model: str, out: str | Path, facts: Mapping[str, Any]) -> list[Path]:
    """Write `probe-<model>` as .json, .csv (a row a person and condition), .txt and .png.

    Args:
        found: The findings.
        model: What to call the model; only the last part of a path goes into names of files.
        out: Folder.
        facts: More facts for the JSON file.

    Returns:
        The files.
    """
    name = Path(model).stem if model.endswith((".safetensors", ".pt", ".pth")) else Path(model).name
    stem = f"probe-{name}"
    table = {condition: {what: _json(*value) for what, value in line.items()} for condition, line in means(found).items()}
    shares = None if found.shares is None else [round(float(share), 5) for share in np.nanmean(found.shares, axis=0)]
    use = {key: _number(getattr(found.use, key)) for key in ("gain", "gain_half", "lost", "raw", "score")}
    report = {
        "model": model,
        "persons": int(found.rows["name"].nunique()),
        "frame_use": {**use, "reference": ONE_FRAME if ONE_FRAME in table else "copies of the middle", "words": found.use.words},
        "gradient_shares": shares,
        "conditions": table,
        **facts,
        "commit": checkout_commit(),
        **circumstances(),
    }
    return [
        write_text(Path(out) / f"{stem}.json", json.dumps(report, indent=1, ensure_ascii=False) + "\n"),
        write_text(Path(out) / f"{stem}.csv", found.rows.to_csv(index=False, float_format="%.7g")),
        write_text(Path(out) / f"{stem}.txt", text(probe_grid(found, model))),
        write_picture(Path(out) / f"{stem}.png", probe_sheet(found, model)),
    ]


def _number(value: float) -> float | None:
    """JSON knows no NaN."""
    return None if math.isnan(value) else round(value, 5)


def _json(mean: float, half: float) -> dict[str, float | None]:
    return {"mean": _number(mean), "half_interval": _number(half)}
