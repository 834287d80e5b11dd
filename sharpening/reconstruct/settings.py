"""How a reconstruction is to be done: one method and its settings for each step."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from sharpening.errors import RangeError

__all__ = ["STEPS", "Settings"]

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
        crossover: how the two become one picture, a name of `reconstruct.crossover`.
        crossover_weights: of the cross-over network; None where the method has none.
        finetune: what goes over the result at the end, a name of `reconstruct.finetune`.
        finetune_weights: of that.
        most_change: a finetuner that moves the face's descriptor further than this is undone [-].
        clearly: how many times sharper a source must be than the base before its part is taken.
        keep_person: refuse sequences that show two persons; False takes the frames as they are.
    """

    clean: str = "default"
    enlarge: int = 4
    masks: str = "landmarks"
    mask_clean: str = "none"
    mask_clean_weights: str | None = None
    margin: float | None = None
    transfer: str = "dense"
    crossover: str = "colour"
    crossover_weights: str | None = None
    finetune: str = "none"
    finetune_weights: str | None = None
    most_change: float = 0.3
    clearly: float = 1.2
    keep_person: bool = True

    def __post_init__(self) -> None:
        if self.enlarge < 1:
            raise RangeError("enlarge", self.enlarge, "1 or more")
        if self.clearly < 1:
            raise RangeError("clearly", self.clearly, "1 or more (1: any sharper source is taken)")
        if self.most_change < 0:
            raise RangeError("most_change", self.most_change, "0 or more")

    def to_dict(self) -> dict[str, Any]:
        """For the JSON file of choices."""
        return asdict(self)

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Settings:
        """Read what `to_dict` wrote; what is left out has its default.

        Raises:
            RangeError: for a name that is no setting.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(facts) - known):
            raise RangeError("settings", ", ".join(unknown), f"some of {', '.join(sorted(known))}")
        return cls(**facts)
