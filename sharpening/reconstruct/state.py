"""All that is known of one input between the steps; it can be laid down, and the work gone on with from any step."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import InputError
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.pose import Pose
from sharpening.reconstruct.align import Alignment
from sharpening.reconstruct.quality import Quality
from sharpening.reconstruct.select import Pick
from sharpening.reconstruct.view import Moved, View

__all__ = ["State", "read_state"]

VERSION = 1


@dataclass(eq=False)
class State:
    """One input on its way. What a step makes is None or empty before it.

    Attributes:
        name: of the input.
        frames: uint8 `[n, h, h, 3]`.
        names: number of each frame in the input.
        middle: index of the frame that the user thinks of.
        evidence: `[n, 3, H, W]`: the frames enlarged and nothing else.
        cleaned: `[n, 3, H, W]`: the frames without artifacts.
        landmarks: of each cleaned frame.
        poses: of each frame.
        base: index of the base.
        why_base: in words.
        alignments: of each frame to the base.
        quality: of the parts in the frames.
        others: the median of all other frames on the base, `[3, H, W]`.
        picks: where each part comes from.
        masks: of the parts, on the base.
        moved: the sources on the base, by index of the frame.
        taken: parts that are taken from each of them.
        crossed: the base with its new parts, `[3, H, W]`.
        finished: the finetuned picture.
        warnings: what the user should know, by step.
        descriptors: of the cleaned frames, `[n, d]`; None without a judge.
    """

    name: str
    frames: NDArray[np.uint8]
    names: tuple[int, ...]
    middle: int
    evidence: Tensor | None = None
    cleaned: Tensor | None = None
    landmarks: list[Landmarks | None] = field(default_factory=list)
    poses: list[Pose | None] = field(default_factory=list)
    base: int = -1
    why_base: str = ""
    alignments: list[Alignment | None] = field(default_factory=list)
    quality: Quality | None = None
    others: Tensor | None = None
    picks: list[Pick] = field(default_factory=list)
    masks: dict[str, Tensor] = field(default_factory=dict)
    moved: dict[int, Moved] = field(default_factory=dict)
    taken: dict[int, tuple[str, ...]] = field(default_factory=dict)
    crossed: Tensor | None = None
    finished: Tensor | None = None
    warnings: dict[str, list[str]] = field(default_factory=dict)
    descriptors: Tensor | None = None

    def view(self, index: int) -> View:
        """A cleaned frame with its landmarks."""
        landmarks = self.landmarks[index]
        if self.cleaned is None or landmarks is None:
            raise InputError(self.name, f"frame {self.names[index]} has no face that was found.", "Choose another frame.")
        return View(self.cleaned[index], landmarks)

    @property
    def pixel(self) -> float:
        """How many pixels of the pictures are one of the frames."""
        return 1.0 if self.evidence is None else self.evidence.shape[-1] / self.frames.shape[1]

    def warn(self, step: str, words: str) -> None:
        """Note what the user should know."""
        self.warnings.setdefault(step, []).append(words)

    def to_bytes(self) -> bytes:
        """The content of a state file: arrays and one JSON text, no pickle."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **self._arrays(), facts=np.array(json.dumps(self._facts())))
        return buffer.getvalue()

    def _arrays(self) -> dict[str, NDArray[Any]]:
        named = {"evidence": self.evidence, "cleaned": self.cleaned, "crossed": self.crossed, "finished": self.finished}
        named |= {"descriptors": self.descriptors, "others": self.others}
        named |= {f"mask.{part}": mask for part, mask in self.masks.items()}
        for index, moved in self.moved.items():
            named |= {f"moved.{index}": moved.picture, f"valid.{index}": moved.valid}
        arrays = {name: tensor.numpy() for name, tensor in named.items() if tensor is not None}
        arrays |= {f"landmarks.{i}": each.points for i, each in enumerate(self.landmarks) if each is not None}
        arrays |= {f"alignment.{i}": each.to_frame for i, each in enumerate(self.alignments) if each is not None}
        if self.quality is not None:
            arrays |= {f"quality.{name}": getattr(self.quality, name) for name in ("score", "likeness", "own")}
        return {"frames": self.frames, **arrays}

    def _facts(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "name": self.name,
            "names": [int(name) for name in self.names],
            "middle": self.middle,
            "base": self.base,
            "why_base": self.why_base,
            "landmarks": [None if each is None else [each.sure, each.how] for each in self.landmarks],
            "poses": [None if pose is None else [float(value) for value in astuple(pose)] for pose in self.poses],
            "alignments": [None if each is None else [each.likeness, each.how] for each in self.alignments],
            "parts": None if self.quality is None else list(self.quality.parts),
            "picks": [[pick.part, int(pick.frame), pick.gain, pick.why, pick.by_hand] for pick in self.picks],
            "taken": {str(index): list(parts) for index, parts in self.taken.items()},
            "warnings": self.warnings,
        }


def read_state(path: str | Path) -> State:
    """Read a file that `Reconstructed.save(keep_state=True)` wrote.

    Raises:
        InputError: it is no such file.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        facts = json.loads(str(arrays.pop("facts")))
        if facts["version"] != VERSION:
            raise ValueError(f"version {facts['version']}")
        return _state(arrays, facts)
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError, zipfile.BadZipFile) as error:
        advice = "Make one with sharpening reconstruct --keep-state."
        raise InputError(path, f"is no state of a reconstruction ({error}).", advice) from error


def _state(arrays: dict[str, NDArray[Any]], facts: dict[str, Any]) -> State:
    def tensor(name: str) -> Tensor | None:
        return torch.from_numpy(arrays[name]) if name in arrays else None

    def whole(name: str) -> Tensor:
        return torch.from_numpy(arrays[name])

    rated = [arrays[f"quality.{name}"] for name in ("score", "likeness", "own")] if facts["parts"] is not None else None
    quality = None if rated is None else Quality(tuple(facts["parts"]), *rated)
    landmarks = [None if each is None else Landmarks(arrays[f"landmarks.{i}"], *each) for i, each in enumerate(facts["landmarks"])]
    alignments = [
        None if each is None else Alignment(arrays[f"alignment.{i}"], *each) for i, each in enumerate(facts["alignments"])
    ]
    taken = {int(index): tuple(parts) for index, parts in facts["taken"].items()}
    return State(
        facts["name"],
        arrays["frames"],
        tuple(facts["names"]),
        facts["middle"],
        evidence=tensor("evidence"),
        cleaned=tensor("cleaned"),
        landmarks=landmarks,
        poses=[None if pose is None else Pose(*pose) for pose in facts["poses"]],
        base=facts["base"],
        why_base=facts["why_base"],
        alignments=alignments,
        quality=quality,
        picks=[Pick(*pick) for pick in facts["picks"]],
        masks={name.removeprefix("mask."): whole(name) for name in arrays if name.startswith("mask.")},
        moved={index: Moved(whole(f"moved.{index}"), whole(f"valid.{index}")) for index in taken},
        taken=taken,
        crossed=tensor("crossed"),
        finished=tensor("finished"),
        warnings=facts["warnings"],
        descriptors=tensor("descriptors"),
        others=tensor("others"),
    )
