"""What was chosen, by hand or by itself: the base, and the frame that each part is taken from. A small JSON that can be edited."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sharpening.errors import InputError, RangeError
from sharpening.imaging.files import json_bytes, write_bytes
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
        found: the sources that were found and not chosen, of a choice that a run gave back. Where `sources` still says the same, the part
            is checked like any other; what differs is the user's, and is done as he says.
        frames: the frames that were used, and
        middle: the one of them that they were taken round; None, or empty, leaves that open.
        where: how the face was looked for: cropped, box, face, start, stop and n_frames as they were asked. What the caller leaves out is
            taken from here, so that a choice given back is of the same face.
    """

    base: int | None = None
    sources: Mapping[str, int] = field(default_factory=dict)
    rest: str = "auto"
    masks: Mapping[str, str] = field(default_factory=dict)
    found: Mapping[str, int] = field(default_factory=dict)
    frames: tuple[int, ...] = ()
    middle: int | None = None
    where: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (*self.sources, *self.masks, *self.found):
            if name not in PARTS:
                raise RangeError("part", name, f"one of {', '.join(PARTS)}")
        if self.rest not in ("auto", "base"):
            raise RangeError("rest", self.rest, "'auto' or 'base'")
        if self.frames and self.middle not in self.frames:
            raise RangeError("middle", self.middle, f"one of the frames {', '.join(map(str, self.frames))}")

    @property
    def by_hand(self) -> frozenset[str]:
        """Parts whose source the user chose."""
        return frozenset(part for part, frame in self.sources.items() if self.found.get(part) != frame)

    def anew(self) -> Choice:
        """What the user chose; what was found is to be looked for again."""
        own = {part: frame for part, frame in self.sources.items() if part in self.by_hand}
        return replace(self, sources=own, found={}, rest="auto" if self.found else self.rest)

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

    def to_dict(self, *, keep: bool = True) -> dict[str, Any]:
        """For the JSON file; with `keep`, parts that stay are said to stay, so that they still do when somebody edits the base."""
        stays = self.base if keep else None
        sources, found = (
            {part: KEEP if frame == stays else frame for part, frame in each.items()} for each in (self.sources, self.found)
        )
        facts = {"base": self.base, "sources": sources, "rest": self.rest, "masks": dict(self.masks)}
        return {**facts, "found": found, "frames": list(self.frames), "middle": self.middle, "where": dict(self.where)}


def parse_sources(words: list[str], base: int | None = None) -> dict[str, int]:
    """Read "eyes=1", "mouth=base" … as parts and frames; a group stands for all its parts, and a smaller group or a part outdoes it.

    Args:
        words: as the user wrote them.
        base: number of the base, for parts that shall stay.

    Raises:
        RangeError: for a word of another form, an unknown part, one that is named twice, or "base" where no base was named.
    """
    named: dict[str, int] = {}
    for word in words:
        name, equals, frame = (piece.strip() for piece in word.partition("="))
        wanted = "part=frame, as in eyes=1 or mouth=base"
        if not equals or not (frame.isdecimal() or frame == KEEP):
            raise RangeError("source", word, wanted)
        if name in named:
            raise RangeError("source", word, f"one frame for {name}", f"It was named before, with frame {named[name]}.")
        if frame == KEEP and base is None:
            raise RangeError("source", word, wanted, "Name the base as well (--base).")
        named[name] = base if frame == KEEP else int(frame)  # type: ignore[assignment]
    return _spread(named)


def _spread(named: Mapping[str, Any]) -> dict[str, Any]:
    """Groups as their parts; the smaller group has the last word, in whatever order they stand."""
    parts = {name: part_names(name) for name in named}
    return {part: named[name] for name in sorted(named, key=lambda each: -len(parts[each])) for part in parts[name]}


def write_choice(path: str | Path, choice: Choice, settings: Settings, facts: Mapping[str, Any] | None = None) -> None:
    """Write a choice with the settings that it was made under; `facts` are there for the reader and not read back."""
    content = {"version": VERSION, **choice.to_dict(), "settings": settings.to_dict(), "facts": dict(facts or {})}
    write_bytes(path, json_bytes(content))


def read_choice(path: str | Path, settings: Settings | None = None) -> tuple[Choice, Settings]:
    """Read a file of `write_choice`, edited or not. Groups ("eyes") may stand for their parts, "base" for a frame.

    Args:
        path: of the file.
        settings: what the file leaves out is taken from these; from the defaults when left out.

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
        return _choice(facts, path.parent), Settings.from_dict({**(settings or Settings()).to_dict(), **facts.get("settings", {})})
    except (RangeError, TypeError, AttributeError) as error:
        raise InputError(path, f"does not hold a choice that can be used: {error}", advice) from error


def _choice(facts: Mapping[str, Any], folder: Path) -> Choice:
    base, middle, frames = facts.get("base"), facts.get("middle"), facts.get("frames", [])
    for name, value in {
        "base": base,
        "middle": middle,
        **{f"frames, the {i + 1}th": each for i, each in enumerate(frames)},
    }.items():
        if type(value) is not int and (value is not None or name.startswith("frames")):
            raise RangeError(name, value, "the number of a frame, or null")
    sources, found = (
        parse_sources([f"{part}={frame}" for part, frame in facts.get(key, {}).items()], base) for key in ("sources", "found")
    )
    # Beside the choice, wherever both are carried.
    masks = {part: str(folder / file) for part, file in _spread(facts.get("masks", {})).items()}
    return Choice(base, sources, facts.get("rest", "auto"), masks, found, tuple(frames), middle, _where(facts.get("where", {})))


def _where(facts: Mapping[str, Any]) -> dict[str, Any]:
    """How the face was looked for, each of its own kind."""
    kinds: dict[str, tuple[type, ...]] = {
        "cropped": (bool,),
        "box": (list,),
        **dict.fromkeys(("face", "start", "stop", "n_frames"), (int,)),
    }
    found = {name: value for name, value in dict(facts).items() if value is not None}
    for name, value in found.items():
        if name not in kinds or type(value) not in kinds[name]:
            raise RangeError(f"where, {name}", value, f"one of {', '.join(kinds)}, of its own kind")
    box = found.get("box")
    if box is not None and not (len(box) == 4 and all(type(side) in (int, float) for side in box)):
        raise RangeError("where, box", box, "four numbers: left, top, width, height")
    return {**found, "box": tuple(box)} if box is not None else found
