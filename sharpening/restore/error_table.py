"""What a network's estimate of its own error is worth: a table, measured on pictures it did not learn from, that its card carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import WeightsMismatch
from sharpening.weights.card import WeightCard

__all__ = ["ERROR_68", "ERROR_68_HELD", "ErrorTable", "error_table"]

ERROR_68 = "error_68"
"""Name of the table among the figures of a card."""

ERROR_68_HELD = "error_68_held"
"""Name of what the table was worth set by set, likewise."""

LEVEL = 0.68
"""Share of the pixels whose error is to stay under the bound."""


@dataclass(frozen=True)
class ErrorTable:
    """A map from what the network says to what the error is, linear between knots.

    Attributes:
        raw: estimates of the network, increasing, in the units of its picture.
        levels: the error that 68 % of the pixels with this estimate stay under, never falling [grey levels].
        held: of each set of sequences that it was measured on, the share of pixels that stayed under what was said of them: 0.68 is meant
            for all of them together, and missed for the better or the worse in each.
    """

    raw: tuple[float, ...]
    levels: tuple[float, ...]
    held: Mapping[str, float] = field(default_factory=dict, hash=False)

    def bound(self, spread: NDArray[np.floating]) -> NDArray[np.float32]:
        """The error that 68 % of such pixels stay under [grey levels].

        Under the first knot its level stays, since nothing smaller was measured; beyond the last one it grows in proportion.

        Args:
            spread: estimates of the network, any shape.
        """
        within = np.interp(spread, self.raw, self.levels)
        return (within * np.maximum(np.asarray(spread, np.float64) / self.raw[-1], 1)).astype(np.float32)

    def words(self) -> str:
        """How far its bounds can be taken at their word; empty where that is not known set by set."""
        if not self.held:
            return ""
        worst, best = (choose(self.held, key=lambda name: self.held[name]) for choose in (min, max))
        upto = "" if worst == best else f" to {self.held[best]:.0%} ({best})"
        return (
            "Errors that are said to hold for two of three pixels held "
            f"for {self.held[worst]:.0%} of them ({worst}){upto} in pictures of other people."
        )

    def metrics(self) -> dict[str, Any]:
        """For the card."""
        return {ERROR_68: self.pairs(), ERROR_68_HELD: {name: round(share, 4) for name, share in self.held.items()}}

    def pairs(self) -> list[list[float]]:
        """The raw estimates, then the grey levels."""
        return [list(self.raw), list(self.levels)]


def error_table(card: WeightCard, source: object = "card") -> ErrorTable | None:
    """The table in a card; None where it has none.

    Args:
        card: of the weights.
        source: where it came from, for the error message.

    Raises:
        WeightsMismatch: it is no such table.
    """
    pairs = card.metrics.get(ERROR_68)
    if pairs is None:
        return None
    try:
        held = {str(name): float(share) for name, share in dict(card.metrics.get(ERROR_68_HELD, {})).items()}
        raw, levels = (np.array(row, np.float64) for row in pairs)
        fine = all(0 <= share <= 1 for share in held.values()) and (
            raw.ndim == 1 and len(raw) >= 2 and raw.shape == levels.shape and np.isfinite(raw).all() and np.isfinite(levels).all()
        )
    except (TypeError, ValueError):
        fine = False
    if not fine or raw[0] < 0 or levels[0] < 0 or (np.diff(raw) <= 0).any() or (np.diff(levels) < 0).any():
        problem = (
            f"has no usable table {ERROR_68!r} in its card: two rows of rising numbers are wanted, and {ERROR_68_HELD!r} by sets."
        )
        raise WeightsMismatch(str(source), problem, "Get the card again, or measure anew: sharpening calibrate --write-card.")
    return ErrorTable(tuple(raw.tolist()), tuple(levels.tolist()), held)
