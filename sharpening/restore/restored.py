"""What comes out: the picture, what it was made of, and how it is laid down on disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpening.imaging.files import encode_picture
from sharpening.imaging.sheet import sheet
from sharpening.imaging.writing import picture_path, write_together

__all__ = ["Restored"]

Picture = NDArray[np.uint8]

_COLUMNS = 7  # frames in a row of the sheet


@dataclass(frozen=True, eq=False)
class Restored:
    """One restored picture.

    Attributes:
        picture: float32 `[H, W, 3]`, RGB in [0, 1].
        bicubic: the middle frame, enlarged by bicubic interpolation, likewise; to compare with.
        frames: uint8 `[n, h, w, 3]`: what the network was given, the middle at index n // 2.
        weights: how much each frame gave to the picture, n numbers of at most 1 in all; empty where the network cannot tell.
        report: all facts, as they are written to the JSON file.
    """

    picture: NDArray[np.float32]
    bicubic: NDArray[np.float32]
    frames: Picture
    weights: tuple[float, ...]
    report: dict[str, Any]

    @property
    def name(self) -> str:
        """What the input was called."""
        return str(self.report["input"]["name"])

    @property
    def warnings(self) -> list[str]:
        """What the user should know before trusting the picture, in plain words; also in the report."""
        return list(self.report["warnings"])

    def sheet(self, *, size: int = 128) -> Picture:
        """Contact sheet: the frames with their number and share, then the bicubic picture beside the result.

        Args:
            size: side of a cell [px].

        Returns:
            uint8 `[height, width, 3]`.
        """
        cells, words = list(self.frames), self._captions()
        rows = [cells[i : i + _COLUMNS] for i in range(0, len(cells), _COLUMNS)]
        captions = [words[i : i + _COLUMNS] for i in range(0, len(cells), _COLUMNS)]
        rows.append([_bytes(self.bicubic), _bytes(self.picture)])
        captions.append(["bicubic", "restored"])
        titles = ["frames", *([""] * (len(rows) - 2)), "result"]
        return sheet(rows, row_titles=titles, captions=captions, heading=self.name, size=size)

    def save(self, path: str | Path) -> Path:
        """Write the picture, and beside it the sheet (`.sheet.png`) and the report (`.json`): all three or none.

        Args:
            path: of the picture, with the suffix `.png`, `.jpg` or `.webp`; without one `.png` is added.

        Returns:
            The path of the picture.

        Raises:
            InputError: another suffix.
            WriteError: the disk is full, or the place cannot be written to; nothing new is left behind.
        """
        path = picture_path(path)
        sheet_path = path.with_suffix(".sheet.png")
        contents = {
            path.with_suffix(".json"): json.dumps(self.report, indent=2, ensure_ascii=False).encode() + b"\n",
            sheet_path: encode_picture(sheet_path, self.sheet()),
            path: encode_picture(path, _bytes(self.picture)),
        }
        write_together(contents)
        return path

    def _captions(self) -> list[str]:
        used = self.report["frames"]["used"]
        shares = [f"{share:.0%}" for share in self.weights] or [""] * len(used)
        middle = len(used) // 2
        return [f"{row['index']}{' (middle)' if i == middle else ''}\n{shares[i]}" for i, row in enumerate(used)]


def _bytes(picture: NDArray[np.float32]) -> Picture:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
