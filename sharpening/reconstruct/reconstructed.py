"""What comes out of a reconstruction, and how it is laid down on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sharpening.imaging.convert import to_uint8
from sharpening.imaging.files import encode_picture, json_bytes
from sharpening.imaging.writing import picture_path, write_together
from sharpening.reconstruct.choice import Choice
from sharpening.reconstruct.settings import Settings
from sharpening.reconstruct.state import State
from sharpening.reconstruct.state_file import state_bytes
from sharpening.reconstruct.trace import Trace
from sharpening.restore.located import Located
from sharpening.restore.place import check_places
from sharpening.restore.source import Source

__all__ = ["Reconstructed"]


@dataclass(frozen=True, eq=False)
class Reconstructed:
    """One reconstructed picture.

    Attributes:
        state: everything that the steps made.
        trace: the steps, with pictures, facts and times.
        choice: base and sources as they were in the end; given back with the same input, it makes the same picture.
        settings: how the steps were done.
        report: all facts, as they are written to the JSON file.
        source: the input; None where the work went on from a stored state.
        located: how the frames were found in it; likewise.
    """

    state: State
    trace: Trace
    choice: Choice
    settings: Settings
    report: dict[str, Any]
    source: Source | None = None
    located: Located | None = None

    @property
    def picture(self) -> NDArray[np.float32]:
        """The result, float32 `[H, W, 3]`, RGB in [0, 1]."""
        return _array(self.state.finished)

    @property
    def base_picture(self) -> NDArray[np.float32]:
        """The cleaned base before anything was put in, likewise."""
        return _array(None if self.state.cleaned is None else self.state.cleaned[self.state.base])

    @property
    def name(self) -> str:
        """What the input was called."""
        return self.state.name

    @property
    def warnings(self) -> list[str]:
        """What the user should know before trusting the picture."""
        return list(self.report["warnings"])

    def save(self, path: str | Path, *, keep_state: bool = False) -> Path:
        """Write the picture, the sheet of all steps (`.sheet.png`) and report with choice (`.json`): all or none.

        Args:
            path: of the picture (`.png`, `.jpg`, `.webp`).
            keep_state: also write `.state.npz`, from which the work can go on at any step.

        Returns:
            The path of the picture.

        A state that lies there from an earlier run on the frames goes, since it would be of another picture.

        Raises:
            InputError, WriteError: another suffix, a place that cannot be written to, or one of the input's files or drawn masks.
        """
        path = picture_path(path)
        stored = path.with_suffix(".state.npz")
        contents = {
            path.with_suffix(".json"): json_bytes(self.report),
        }
        sheet = path.with_suffix(".sheet.png")
        contents[sheet] = encode_picture(sheet, self.trace.sheet(heading=self.name))
        if keep_state:
            contents[stored] = state_bytes(self.state)
        if self.state.finished is not None:
            contents[path] = encode_picture(path, to_uint8(self.state.finished))
        files = [row["path"] for row in self.report["input"].get("files", ())]
        check_places(contents, [*files, *self.choice.masks.values()])
        write_together(contents)
        if stored not in contents and self.source is not None:
            stored.unlink(missing_ok=True)
        return path


def _array(picture: Tensor | None) -> NDArray[np.float32]:
    if picture is None:
        return np.empty((0, 0, 3), np.float32)
    return np.ascontiguousarray(picture.float().cpu().movedim(0, -1).numpy())
