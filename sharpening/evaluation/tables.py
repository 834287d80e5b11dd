"""Tables made from stored rows, never from memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from sharpening.errors import InputError
from sharpening.evaluation.run import summary
from sharpening.metrics import metrics

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SHOWN", "overview", "read_rows"]

# What a reader of the front page wants to compare.
_METHODS = {"bicubic": "bicubic", "back-projection": "back-projection", "twin": "same net, one frame", "default": "ours, 7 frames"}


# The blurry sections and the goals have tables of their own.
SHOWN = ("stills", "h264", "damaged-middle", "noise-others", "clips")


def read_rows(folder: str | Path, protocol: str) -> pd.DataFrame:
    """The rows that `evaluate(protocol, …, out=folder)` wrote."""
    import pandas as pd

    file = Path(folder) / f"{protocol}.csv"
    if not file.is_file():
        raise InputError(file, "there are no rows of this protocol.", f"Make them: sharpening evaluate --protocol {protocol}.")
    return pd.read_csv(file)


def overview(folder: str | Path) -> str:
    """One Markdown table over the protocols of `SHOWN`: PSNR and identity cosine of the methods that tell the story.

    Mean ± half of the 95 % interval.

    Raises:
        InputError: Rows of a protocol are not there, or are of other weights than those of the others.
    """
    _check_weights(Path(folder))
    lines = ["| sequences | " + " | ".join(_METHODS.values()) + " |", "|---|" + "---|" * len(_METHODS)]
    for protocol in SHOWN:
        table = summary(read_rows(folder, protocol))
        for group, part in table.groupby("group", sort=False):
            rows = part.set_index("method")
            name = protocol if group == protocol else f"{protocol}, {group}"
            cells = [_cell(rows.loc[method]) if method in rows.index else "–" for method in _METHODS]
            lines.append(f"| `{name}` ({int(part['n'].max())}) | " + " | ".join(cells) + " |")
    return (
        "\n".join(lines)
        + "\n\nPSNR and the cosine of dlib's identity descriptors to those of the truth; higher is better in both.\n"
    )


def _check_weights(folder: Path) -> None:
    """Refuse to lay rows of different weights side by side."""
    found: dict[str, str] = {}
    for protocol in SHOWN:
        file = folder / f"{protocol}.json"
        card = json.loads(file.read_text(encoding="utf-8")).get("weights", {}).get("default") if file.is_file() else None
        if card is not None:
            found[protocol] = card["sha256"]
    if len(set(found.values())) > 1:
        said = ", ".join(f"{protocol} of {sha256[:12]}" for protocol, sha256 in found.items())
        raise InputError(folder, f"holds rows of different weights: {said}.", "Measure them all again: make evaluate.")


def _cell(row: pd.Series) -> str:
    psnr, cosine = metrics.get("psnr"), metrics.get("identity_cosine")
    return f"{psnr.format(row['psnr'])} ± {psnr.format(row['psnr±'])} dB, {cosine.format(row['identity_cosine'])}"
