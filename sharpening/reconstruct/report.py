"""The report on one reconstruction: what rests on which frame, what was measured, and warnings in plain words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sharpening.reconstruct.choice import VERSION, Choice
from sharpening.reconstruct.finetune.guard import Guarded
from sharpening.reconstruct.settings import STEPS, Settings
from sharpening.reconstruct.state import State
from sharpening.reconstruct.trace import Trace, finite
from sharpening.restore.agreement import Agreement
from sharpening.restore.located import Located
from sharpening.restore.report import face_facts, frame_facts, identity_warnings, versions
from sharpening.restore.source import Source

__all__ = ["build_report", "in_words"]

SCHEMA = "sharpening.reconstruct/1"


def build_report(
    state: State,
    trace: Trace,
    choice: Choice,
    settings: Settings,
    likeness: Mapping[str, Agreement],
    *,
    source: Source | None = None,
    located: Located | None = None,
    guard: Guarded | None = None,
    terms: Sequence[str] = (),
) -> dict[str, Any]:
    """All facts on one result, ready for JSON; `choice` and `settings` in it can be edited and read back."""
    warnings = _warnings(state, likeness)
    facts = {
        "schema": SCHEMA,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "input": {"name": state.name} if source is None else source.facts(),
        "frames": {"used": [{"index": name} for name in state.names]} if located is None else frame_facts(located, ()),
        "face": None if located is None else face_facts(located),
        "choice": {"version": VERSION, **choice.to_dict(), "settings": settings.to_dict()},
        "rests_on": in_words(state),
        "steps": {step.name: step.facts for step in trace.steps},
        "finetune": None
        if guard is None
        else {"identity_change": guard.change, "undone_from": settings.most_change, "kept": guard.kept},
        "identity_agreement": {name: agreement.facts() for name, agreement in likeness.items()},
        "warnings": warnings,
        "terms": list(terms),
        "versions": versions(),
        "seconds": {**trace.seconds, "total": round(sum(trace.seconds.values()), 4)},
    }
    return dict(finite(facts))


def in_words(state: State) -> list[str]:
    """On which frame each part of the picture rests, a sentence a frame."""
    words = [f"Base: frame {state.names[state.base]} ({state.why_base})."]
    for index, parts in sorted(state.used.items()):
        gains = [pick.gain for pick in state.picks if pick.part in parts and math.isfinite(pick.gain)]
        names = ", ".join(part.replace("_", " ") for part in parts)
        detail = f"{min(gains):.1f} to {max(gains):.1f} times the detail of the base there" if gains else "detail not measured"
        words.append(f"Frame {state.names[index]}: {names} ({detail}).")
    if not state.used:
        words.append("No part was taken from another frame.")
    return words


def _warnings(state: State, likeness: Mapping[str, Agreement]) -> list[str]:
    by_step = [words for step in ("input", *STEPS, "found") for words in state.warnings.get(step, [])]
    return [*(identity_warnings(state.names, likeness["result"]) if "result" in likeness else []), *by_step]
