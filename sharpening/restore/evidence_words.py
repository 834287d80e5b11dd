"""What is found of a region in plain words: evidence, habit of the network, or something of both."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sharpening.restore.regions import SURROUNDINGS

__all__ = [
    "BORNE_OUT",
    "HIGH_ERROR",
    "LOW_ERROR",
    "MOSTLY_NONE",
    "VERDICTS",
    "Region",
    "in_one_line",
    "sentences",
]

VERDICTS = ("evidence", "mixed", "habit")

# The rules of reading. Errors are those that 68 % of the pixels stay under, mean over the region.
LOW_ERROR = 10.0
"""Grey levels: what eyes and mouth reach out of seven fair frames (median of valid stills), and what coding does to a frame."""
HIGH_ERROR = 16.0
"""Grey levels: what they reach out of strongly coded film (H.264) is 19 to 22."""
# On the valid split, 25 sequences a protocol: a region of a right frame differs from the result by 4 to 11 grey levels (stills), up to 16
# (H.264), of one with another person, noise or an occluder by 18 and more in 95 of 100.
BORNE_OUT = 15.0
"""Grey levels: a frame whose difference to the result is below this bears the region out."""
MOSTLY_NONE = 0.5
"""Share of "none of the frames" above which a region is called the network's own."""


@dataclass(frozen=True)
class Region:
    """What was found of one region.

    Attributes:
        name: of the region; sides of a face are the person's own, those of ninths the picture's.
        size: share of the picture, 0 … 1.
        error: mean of the error that 68 % of the pixels stay under [grey levels]; None where it is not known.
        share_middle: of what was fused, what the middle frame gave, 0 … 1; it is the base that all is added to besides.
        share_others: what the other frames gave.
        share_none: what none of the frames gave.
        frame_use: how much of what was added depends on the other frames, 0 … 1.
        differences: of each frame to the result [grey levels]; None for one that does not see the region. No frame is another's copy.
        middle: index of the middle frame: it is what was restored, so it is no witness for the result.
    """

    name: str
    size: float
    error: float | None
    share_middle: float
    share_others: float
    share_none: float
    frame_use: float
    differences: tuple[float | None, ...]
    middle: int

    @property
    def n_frames(self) -> int:
        """Number of all frames."""
        return len(self.differences)

    @property
    def n_others(self) -> int:
        """Number of frames besides the middle."""
        return self.n_frames - 1

    @property
    def n_showing(self) -> int:
        """Number of frames that bear the region out, the middle among them."""
        return sum(_shows(value) for value in self.differences)

    @property
    def n_witnesses(self) -> int:
        """Number of frames besides the middle that bear the region out."""
        return self.n_showing - _shows(self.differences[self.middle])

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`.

        "habit": the expected error is high, or none of the frames gave most of it, or no frame bears it out, or of two or more frames
        besides the middle none does. "evidence": the expected error is low, and at least two frames bear it out, and at least half of them,
        and at least half of those besides the middle. "mixed": all else; so what one frame alone shows, and what a network made that does
        not know its error, is never called evidence.
        """
        if self.against():
            return "habit"
        low = self.error is not None and self.error <= LOW_ERROR
        enough = self.n_showing >= max(2, math.ceil(self.n_frames / 2)) and self.n_witnesses >= math.ceil(self.n_others / 2)
        return "evidence" if low and enough else "mixed"

    def against(self) -> list[str]:
        """What speaks for a habit, in words; nothing where nothing does."""
        words = []
        if self.error is not None and self.error > HIGH_ERROR:
            words.append(f"in one of three pixels an error above {_levels(math.floor(self.error))} is to be expected")
        if self.share_none > MOSTLY_NONE:
            words.append(f"{self.share_none:.0%} of it come from none of the frames")
        if not self.n_showing:
            words.append("the only frame does not bear it out" if self.n_frames == 1 else "no frame bears it out")
        elif self.n_others > 1 and not self.n_witnesses:
            words.append("no frame besides the one that was restored bears it out")
        return words

    def words(self) -> str:
        """One or two sentences."""
        name = f"The {self.name}" if self.name != SURROUNDINGS else SURROUNDINGS.capitalize()
        verb, its = ("are", "them") if self.name == SURROUNDINGS else ("is", "it")
        if self.verdict == "habit":
            return f"{name} {verb} mostly the network's habit: {_joined(self.against())}. Do not rely on {its}."
        rests = "rest" if self.name == SURROUNDINGS else "rests"
        mixed = "partly evidence, partly habit" if self.error is not None else "called neither evidence nor habit"
        start = f"{name} {rests} on evidence" if self.verdict == "evidence" else f"{name} {verb} {mixed}"
        return f"{start}: {_joined([self._shown(its), *self._size_of_error()])}."

    def _shown(self, its: str) -> str:
        if self.n_frames == 1:
            return f"there is only one frame to bear {its} out"
        if self.n_others == 1:
            return f"the other frame bears {its} out" if self.n_witnesses else f"the other frame does not bear {its} out"
        verb = "bears" if self.n_witnesses == 1 else "bear"
        return f"{self.n_witnesses} of the {self.n_others} other frames {verb} {its} out"

    def _size_of_error(self) -> list[str]:
        return [] if self.error is None else [f"in two of three pixels the error is below {_levels(math.ceil(self.error))}"]

    def facts(self) -> dict[str, Any]:
        """For the report."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "size": round(self.size, 4),
            "error_68": None if self.error is None else round(self.error, 2),
            "share_middle": round(self.share_middle, 4),
            "share_others": round(self.share_others, 4),
            "share_none": round(self.share_none, 4),
            "frame_use": round(self.frame_use, 4),
            "n_showing": self.n_showing,
            "n_frames": self.n_frames,
            "n_witnesses": self.n_witnesses,
            "n_others": self.n_others,
            "differences": [None if value is None else round(value, 2) for value in self.differences],
        }


def sentences(
    regions: Iterable[Region], frame_use: float, n_frames: int, no_error: str, of_error: str = "", n_unlike: int = 0
) -> list[str]:
    """The picture as a whole, then each region.

    Args:
        regions: what was found of them.
        frame_use: of the whole picture, 0 … 1.
        n_frames: that the network was given.
        no_error: why the error is not known; empty where it is.
        of_error: how far it can be relied on, said last.
        n_unlike: number of frames that the network gave no share at all, anywhere.
    """
    if n_frames == 1:
        words = ["There is one frame alone: all that is finer than it was added by the network."]
    else:
        words = [f"{frame_use:.0%} of what was added to the enlarged middle frame depends on the other frames."]
    if n_unlike:
        verb = "agrees" if n_unlike == 1 else "agree"
        words.append(
            f"{n_unlike} of the {n_frames} frames {verb} too little with the middle one to be used (another scene, other light, or "
            "something in front of the face), and gave nothing."
        )
    if no_error:
        words.append(f"How large the error is, is not known: {no_error}. So nothing is called evidence here.")
    return [*words, *(region.words() for region in regions), *([of_error] if of_error else [])]


def in_one_line(regions: Sequence[Region]) -> str:
    """The regions by what was found of them, for a terminal."""
    by_verdict = {verdict: [region.name for region in regions if region.verdict == verdict] for verdict in VERDICTS}
    return "; ".join(f"{verdict}: {', '.join(names)}" for verdict, names in by_verdict.items() if names)


def _shows(difference: float | None) -> bool:
    return difference is not None and difference < BORNE_OUT


def _levels(error: int) -> str:
    return f"{error} grey levels"


def _joined(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])}, and {words[-1]}"
