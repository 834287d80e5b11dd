"""How a reconstruction is to be done: one method and its settings for each step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from types import NoneType
from typing import Any, get_args, get_type_hints

from sharpening.errors import RangeError

__all__ = ["STEPS", "Settings", "check_kept"]

STEPS = ("clean", "select", "align", "mask", "transfer", "crossover", "finetune")
"""The steps, in their order."""


@dataclass(frozen=True)
class Settings:
    """How each step is done.

    Attributes:
        clean: what removes the artifacts and enlarges: "bicubic", or the name or path of weights ("default").
        enlarge: how many times larger than the frames the pictures are that all later steps work on, where `clean` is "bicubic".
        masks: what finds the parts: "landmarks", or the path of a face parser's file.
        mask_clean: a name of `reconstruct.finetune` that makes the copy which a face parser looks at (the thesis used PULSE); landmarks do
            not need one.
        mask_clean_weights: of that.
        margin: how far masks reach beyond the part, in eye distances; None for the tested default of each kind.
        transfer: how a source is brought onto the base, a name of `reconstruct.transfer`.
        transfer_weights: of that; None where the method has none.
        crossover: how the two become one picture, a name of `reconstruct.crossover`.
        crossover_weights: of the cross-over network; None where the method has none.
        finetune: what goes over the result at the end, a name of `reconstruct.finetune`.
        finetune_weights: of that.
        most_change: a finetuner that moves the face's descriptor further than this is undone [-].
        clearly: how many times sharper a source must be than the base before its part is taken.
        keep_person: refuse sequences that show two persons; False takes the frames as they are.

    Raises:
        RangeError: for a value of another kind or out of range, or settings that contradict each other.
    """

    clean: str = "default"
    enlarge: int = 4
    masks: str = "landmarks"
    mask_clean: str = "none"
    mask_clean_weights: str | None = None
    margin: float | None = None
    transfer: str = "dense"
    transfer_weights: str | None = None
    crossover: str = "colour"
    crossover_weights: str | None = None
    finetune: str = "none"
    finetune_weights: str | None = None
    most_change: float = 0.3
    clearly: float = 1.2
    keep_person: bool = True

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(Settings).items():
            _check_kind(name, getattr(self, name), get_args(kind) or (kind,))
        if self.enlarge < 1:
            raise RangeError("enlarge", self.enlarge, "1 or more")
        if self.clearly < 1:
            raise RangeError("clearly", self.clearly, "1 or more (1: any sharper source is taken)")
        for name in ("most_change", "margin"):
            if (getattr(self, name) or 0) < 0:
                raise RangeError(name, getattr(self, name), "0 or more")
        if self.mask_clean != "none" and self.masks == "landmarks":
            raise RangeError(
                "mask_clean", self.mask_clean, "'none'", "Masks from landmarks look at no copy; name a face parser (--masks)."
            )

    def to_dict(self) -> dict[str, Any]:
        """For the JSON file of choices."""
        return asdict(self)

    def finds_otherwise(self, earlier: Settings) -> bool:
        """Whether sources that were found by earlier settings are to be looked for again."""
        return any(getattr(self, name) != getattr(earlier, name) for name in ("clean", "enlarge", "clearly"))

    @classmethod
    def from_dict(cls, facts: Mapping[str, Any]) -> Settings:
        """Read what `to_dict` wrote; what is left out has its default.

        Raises:
            RangeError: for a name that is no setting.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(facts) - known):
            raise RangeError("settings", ", ".join(unknown), f"some of {', '.join(sorted(known))}")
        return cls(**facts)


_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", NoneType: "nothing"}
# Which step a setting belongs to; those that are not here carry the name of theirs in front.
_STEP = {"enlarge": "clean", "keep_person": "clean", "clearly": "select", "margin": "mask", "most_change": "finetune"}


def _check_kind(name: str, value: object, kinds: tuple[type, ...]) -> None:
    """A JSON file may hold anything."""
    numbers = isinstance(value, int | float) and not isinstance(value, bool)
    fits = type(value) in kinds or (numbers and float in kinds)
    if not fits or (isinstance(value, float) and not math.isfinite(value)):
        raise RangeError(name, repr(value), " or ".join(_WORDS[kind] for kind in kinds))


def check_kept(settings: Settings, before: Settings | None, start: str) -> None:
    """Refuse settings that differ in steps which are not done again.

    Args:
        settings: of the run that goes on.
        before: of the run that is gone on with; None where they are not known.
        start: the first step to do again.

    Raises:
        RangeError: naming setting, old value and step.
    """
    if before is None:
        return
    kept = STEPS[: STEPS.index(start)]
    for name, value in settings.to_dict().items():
        step = _STEP.get(name) or next(step for step in STEPS if name.startswith(step))
        old = getattr(before, name)
        if step in kept and value != old:
            raise RangeError(
                name, repr(value), f"{old!r}, as the step '{step}' was done", f"Begin with that step (start, --from {step})."
            )
