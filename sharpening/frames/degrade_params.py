"""What was drawn for a damaged sequence, as plain data that is stored beside what was made of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from sharpening.frames.face_motion import FaceMotion
from sharpening.frames.regions import Region

__all__ = ["DegradeParams", "FrameParams"]


@dataclass(frozen=True)
class FrameParams:
    """The damage of one frame: angle in degrees, zoom as a factor, shift in pixels of the label, light as gain and offset."""

    angle: float = 0.0
    zoom: float = 1.0
    dx: float = 0.0
    dy: float = 0.0
    gain: float = 1.0
    offset: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    quality: int | None = None
    regions: tuple[Region, ...] = ()
    garbage: str | None = None
    seed: int = 0
    alive: FaceMotion | None = None


@dataclass(frozen=True)
class DegradeParams:
    """All that was drawn for one sequence.

    `view` is the crop of the still that the label shows: side share, x and y shift share. With `turning` (k, crf) the frames from k on are
    coded with another factor than `crf`.
    """

    frames: tuple[FrameParams, ...]
    size_in: int
    size_out: int
    view: tuple[float, float, float]
    crf: int | None = None
    preset: str = ""
    turning: tuple[int, int] | None = None

    def to_json(self) -> str:
        """The parameters as one JSON object; `from_json` reads it back unchanged."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> DegradeParams:
        """Read what `to_json` wrote."""
        facts = json.loads(text)
        facts["view"] = tuple(facts["view"])
        facts["turning"] = tuple(facts["turning"]) if facts.get("turning") else None
        facts["frames"] = tuple(_frame(values) for values in facts["frames"])
        return cls(**facts)


def _frame(values: dict[str, Any]) -> FrameParams:
    regions = tuple(Region(**{**region, "colour": tuple(region["colour"])}) for region in values["regions"])
    alive = FaceMotion(**values["alive"]) if values.get("alive") else None
    return FrameParams(**{**values, "regions": regions, "alive": alive})
