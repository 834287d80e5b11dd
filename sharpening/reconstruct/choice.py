"""What was chosen, by hand or by itself: the base, and the frame that each part is taken from. A small JSON that can be edited."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sharpening.errors import InputError, RangeError
from sharpening.imaging.files import write_text
from sharpening.models.face_seg.parts import PARTS, part_names
from sharpening.reconstruct.settings import Settings

__all__ = ["Choice", "parse_sources", "read_choice", "write_choice"]

VERSION = 1
KEEP = "base"  # in place of a frame: the part stays what it is in the base


@dataclass(frozen=True)
class Choice:
    """What the user decides, or what was decided for him.

    Frames are counted as in the input (a film's frame 120 is 120).

    Attributes:
        base: the frame to improve; None for the most frontal of the sharp ones.
        sources: for parts the frame to take them from; a part with the base's own number stays as it is.
        rest: what becomes of the parts that `sources` does not name: "auto" or "base" (they stay).
        masks: for parts the file of a mask that takes the place of the found one (thesis's form: black where the part is).
    """

    base: int | None = None
    sources: Mapping[str, int] = field(default_factory=dict)
    rest: str = "auto"
    masks: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (*self.sources, *self.masks):
            if name not in PARTS:
                raise RangeError("part", name, f"one of {', '.join(PARTS)}")
        if self.rest not in ("auto", "base"):
            raise RangeError("rest", self.rest, "'auto' or 'base'")

    def check(self, frames: Mapping[int, Any] | set[int] | list[int]) -> None:
        """Refuse a choice that names frames that are not there.

        Raises:
            RangeError: naming them, and those that there are.
        """
        there = set(frames)
        named = {"base": self.base, **{f"source of {part}": frame for part, frame in self.sources.items()}}
        wrong = {what: frame for what, frame in named.items() if frame is not None and frame not in there}
        if wrong:
            got = ", ".join(f"{what}: frame {frame}" for what, frame in wrong.items())
            known = ", ".join(str(frame) for frame in sorted(there))
            raise RangeError("choice", got, f"frames that are there: {known}", "Edit the choice, or use more frames (--frames).")

    def to_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return {"base": self.base, "sources": dict(self.sources), "rest": self.rest, "masks": dict(self.masks)}


def parse_sources(words: list[str], base: int | None = None) -> dict[str, int]:
    """Read "eyes=1", "mouth=base" … as parts and frames; a group stands for all its parts.

    Args:
        words: as the user wrote them.
        base: number of the base, for parts that shall stay.

    Raises:
        RangeError: for a word of another form, an unknown part, or "base" where no base was named.
    """
    found: dict[str, int] = {}
    for word in words:
        name, equals, frame = (piece.strip() for piece in word.partition("="))
        wanted = "part=frame, as in eyes=1 or mouth=base"
        if not equals or not (frame.isdecimal() or frame == KEEP):
            raise RangeError("source", word, wanted)
        if frame == KEEP and base is None:
            raise RangeError("source", word, wanted, "Name the base as well (--base).")
        found |= dict.fromkeys(part_names(name), base if frame == KEEP else int(frame))  # type: ignore[arg-type]
    return found


def write_choice(path: str | Path, choice: Choice, settings: Settings, facts: Mapping[str, Any] | None = None) -> None:
    """Write a choice with the settings that it was made under; `facts` are there for the reader and not read back."""
    content = {"version": VERSION, **choice.to_dict(), "settings": settings.to_dict(), "facts": dict(facts or {})}
    write_text(Path(path), json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_choice(path: str | Path) -> tuple[Choice, Settings]:
    """Read a file of `write_choice`, edited or not. Groups ("eyes") may stand for their parts, "base" for a frame.

    Raises:
        InputError: it is no such file; what is wrong is told.
    """
    path = Path(path)
    advice = "Make one with sharpening reconstruct; it is written beside the picture."
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(path, f"is not a readable JSON file ({error}).", advice) from error
    # The report that lies beside a picture holds its choice as well.
    facts = facts.get("choice", facts) if isinstance(facts, dict) else facts
    if not isinstance(facts, dict) or facts.get("version") != VERSION:
        raise InputError(path, f"is no choice of version {VERSION}.", advice)
    try:
        return _choice(facts), Settings.from_dict(facts.get("settings", {}))
    except (RangeError, TypeError, AttributeError) as error:
        raise InputError(path, f"does not hold a choice that can be used: {error}", advice) from error


def _choice(facts: Mapping[str, Any]) -> Choice:
    base = facts.get("base")
    if base is not None and (not isinstance(base, int) or isinstance(base, bool)):
        raise RangeError("base", base, "the number of a frame, or null")
    sources = parse_sources([f"{part}={frame}" for part, frame in facts.get("sources", {}).items()], base)
    masks = {part: str(file) for name, file in facts.get("masks", {}).items() for part in part_names(name)}
    return replace(Choice(base, sources, masks=masks), rest=facts.get("rest", "auto"))
