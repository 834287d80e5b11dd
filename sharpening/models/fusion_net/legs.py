"""The folder of a leg of training: whose it is, and what became of earlier ones."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

from sharpening.errors import RangeError
from sharpening.imaging.files import sha256_of, write_text
from sharpening.models.fusion_net.plan import PretrainPlan

__all__ = ["claim", "free_number", "set_aside"]


def claim(folder: Path, plan: PretrainPlan, init: Path | None, *, anew: bool) -> None:
    """Note what a leg is made of; a stopped one goes on only as it began.

    How far a call goes (`stop`) and how much of the first weights it keeps in the end (`start_share`) are its own affair.

    Args:
        folder: Of the leg.
        plan: Its settings.
        init: Weights that it starts from.
        anew: It begins, whatever was there.

    Raises:
        RangeError: What was stopped there is a leg of another plan, or from other weights.
    """
    note = folder / "plan.json"
    facts = {**asdict(replace(plan, stop=0)), "init": None if init is None else sha256_of(init)}
    del facts["start_share"]
    text = json.dumps(facts, indent=1) + "\n"
    if anew:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(note, text)
    elif not note.is_file() or note.read_text(encoding="utf-8") != text:
        advice = "Call it as it was called first, or delete its checkpoints/ to start anew."
        raise RangeError(
            f"plan of the leg that was stopped in {folder}", "another one, or other weights", f"that of {note}", advice
        )


def free_number(folder: Path, stem: str) -> int:
    """The first number above all that files called `stem` and a number have."""
    ends = [path.stem.removeprefix(stem) for path in folder.glob(f"{stem}*.safetensors")]
    return 1 + max((int(end) for end in ends if end.isdecimal()), default=0)


def set_aside(log_file: Path) -> None:
    """The log of an earlier leg gets a number: its last epoch must not be taken for the last one of this leg."""
    if log_file.is_file():
        taken = len(list(log_file.parent.glob(f"{log_file.stem}-*{log_file.suffix}")))
        log_file.rename(log_file.with_stem(f"{log_file.stem}-{taken + 1}"))
