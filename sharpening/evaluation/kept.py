"""Pictures that a table's systems made, kept on disk: `<folder>/<system>/<sample>.png`, for looking at them and for the survey."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import InputError
from sharpening.evaluation.sample import Sample, code
from sharpening.imaging.convert import to_uint8
from sharpening.imaging.files import read_picture, write_picture, write_text

__all__ = ["INPUT", "Kept"]

INPUT = "input"  # the middle frames, as all systems get them
LIST = "pictures.json"
FORM = "sharpening-pictures"


class Kept:
    """A folder of kept pictures.

    Args:
        folder: Where; made when the first picture comes.
        anew: Do not look at what it holds.

    Raises:
        InputError: The folder holds a list that is not ours.
    """

    def __init__(self, folder: str | Path, *, anew: bool = False) -> None:
        self.folder = Path(folder)
        self.systems: dict[str, dict[str, Any]] = {} if anew else self._read()

    def _read(self) -> dict[str, dict[str, Any]]:
        file = self.folder / LIST
        if not file.exists():
            return {}
        try:
            facts = json.loads(file.read_text(encoding="utf-8"))
            if facts["form"] != FORM:
                raise ValueError(f"form {facts['form']!r}")
            for each in facts["systems"].values():
                # Names come out of a file: only what lies inside the folder is read.
                for name in (each["folder"], *each["samples"]):
                    if not name or Path(name).name != name or name == "..":
                        raise ValueError(f"{name!r} is no plain name")
            return {
                str(label): {"key": str(each["key"]), "folder": str(each["folder"]), "samples": [str(n) for n in each["samples"]]}
                for label, each in facts["systems"].items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(file, f"is no list of kept pictures ({error}).", "Name another folder (--keep).") from error

    def holds(self, label: str, key: str, names: Sequence[str]) -> bool:
        """Whether all these samples of a system are there, as made by what `key` stands for."""
        known = self.systems.get(label)
        return known is not None and known["key"] == key and known["samples"] == list(names) and not self.missing(label)

    def missing(self, label: str) -> list[Path]:
        """Pictures of a system that are listed and not there."""
        return [path for path in self.paths(label).values() if not path.is_file()]

    def paths(self, label: str) -> Mapping[str, Path]:
        """The pictures of a system by sample.

        Raises:
            InputError: No such system.
        """
        if label not in self.systems:
            known = ", ".join(self.systems) or "nothing"
            raise InputError(self.folder, f"holds no pictures of {label!r}.", f"It holds {known}.")
        own = self.systems[label]
        return {name: self.folder / own["folder"] / f"{name}.png" for name in own["samples"]}

    def picture(self, label: str, name: str) -> NDArray[np.uint8]:
        """Read one."""
        return read_picture(self.paths(label)[name])

    def add(self, label: str, name: str, picture: Tensor | NDArray[np.uint8]) -> None:
        """Write one: `[3, H, W]` in 0 … 1, or uint8 `[H, W, 3]`."""
        pixels = picture if isinstance(picture, np.ndarray) else to_uint8(picture)
        write_picture(self.folder / _folder(label) / f"{name}.png", pixels)

    def done(self, label: str, key: str, names: Sequence[str]) -> None:
        """Enter a system whose pictures are all written."""
        self.systems[label] = {"key": key, "folder": _folder(label), "samples": list(names)}
        text = json.dumps({"form": FORM, "systems": self.systems}, indent=1, ensure_ascii=False)
        write_text(self.folder / LIST, text + "\n")

    def add_inputs(self, samples: Sequence[Sample], key: str) -> None:
        """Write the middle frame of each sample, as it is."""
        for sample in samples:
            self.add(INPUT, sample.name, sample.frames[sample.middle])
        self.done(INPUT, key, [sample.name for sample in samples])


def _folder(label: str) -> str:
    """A folder's name: readable, and different for labels that differ only in signs."""
    return f"{re.sub('[^a-z0-9]+', '-', label.lower()).strip('-')}-{code(label)[:6]}"
