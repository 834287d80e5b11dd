"""Every step of a reconstruction, with its pictures and what it cost; as a sheet it is the thesis's Fig. 3.13."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import RangeError
from sharpening.imaging.convert import to_uint8
from sharpening.imaging.sheet import sheet

__all__ = ["Trace", "TraceStep", "finite"]

Picture = NDArray[np.uint8]


def finite(facts: Any) -> Any:
    """Facts as JSON can hold them: None for what could not be measured (NaN, infinity), however deep it lies.

    >>> finite({"gain": float("nan"), "parts": [1.5, float("inf")]})
    {'gain': None, 'parts': [1.5, None]}
    """
    if isinstance(facts, dict):
        return {key: finite(value) for key, value in facts.items()}
    if isinstance(facts, list | tuple):
        return [finite(value) for value in facts]
    return None if isinstance(facts, float) and not math.isfinite(facts) else facts


@dataclass(eq=False)
class TraceStep:
    """One step.

    Attributes:
        name: of the step.
        pictures: uint8 `[H, W, 3]` each.
        captions: of each picture.
        facts: what was measured and decided.
        seconds: it took.
    """

    name: str
    pictures: list[Picture] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    def show(self, picture: Tensor, caption: str = "") -> None:
        """Keep a picture `[3, H, W]` or a mask `[1, H, W]`."""
        self.pictures.append(to_uint8(picture.expand(3, -1, -1)))
        self.captions.append(caption)


@dataclass(eq=False)
class Trace:
    """The steps so far, in their order."""

    steps: list[TraceStep] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[TraceStep]:
        """Time a step; one of that name that was there is replaced."""
        self.steps = [each for each in self.steps if each.name != name]
        step, begin = TraceStep(name), time.perf_counter()
        self.steps.append(step)
        yield step
        step.seconds = time.perf_counter() - begin

    def __getitem__(self, name: str) -> TraceStep:
        for step in self.steps:
            if step.name == name:
                return step
        raise RangeError("step", name, f"one of {', '.join(step.name for step in self.steps)}")

    @property
    def seconds(self) -> dict[str, float]:
        """What each step took."""
        return {step.name: round(step.seconds, 4) for step in self.steps}

    def sheet(self, *, size: int = 128, heading: str = "") -> Picture:
        """All steps that have pictures, a row each, uint8 `[height, width, 3]`.

        Args:
            size: side of a cell [px].
            heading: a line over everything.

        Source: thesis, Fig. 3.13.
        """
        shown = [step for step in self.steps if step.pictures]
        return sheet(
            [step.pictures for step in shown],
            row_titles=[step.name for step in shown],
            captions=[step.captions for step in shown],
            heading=heading,
            size=size,
        )
