"""Whether a source that was moved onto the base lies as it should, part by part, and what to say where it does not."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any

import torch

from sharpening.models.face_seg.parts import in_few_words
from sharpening.reconstruct.quality import detail, shading_likeness
from sharpening.reconstruct.select import LEAST_LIKENESS
from sharpening.reconstruct.state import State
from sharpening.reconstruct.view import Moved, View

__all__ = ["fitting", "unfitting"]

# Mismatch of a moved source, see `transfer.dense`. Looked at once, on five valid clips (no command keeps it): two in three parts
# over 0.4 were wrong, of those under 0.2 one in a hundred.
# Where the base is damaged (little of the two can be compared), right ones reach 0.44 in one of ten and 0.56 in one of a hundred.
SOME_MISFIT, MOST_MISFIT, MOST_MISFIT_DAMAGED, BELIEVED = 0.3, 0.4, 0.55, 0.7
LEAST_REACH = 0.9  # of a part that the source must show


def fitting(state: State, moved: Moved, base: View, parts: Sequence[str]) -> dict[str, tuple[float, float]]:
    """For each part how alike the shading of source and base is, and how much of the part the source shows.

    A base that is blurred there cannot be asked; the median of the other frames is.
    """
    others = base.picture if state.others is None else state.others
    _, shading = detail(torch.stack([base.picture, moved.picture, others]), state.pixel)
    blurred = set() if state.quality is None else {p for p, b in zip(state.quality.parts, state.quality.blurred, strict=True) if b}
    found = {}
    for part in parts:
        wanted = state.masks[part]
        reach = float((wanted * moved.valid).sum() / wanted.sum().clamp(min=1))
        reference = shading[2] if part in blurred else shading[0]
        found[part] = (shading_likeness(reference, shading[1], wanted * moved.valid), reach)
    return found


def unfitting(
    state: State,
    index: int,
    parts: Sequence[str],
    fits: dict[str, tuple[float, float]],
    facts: dict[str, Any],
    hand: Set[str],
) -> list[str]:
    """Parts that do not lie as they should, each with a warning."""
    name, misfit = state.names[index], float(facts.get("mismatch", 0.0))
    damaged = float(facts.get("believed", 1.0)) < BELIEVED
    if misfit > (MOST_MISFIT_DAMAGED if damaged else MOST_MISFIT):
        state.warn("transfer", f"Frame {name} does not lie on the base (mismatch {misfit:.2f}): {_end(parts, hand)}.")
        return list(parts)
    if misfit > SOME_MISFIT and not damaged:
        state.warn("transfer", f"Frame {name} lies poorly on the base (mismatch {misfit:.2f}): check {in_few_words(parts)}.")
    bad = [part for part in parts if not (fits[part][0] >= LEAST_LIKENESS and fits[part][1] >= LEAST_REACH)]
    for part in bad:
        likeness, reach = fits[part]
        words = f"shading alike {likeness:.2f}, of at least {LEAST_LIKENESS}; {reach:.0%} of it in the picture"
        state.warn("transfer", f"{part} of frame {name} does not fit the base ({words}): {_end([part], hand)}.")
    return bad


def _end(parts: Sequence[str], hand: Set[str]) -> str:
    chosen = [part for part in parts if part in hand]
    return f"{in_few_words(chosen)} taken all the same, as you chose" if chosen else "not taken"
