"""The thesis's Tables 3.1 to 3.6 out of stored rows: ours with all metrics, and the thesis beside ours where both are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from sharpening.evaluation.facts import mean_interval
from sharpening.evaluation.measuring import TRUTH
from sharpening.evaluation.section_rows import TABLES as SECTION_TABLES
from sharpening.evaluation.section_rows import section_entries, section_row_names
from sharpening.evaluation.survey_count import VOTE_HEADS, Votes, read_votes, shown_votes, votes_notes
from sharpening.evaluation.table_text import Grid, latex, markdown, text, values
from sharpening.evaluation.thesis import ANY_TABLE, COLUMNS, NOTES, Figures, Place, thesis_figures
from sharpening.evaluation.thesis_rows import entries as find_entries
from sharpening.evaluation.thesis_rows import row_names
from sharpening.evaluation.thesis_run import Filled, fill
from sharpening.imaging.files import write_text
from sharpening.metrics import metrics
from sharpening.metrics.error import psnr_of_mse
from sharpening.metrics.mlfdb import mlfdb_score

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Means", "compared", "make_table", "ours", "summarise", "write_table"]

NONE = "–"
Means = Mapping[str, tuple[float, float]]


class _Column(NamedTuple):
    """A column of our table: key in `Means`, head, digits."""

    key: str
    head: str
    decimals: int

    def show(self, means: Means) -> str:
        mean, half = means.get(self.key, (float("nan"), float("nan")))
        if mean != mean:
            return NONE
        return f"{mean:.{self.decimals}f}" + ("" if half != half else f" ± {half:.{self.decimals}f}")


# The thesis's column → ours. Its MSE is taken to be on 0–255 and its PSNR to be a mean over pictures: it says neither.
THESIS = {"MSE": "mse_255", "PSNR": "psnr", "SSIM": "ssim", "CPBD": "cpbd", "SER-FIQ": "serfiq_percent"}
# Of damaged areas, where the protocol knows them.
_INSIDE = {
    "mse_inside": ("MSE inside ↓", 5),
    "psnr_inside": ("PSNR inside ↑ [dB]", 2),
    "ssim_inside": ("SSIM inside ↑", 4),
    "identity_inside": ("identity cosine inside ↑", 4),
    "identity_inside_centred": ("the same, centred ↑", 4),
    "identity_centred": ("identity cosine, centred ↑", 4),
    "seam": ("seam (none: 1)", 2),
}
_FROM_METRICS = ("mse", "mse_255", "psnr", "ssim", "cpbd", "identity_cosine", "identity_distance")


def _columns() -> dict[str, _Column]:
    own = {name: _Column(name, metrics.get(name).heading, metrics.get(name).decimals) for name in _FROM_METRICS}
    added = [
        _Column("psnr_of_mean", "PSNR of the mean MSE ↑ [dB]", 2),
        _Column("serfiq", "SER-FIQ ↑ (raw)", 4),
        _Column("serfiq_percent", "SER-FIQ ↑ [%]", 2),
        _Column("lpips", "LPIPS ↓", 4),
        _Column("mlfdb", "mlfdb_score ↓", 3),
        _Column("no_face", "faces lost ↓", 0),
        *(_Column(key, head, decimals) for key, (head, decimals) in _INSIDE.items()),
        _Column("right_sources", "right sources ↑ [%]", 1),
        _Column("refused", "refused ↓", 0),
    ]
    order: tuple[str, ...] = ("mse", "mse_255", "psnr", "psnr_of_mean", "ssim", "cpbd", "serfiq", "serfiq_percent")
    order += ("identity_cosine", "identity_distance", "lpips", "mlfdb", "no_face")
    order += (*_INSIDE, "right_sources", "refused")
    every = own | {column.key: column for column in added}
    return {key: every[key] for key in order}


def summarise(rows: pd.DataFrame) -> dict[str, Means]:
    """Mean and half of the 95 % interval of each metric, by method.

    Of the whole set there are, without intervals: "psnr_of_mean" (of the mean error), "mlfdb", and "no_face" (labels with a face where
    the result has none), and "refused". "serfiq_percent" is 100·sigmoid(-x), half of the raw 2·sigmoid(-x): what the thesis seems to print.
    """
    sharpness = rows[rows["method"] == TRUTH]["cpbd"].mean()
    return {str(method): _means(part, sharpness) for method, part in rows.groupby("method", sort=False)}


def _means(part: pd.DataFrame, true_cpbd: float) -> Means:
    measured = [name for name in (*_FROM_METRICS, "serfiq", "lpips", *_INSIDE, "right_sources") if name in part]
    found = {name: mean_interval(part[name].to_numpy(float), part["cluster"].to_numpy()) for name in measured}
    found["serfiq_percent"] = (50 * found["serfiq"][0], 50 * found["serfiq"][1])
    nothing = float("nan")
    if "right_sources" in found:
        found["right_sources"] = (100 * found["right_sources"][0], 100 * found["right_sources"][1])
    if "refused" in part and part["refused"].notna().any():
        found["refused"] = (int(part["refused"].sum()), nothing)
    if part["mse"].notna().any():
        lost = int((part["face_found"] == 0).sum())
        found["no_face"] = (lost, nothing)
        found["psnr_of_mean"] = (float(psnr_of_mse(torch.tensor(found["mse"][0], dtype=torch.float64))), nothing)
        mse, ssim, psnr, cpbd = (found[name][0] for name in ("mse_255", "ssim", "psnr", "cpbd"))
        found["mlfdb"] = (mlfdb_score(mse, ssim, psnr, cpbd, true_cpbd, lost), nothing)
    return found


def ours(filled: Filled, means: Mapping[str, Means], votes: Votes | None = None) -> Grid:
    """Our table: every row with all metrics, or with what it needs; Table 3.6 with what people answered, as far as they did."""
    columns = [column for column in _columns().values() if any(column.show(line) != NONE for line in means.values())]
    lines = [(TRUTH, "")] + [(entry.label, entry.needs) for entry in filled.entries]
    asked = filled.table == "3.6"
    rows = []
    for label, needs in lines:
        voted = () if not asked else (NONE, NONE) if label == TRUTH else shown_votes(votes, label)
        rows.append((label, needs) if needs else (label, *(c.show(means[label]) for c in columns), *voted))
    heads = ("method", *(c.head for c in columns), *(VOTE_HEADS if asked else ()))
    notes = _notes(filled) + (votes_notes(votes) if asked else ())
    return Grid(str(filled.facts["title"]), heads, tuple(rows), notes)


_SECTION_NOTES = (
    "Inside: in the damaged areas of the middle alone (SSIM: the mean of its map there). Identity cosine inside: of the picture inside the "
    "areas and the truth outside. Seam: the step across the areas' border against that beside it (the truth's row tells what is natural).",
    "Reconstructions improve the middle frame. Right sources: the share of the damaged parts (a quarter of the part or more) that were "
    "taken from a frame that shows them whole, or as whole as any. Refused: no reconstruction was made, and the cleaned middle frame is "
    "measured. By hand: the nearest frame that truly shows the part. In Table 3.6 an identity judge watches over the automatic ones, as in "
    "use; in 3.4 and 3.5 there is none, so that each method is seen as it is.",
)


def _notes(filled: Filled) -> tuple[str, ...]:
    facts = filled.facts
    weights = [
        f"{label}: " + ", then ".join(f"{w['name']} ({w['model']}, {w['n_parameters']:,} parameters)" for w in found)
        for label, found in facts["weights"].items()
    ]
    return (
        f"{facts['samples']} sequences of the split '{facts['split']}'; protocol '{facts['protocol']}': {facts['what']}. "
        "Mean ± half of the 95 % interval over persons.",
        "MSE and PSNR come from one error tensor; PSNR is a mean over pictures, and beside it stands that of the mean MSE, which is "
        "never above it. Results of another size than the label's are brought to it (bicubic, with a low-pass filter to shrink).",
        f"SER-FIQ and CPBD know no true picture: they are no likeness. SER-FIQ: {facts['judges']['serfiq']}; raw is 2·sigmoid(-x), "
        "[%] is 100·sigmoid(-x), which the thesis's values look like (our inference). "
        f"CPBD with scikit-image {facts['versions']['scikit-image']}. LPIPS: {facts['judges']['lpips']}.",
        f"Identity by {facts['judges']['identity']}; faces lost: dlib's detector finds a face in the label and none in the result.",
        *(_SECTION_NOTES if facts["protocol"] == "sections" else ()),
        *weights,
    )


def compared(filled: Filled, means: Mapping[str, Means], figures: Figures) -> Grid:
    """Thesis | ours | difference, for the rows and columns of the thesis."""
    columns, shown = _columns(), (row_names() | section_row_names())[filled.table]
    labels = [entry.label for entry in filled.entries if entry.label in shown or entry.label == "bicubic"]
    rows = []
    for label in labels:
        cells = [
            _triple(figures.get(Place(filled.table, label, name)), means.get(label, {}), columns[THESIS[name]]) for name in COLUMNS
        ]
        rows.append((label, *(word for cell in cells for word in cell)))
    heads = tuple(f"{name} {who}" for name in COLUMNS for who in ("thesis", "ours", "diff."))
    unknown = f"{NONE}: not known here, or not measured. --thesis FILE adds figures of the thesis (docs/thesis.md)."
    title = f"Table {filled.table}, the thesis beside ours"
    return Grid(title, ("method", *heads), tuple(rows), (unknown, *NOTES.get(filled.table, ()), ANY_TABLE))


def _triple(theirs: float | None, means: Means, column: _Column) -> tuple[str, str, str]:
    mine = means.get(column.key, (float("nan"), 0.0))[0]
    digits = column.decimals
    return (
        NONE if theirs is None else f"{theirs:g}",
        NONE if mine != mine else f"{mine:.{digits}f}",
        NONE if theirs is None or mine != mine else f"{mine - theirs:+.{digits}f}",
    )


def _long(filled: Filled, means: Mapping[str, Means], figures: Figures) -> str:
    """The table as CSV: a line a row and metric, unrounded."""
    by_key = {key: name for name, key in THESIS.items()}
    lines: list[tuple[object, ...]] = [("table", "row", "metric", "thesis", "ours", "half_interval", "difference", "needs")]
    for label, needs in [(TRUTH, "")] + [(entry.label, entry.needs) for entry in filled.entries]:
        if needs:
            lines.append((filled.table, label, "", "", "", "", "", needs))
        for key, (mean, half) in means.get(label, {}).items():
            theirs = figures.get(Place(filled.table, label, by_key.get(key, "")))
            difference = "" if theirs is None or mean != mean else f"{mean - theirs:.7g}"
            numbers = ["" if x is None or x != x else f"{x:.7g}" for x in (theirs, mean, half)]
            lines.append((filled.table, label, key, *numbers, difference, ""))
    return values(lines)


def write_table(filled: Filled, grids: tuple[Grid, Grid], figures: Figures, out: str | Path) -> None:
    """Write `table-<number>` as .txt, .md, .tex, .json (facts) and .means.csv beside the rows (.csv)."""
    stem, means = Path(out) / f"table-{filled.table}", summarise(filled.rows)
    n, split = filled.facts["samples"], filled.facts["split"]
    head = (
        f"Made by `sharpening tables {filled.table}` on {n} samples of the split {split}; "
        f"facts in {stem.name}.json, a row a picture in {stem.name}.csv.\n"
    )
    pages: dict[str, Callable[[], str]] = {
        ".txt": lambda: "\n".join(map(text, grids)),
        ".md": lambda: markdown(grids[0]) + "\n" + markdown(grids[1], 2) + "\n" + head,
        ".tex": lambda: latex(grids[0], f"tab:{filled.table}") + "\n" + latex(grids[1], f"tab:{filled.table}-thesis"),
        ".json": lambda: json.dumps(dict(filled.facts), indent=1, ensure_ascii=False) + "\n",
        ".means.csv": lambda: _long(filled, means, figures),
    }
    for suffix, page in pages.items():
        write_text(stem.parent / (stem.name + suffix), page())


def make_table(
    table: str,
    data: str | Path,
    *,
    methods: str | None = None,
    out: str | Path | None = None,
    limit: int | None = None,
    split: str = "valid",
    seed: int = 0,
    runs: str | Path = "runs",
    pretrained: str | Path | None = None,
    base: str = "default",
    thesis: str | Path | None = None,
    anew: bool = False,
    keep: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Grid, Grid]:
    """Fill a table of the thesis and write it.

    Args:
        table: Its number, "3.1" to "3.6".
        data: Folder in the form of `../shared/data`.
        methods: See `thesis_rows.entries`.
        out: Folder for rows, facts and the table in all forms; nothing is written when None. Table 3.6 takes the answers of
            `sharpening survey count` from it.
        limit: Only the first so many samples.
        split: As in splits.csv.
        seed: Of the protocol.
        runs: Folder of the training runs.
        pretrained: Folder to search weights in first.
        base: Weights of the multi-frame network before the finetuners of Table 3.3, and of the reconstructions.
        thesis: CSV with figures of the thesis, see `thesis.read_figures`.
        anew: Measure all methods, also those whose stored rows still hold.
        keep: Folder for the pictures of all methods, for the survey.
        progress: Called with the number of pictures done and to do.

    Returns:
        Ours, and the thesis beside ours.

    Raises:
        InputError: a table, a file of figures or a list of methods that cannot be used.
        WeightsMismatch: weights that are not what their card says.
    """
    find = section_entries if table in SECTION_TABLES else find_entries
    lines = find(table, methods, runs=runs, pretrained=pretrained, base=base)
    figures = thesis_figures(thesis, rows=row_names() | section_row_names())
    votes = None if out is None or table != "3.6" else read_votes(out)
    places: dict[str, Any] = {"out": out, "limit": limit, "split": split, "seed": seed, "pretrained": pretrained, "anew": anew}
    filled = fill(table, data, lines, keep=keep, progress=progress, **places)
    means = summarise(filled.rows)
    grids = ours(filled, means, votes), compared(filled, means, figures)
    if out is not None:
        write_table(filled, grids, figures, out)
    return grids
