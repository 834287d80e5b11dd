"""What a metric knows of itself, so that tables take headings, arrows and rounding from it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from sharpening.errors import ShapeError

__all__ = ["Metric"]


@dataclass(frozen=True)
class Metric:
    """A number for each picture, with its meaning.

    Attributes:
        name: as written in a table, "PSNR".
        unit: "dB", or "-" for a bare number.
        better: which direction is better.
        range: least and largest value that it can take.
        needs_target: whether it compares with the true picture; one that does not must never be read as likeness.
        fn: `fn(pred, target) -> [bs]`, or `fn(pred) -> [bs]` when no target is needed.
        inputs: what `fn` takes: "pictures" `[bs, 3, H, W]` in [0, 1], "descriptors" `[bs, d]` of the faces in them, or "stochastic"
            ones `[bs, m, d]` (`SerFiq.descriptors`).
        decimals: digits behind the point in a table.
    """

    name: str
    unit: str
    better: Literal["higher", "lower"]
    range: tuple[float, float]
    needs_target: bool
    fn: Callable[..., Tensor]
    inputs: Literal["pictures", "descriptors", "stochastic"] = "pictures"
    decimals: int = 3

    def __call__(self, pred: Tensor, target: Tensor | None = None) -> Tensor:
        """The metric of each picture, `[bs]`.

        Raises:
            ShapeError: when a target is needed and not given.
        """
        if not self.needs_target:
            return self.fn(pred)
        if target is None:
            raise ShapeError(f"target of {self.name}", None, f"the true {self.inputs}", "Choose a metric that needs no target.")
        return self.fn(pred, target)

    @property
    def heading(self) -> str:
        """Head of a table column: name, direction and unit, as in "PSNR ↑ [dB]"."""
        arrow = "↑" if self.better == "higher" else "↓"
        return f"{self.name} {arrow}" + ("" if self.unit == "-" else f" [{self.unit}]")

    def is_better(self, value: float, than: float) -> bool:
        """Whether `value` is strictly better than the other one."""
        return value > than if self.better == "higher" else value < than

    def format(self, value: float) -> str:
        """The value, rounded as it belongs in a table; "–" where there is none (NaN)."""
        return "–" if math.isnan(value) else f"{value:.{self.decimals}f}"
