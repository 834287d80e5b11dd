"""The parts of a face that can be taken from another picture, and the words for several of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from sharpening.errors import RangeError

__all__ = ["GROUPS", "PARTS", "SMALL_PARTS", "in_few_words", "part_names"]

SMALL_PARTS = ("left_eye", "right_eye", "left_brow", "right_brow", "mouth", "nose")
"""What lies in the skin. Where two of them meet, the one named first keeps its core."""

PARTS = (
    "left_eye",
    "right_eye",
    "left_brow",
    "right_brow",
    "nose",
    "mouth",
    "left_cheek",
    "right_cheek",
    "forehead",
    "chin",
    "hair",
)
"""All parts; left and right are the person's."""

GROUPS: dict[str, tuple[str, ...]] = {
    "eyes": ("left_eye", "right_eye"),
    "brows": ("left_brow", "right_brow"),
    "skin": ("left_cheek", "right_cheek", "forehead", "chin"),
    "face": PARTS[:-1],
}
"""Words for several parts."""


def part_names(word: str) -> tuple[str, ...]:
    """The parts behind a word: those of a group, or the one part itself.

    Args:
        word: a name of `PARTS` or `GROUPS`; case, and "-" or a space for "_", do not matter.

    Raises:
        RangeError: for another word; the nearest known ones are named.

    >>> part_names("eyes"), part_names("Left-Eye")
    (('left_eye', 'right_eye'), ('left_eye',))
    """
    name = word.strip().lower().replace("-", "_").replace(" ", "_")
    if name in GROUPS:
        return GROUPS[name]
    if name in PARTS:
        return (name,)
    known = (*GROUPS, *PARTS)
    near = difflib.get_close_matches(name, known, n=3)
    advice = f"Did you mean {' or '.join(near)}?" if near else ""
    raise RangeError("part", repr(word), f"one of {', '.join(known)}", advice)


def in_few_words(parts: Iterable[str]) -> str:
    """Names of parts for a reader: whole groups by their name.

    >>> in_few_words(["left_eye", "mouth", "right_eye"])
    'eyes, mouth'
    """
    left, words = list(parts), []
    for group, members in GROUPS.items():
        if group != "face" and all(part in left for part in members):
            words.append(group)
            left = [part for part in left if part not in members]
    return ", ".join([*words, *(part.replace("_", " ") for part in left)])
