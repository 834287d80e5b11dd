"""What comes out: the picture, what it was made of, and how it is laid down on disk."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpening.imaging.files import encode_picture, json_bytes
from sharpening.imaging.sheet import sheet
from sharpening.imaging.writing import picture_path, write_together
from sharpening.restore.evidence import Evidence
from sharpening.restore.evidence_sheet import Cell, frame_cells, result_cells
from sharpening.restore.place import check_files

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
        weights: how much of what was fused came from each frame, n numbers of at most 1 in all; empty where the network cannot tell.
        report: all facts, as they are written to the JSON file; "output" is added there, see `save`.
        evidence: what the picture rests on, place by place; None where the network cannot tell, or it was left out.
    """

    picture: NDArray[np.float32]
    bicubic: NDArray[np.float32]
    frames: Picture
    weights: tuple[float, ...]
    report: dict[str, Any]
    evidence: Evidence | None = None

    @property
    def name(self) -> str:
        """What the input was called."""
        return str(self.report["input"]["name"])

    @property
    def warnings(self) -> list[str]:
        """What the user should know before trusting the picture, in plain words; also in the report."""
        return list(self.report["warnings"])

    def sheet(self, *, size: int = 128) -> Picture:
        """Contact sheet: the frames with their number and share of what was fused, then the bicubic picture beside the result.

        With evidence: under the frames where the picture took them, and how much they differ from it [grey levels]; beside the result the
        error that 68 % of the pixels stay under, the part of the other frames, that of no frame, and what the frames say against it.

        Args:
            size: side of a cell [px].

        Returns:
            uint8 `[height, width, 3]`.
        """
        frames = [Cell(frame, words) for frame, words in zip(self.frames, self._captions(), strict=True)]
        taken = [] if self.evidence is None else frame_cells(self.evidence)
        result = [Cell(_bytes(self.bicubic), "bicubic"), Cell(_bytes(self.picture), "restored")]
        result += [] if self.evidence is None else result_cells(self.evidence)
        rows, titles = list[list[Cell]](), list[str]()
        for i in range(0, len(frames), _COLUMNS):
            for title, cells in (("frames", frames), ("taken\nfrom", taken)):
                if cells:
                    rows.append(cells[i : i + _COLUMNS])
                    titles.append(title if i == 0 else "")
        pictures, captions = ([[cell[k] for cell in row] for row in [*rows, result]] for k in (0, 1))
        return sheet(pictures, row_titles=[*titles, "result"], captions=captions, heading=self.name, size=size)  # type: ignore[arg-type]

    def save(self, path: str | Path, *, maps: bool = False) -> Path:
        """Write the picture, and beside it the sheet (`.sheet.png`) and the report (`.json`): all or none.

        The written report has one entry more than `report`: "output", the path of the picture and the sha256 of it and of the other files,
        so that it can be seen whether they belong together.

        Args:
            path: of the picture, with the suffix `.png`, `.jpg` or `.webp`; without one `.png` is added.
            maps: whether to write the maps of the evidence as well, as numbers (`.evidence.npz`), where there are any.

        Returns:
            The path of the picture.

        Raises:
            InputError: another suffix, or a file of the input would be written over.
            WriteError: the disk is full, or the place cannot be written to; nothing new is left behind.
        """
        path = picture_path(path)
        check_files(path, [row["path"] for row in self.report["input"].get("files", ())])
        sheet_path = path.with_suffix(".sheet.png")
        contents = {
            sheet_path: encode_picture(sheet_path, self.sheet()),
            path: encode_picture(path, _bytes(self.picture)),
        }
        if maps and self.evidence is not None:
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **self.evidence.arrays())  # type: ignore[arg-type]
            contents[path.with_suffix(".evidence.npz")] = buffer.getvalue()
        report = {**self.report, "output": _output(path, contents)}
        write_together({path.with_suffix(".json"): json_bytes(report), **contents})
        if (numbers := path.with_suffix(".evidence.npz")) not in contents:
            numbers.unlink(missing_ok=True)  # those of an earlier picture
        return path

    def _captions(self) -> list[str]:
        used = self.report["frames"]["used"]
        shares = [f"fused {share:.0%}" for share in self.weights] or [""] * len(used)
        middle = len(used) // 2
        if self.weights:
            shares[middle] = f"base + {shares[middle]}"
        return [f"{row['index']}{' (middle)' if i == middle else ''}\n{shares[i]}" for i, row in enumerate(used)]


def _output(path: Path, contents: Mapping[Path, bytes]) -> dict[str, Any]:
    sha256 = {file: hashlib.sha256(data).hexdigest() for file, data in contents.items()}
    return {"path": str(path), "sha256": sha256.pop(path), "others": {file.name: each for file, each in sha256.items()}}


def _bytes(picture: NDArray[np.float32]) -> Picture:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
