"""All that is known of one input between the steps; `state_file` lays it down, and the work can be gone on with from any step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import InputError
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.pose import Pose
from sharpening.reconstruct.align import Alignment
from sharpening.reconstruct.choice import Choice
from sharpening.reconstruct.quality import Quality
from sharpening.reconstruct.select import Pick
from sharpening.reconstruct.settings import Settings
from sharpening.reconstruct.view import Moved, View

__all__ = ["State"]


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
        taken: parts that fit and are taken from each of them.
        undone: those of them that were taken out again, since they led away from the person.
        crossed: the base with its new parts, `[3, H, W]`.
        finished: the finetuned picture.
        warnings: what the user should know, by step.
        descriptors: of the cleaned frames, `[n, d]`; None without a judge.
        settings: of the run that made it, and
        choice: what it decided; None before its end.
        where: how the face was looked for, see `Choice`.
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
    undone: frozenset[str] = frozenset()
    crossed: Tensor | None = None
    finished: Tensor | None = None
    warnings: dict[str, list[str]] = field(default_factory=dict)
    descriptors: Tensor | None = None
    settings: Settings | None = None
    choice: Choice | None = None
    where: Mapping[str, Any] = field(default_factory=dict)

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

    @property
    def used(self) -> Mapping[int, tuple[str, ...]]:
        """Parts by the frame that they are from, as they are in the result."""
        left = {index: tuple(part for part in parts if part not in self.undone) for index, parts in self.taken.items()}
        return {index: parts for index, parts in left.items() if parts}

    @property
    def by_hand(self) -> frozenset[str]:
        """Parts whose source the user chose."""
        return frozenset(pick.part for pick in self.picks if pick.by_hand)

    def warn(self, step: str, words: str) -> None:
        """Note what the user should know; once."""
        noted = self.warnings.setdefault(step, [])
        if words not in noted:
            noted.append(words)
