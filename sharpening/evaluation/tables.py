"""The table of the front page, made from stored rows, never from memory."""

from __future__ import annotations

from pathlib import Path

from sharpening.errors import InputError
from sharpening.evaluation.facts import stored_rows
from sharpening.evaluation.goal_table import Figure, Measured
from sharpening.evaluation.goals_rows import OURS, TWIN
from sharpening.metrics import metrics

__all__ = ["overview"]

# What a reader of the front page wants to compare.
_METHODS = {"bicubic": "bicubic", "back-projection": "back-projection", TWIN: "same net, one frame", OURS: "ours, 7 frames"}
# The blurry sections and the other goals have tables of their own.
_SHOWN = (
    ("stills", "stills"),
    ("h264", "h264"),
    ("damaged-middle", "damaged-middle"),
    ("noise-others", "noise-others"),
    ("clips", "sparse"),
    ("clips", "dense"),
)
MISSING = "–"
_MAKE = "Make them: sharpening goals, make goals."


def overview(folder: str | Path) -> str:
    """One Markdown table: PSNR and identity cosine of the methods that tell the story, by the rows that `sharpening goals` stored.

    Mean ± half of the 95 % interval.

    Raises:
        InputError: There are no rows, or none of a protocol.
    """
    file = Path(folder) / "goals.csv"
    if not file.is_file():
        raise InputError(file, "there are no rows.", _MAKE)
    found = Measured(stored_rows(file, "protocol", "group"))
    lines = ["| sequences | " + " | ".join(_METHODS.values()) + " |", "|---|" + "---|" * len(_METHODS)]
    for protocol, group in _SHOWN:
        figures = [found.mean(protocol, method, "psnr", group=group) for method in _METHODS]
        n = max((figure.n for figure in figures if figure is not None), default=0)
        if n == 0:
            raise InputError(file, f"has no rows of '{protocol}'.", _MAKE)
        name = protocol if group == protocol else f"{protocol}, {group}"
        cells = [
            _cell(psnr, found.mean(protocol, method, "identity_cosine", group=group))
            for method, psnr in zip(_METHODS, figures, strict=True)
        ]
        lines.append(f"| `{name}` ({n}) | " + " | ".join(cells) + " |")
    words = "PSNR and the cosine of dlib's identity descriptors to those of the truth; higher is better in both."
    return "\n".join(lines) + f"\n\n{words}\n"


def _cell(psnr: Figure | None, cosine: Figure | None) -> str:
    if psnr is None:
        return MISSING
    shown, likeness = metrics.get("psnr"), metrics.get("identity_cosine")
    end = "" if cosine is None else f", {likeness.format(cosine.mean)}"
    return f"{shown.format(psnr.mean)} ± {shown.format(psnr.interval)} dB{end}"
