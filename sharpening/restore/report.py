"""The report on one result: all facts that are needed to judge it and to make it again, and warnings in plain words.

To make it again take the files of `input` and the weights of `weights` (and `finetune`), known by their sha256, and call with the `choice`.
"""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch

import sharpening
from sharpening.models.face_align.track import UNSURE_SCORE
from sharpening.models.face_id.judge import SAME_PERSON_DISTANCE
from sharpening.restore.agreement import Agreement
from sharpening.restore.error_table import error_table
from sharpening.restore.evidence import Evidence
from sharpening.restore.finetune import Finetuned
from sharpening.restore.guard import Guard
from sharpening.restore.located import Choice, Located
from sharpening.restore.network import TrainedNetwork
from sharpening.restore.repeats import Repeats
from sharpening.restore.same_person import Reading
from sharpening.restore.source import Source
from sharpening.weights.card import WeightCard

__all__ = [
    "beyond_measure",
    "build_report",
    "choice_warnings",
    "face_facts",
    "face_warnings",
    "frame_facts",
    "frame_warnings",
    "identity_warnings",
    "reading_warnings",
    "size_warnings",
    "versions",
    "warnings_for",
    "weight_facts",
]

SCHEMA = "sharpening.restore/1"

# Where there is no reading by the measured table (`same_person`): it holds for the results of some weights alone.
LOW_AGREEMENT = SAME_PERSON_DISTANCE
# Measured on 47 sequences of 7×32×32 of the valid split (coded clips and damaged stills), 22 November 2026: the median distance of a frame
# to its neighbours was below 0.54 in 99 % of the frames, of a stranger's above 0.567 in 95 %.
STRANGER = 0.56
# Three quarters of the 32 px of the net: below, even the frames that it sees are enlarged.
SMALL_FACE = 0.75


def build_report(
    source: Source,
    choice: Choice,
    located: Located,
    trained: TrainedNetwork,
    shares: tuple[float, ...],
    agreement: Agreement,
    *,
    device: torch.device,
    seconds: Mapping[str, float],
    repeats: Repeats,
    finetuned: Finetuned | None = None,
    finetuner: TrainedNetwork | None = None,
    guard: Guard | None = None,
    evidence: Evidence | None = None,
) -> dict[str, Any]:
    """All facts on one result, ready for JSON; on the files that it is written to see `Restored.save`."""
    by_finetuner = [] if finetuned is None else finetuned.warnings()
    on_evidence = [] if evidence is None else evidence.warnings()
    return {
        "schema": SCHEMA,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "input": source.facts(),
        "choice": asdict(choice),
        "frames": {**frame_facts(located, shares), **repeats.facts()},
        "face": face_facts(located),
        "weights": weight_facts(trained),
        "finetune": None if finetuned is None else {**finetuned.facts(), **_finetuner_facts(finetuner)},
        "identity_agreement": agreement.facts(),
        "identity_guard": None if guard is None else guard.facts(),
        "evidence": None if evidence is None else evidence.facts(),
        "warnings": [*warnings_for(source, located, trained, agreement, guard, repeats), *on_evidence, *by_finetuner],
        "versions": versions(),
        "device": str(device),
        "seed": None,  # nothing in restoring is left to chance
        "seconds": {step: round(value, 4) for step, value in seconds.items()},
    }


def frame_facts(located: Located, shares: tuple[float, ...]) -> dict[str, Any]:
    """Which frames were used, and why; `shares` may be empty."""
    used = [
        {
            "index": index,
            "source": located.sequence.sources[i] if located.sequence.sources else "",
            "square": None if square is None else [round(value, 3) for value in square],
            "how": located.how[i],
            "share": round(shares[i], 4) if shares else None,
        }
        for i, (index, square) in enumerate(zip(located.indexes, located.squares, strict=True))
    ]
    return {
        "used": used,
        "n_used": len(used),
        "n_usable": located.n_usable,
        "middle": located.indexes[len(used) // 2],
        "why_middle": located.why_middle,
        "single_frame": len(used) == 1,
        "searched_every": located.step,
        "skipped": [{"index": index, "why": why} for index, why in located.skipped.items()],
    }


def face_facts(located: Located) -> dict[str, Any]:
    """Which face was taken, and how large it is."""
    score = None if located.score is None else round(located.score, 3)
    return {
        "choice": located.choice,
        "n_faces": located.n_faces,
        "detector_score": score,
        "side": round(located.native, 2),
        "side_cut": located.sequence.frames.shape[1],
    }


def weight_facts(trained: TrainedNetwork) -> dict[str, Any]:
    """What the card says of the weights."""
    card = trained.card
    names = "name model file sha256 source licence free_use paper data recipe size_in size_out n_parameters commit"
    facts = {name: getattr(card, name) for name in names.split()}
    return {
        **facts,
        "path": None if trained.path is None else str(trained.path),
        "settings": dict(card.settings),
        "metrics": dict(card.metrics),
    }


def _finetuner_facts(finetuner: TrainedNetwork | None) -> dict[str, Any]:
    return {} if finetuner is None else {"sha256": finetuner.card.sha256, "card": weight_facts(finetuner)}


def versions() -> dict[str, str]:
    """Of what a result depends on."""
    found = {
        "sharpening": sharpening.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
    for package in ("opencv-python-headless", "dlib-bin", "av"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed under this name"
    return found


def warnings_for(
    source: Source,
    located: Located,
    trained: TrainedNetwork,
    agreement: Agreement,
    guard: Guard | None = None,
    repeats: Repeats | None = None,
) -> list[str]:
    """What the user should know before trusting the picture, the gravest first."""
    on_size = beyond_measure(located.sequence.frames.shape[1], trained.card, agreement.reading)
    on_face = [*face_warnings(located, trained.card.size_in, trained.scale), *on_size]
    checked = guard is not None and not guard.problem
    on_person = identity_warnings(located.indexes, agreement, frames=not checked)
    on_strangers, left_out = ([], ()) if guard is None else (guard.warnings(), guard.left_out)
    on_repeats, copies = ([], {}) if repeats is None else (repeats.warnings(), repeats.found)
    return [*on_person, *on_strangers, *on_repeats, *on_face, *frame_warnings(source, located, named={*left_out, *copies})]


def beyond_measure(size_cut: int, card: WeightCard, reading: Reading | None) -> list[str]:
    """What to say where figures are read that were measured on faces of another size than the `size_cut` px of this one."""
    if size_cut == card.size_in or (reading is None and error_table(card) is None):
        return []
    what = f"was measured on faces of {card.size_in} px; this one was cut to {size_cut} px, and neither was fitted to that"
    return [f"What is said of expected error and likeness {what}."]


def identity_warnings(names: Sequence[int], agreement: Agreement, *, frames: bool = True) -> list[str]:
    """What to say of the person: not measured, not alike, or frames that do not agree.

    Args:
        names: the frames' numbers.
        agreement: what was measured.
        frames: whether to speak of frames that do not agree; the guard says it better where it was at work.
    """
    if agreement.to_person is None:
        return [f"Whether the result shows the person of the frames could not be measured: {agreement.problem}."]
    words = reading_warnings(agreement.to_person, agreement.reading)
    strangers = [names[i] for i, far in enumerate(agreement.among_frames) if far is not None and far > STRANGER]
    if strangers and frames:
        listed = ", ".join(str(number) for number in strangers)
        words.append(
            f"The frames do not agree with each other: frame(s) {listed} may show another person, or are too poor to tell."
        )
    return words


def reading_warnings(distance: float, reading: Reading | None) -> list[str]:
    """What to say of a distance of the result to the mean descriptor of its frames; nothing where they are known to be alike."""
    if reading is None:
        if distance <= LOW_AGREEMENT:
            return [
                f"How surely the result shows the person of the frames is not known: what their distance of {distance:.2f} means was not "
                "measured for results that were made like this one."
            ]
        meaning = f"distance {distance:.2f}; below {LOW_AGREEMENT} counts as the same person"
    elif reading.verdict == "alike":
        return []
    else:
        chance = f"where both were as likely before, it is the same person with {reading.probability:.0%}"
        meaning = f"distance {distance:.2f}: {chance}; a stranger's picture comes as near in {reading.how_often}"
    if reading is not None and reading.verdict == "unsure":
        start = "Unsure identity agreement: the result may or may not show the person in the frames"
    else:
        start = "Low identity agreement: the result does not look like the person in the frames"
    return [f"{start} ({meaning}). Do not use it to recognise anybody."]


def face_warnings(located: Located, size_in: int, scale: float) -> list[str]:
    """What to say of the face as it was found: too small, too large, or perhaps none.

    Args:
        located: the cut sequence.
        size_in: side of the frames that the method wants [px].
        scale: how many times larger its result is.
    """
    words = size_warnings(located.native, located.sequence.frames.shape[1], size_in, scale)
    return [*words, *choice_warnings(located.score, located.n_faces, located.choice, given="given" in located.how)]


def size_warnings(native: float, size_cut: int, size_in: int, scale: float) -> list[str]:
    """What to say of a face whose square is `native` px wide, that was cut to `size_cut`, for a method that wants `size_in`."""
    words = []
    if native < SMALL_FACE * size_in:
        words.append(
            f"The face is very small: its square is {native:.0f} px wide, {size_in} px are wanted. Much of the result is a guess."
        )
    size_out = round(size_cut * scale)
    if native > size_out:
        words.append(
            f"The face's square is {native:.0f} px wide in the input, the result only {size_out} px: the frames themselves show more. "
            "This is for small faces."
        )
    return words


def choice_warnings(score: float | None, n_faces: int, choice: str, *, given: bool) -> list[str]:
    """What to say of the choice of the face: perhaps none, none in the box that was given, one of several."""
    words = []
    if score is not None and score < UNSURE_SCORE:
        words.append(
            f"The detector is unsure that this is a face (score {score:.2f}). Check the result; a box round the head (--box) helps."
        )
    if given:
        words.append("No face was found in the box that was given; the box itself was cut out of each frame.")
    if n_faces > 1:
        words.append(f"Up to {n_faces} faces are in a frame; taken: {choice}. --face N or --box chooses another.")
    return words


def frame_warnings(source: Source, located: Located, *, named: Collection[int] = ()) -> list[str]:
    """What to say of the frames: only one, some left out (but for those `named` elsewhere), some without a face."""
    words = [f"{note}." for note in source.notes]
    if len(located.indexes) == 1:
        words.append("Only one frame was used: this is single-frame sharpening, without the evidence of other frames.")
    if skipped := {index: why for index, why in located.skipped.items() if index not in named}:
        n, (index, why) = len(skipped), next(iter(skipped.items()))
        words.append(f"{n} frame(s) were left out; the first is {source.label(index)}: {why}.")
    if bridged := located.how.count("bridged"):
        words.append(f"In {bridged} of the frames used no face was found; its place was taken from the frames before and after.")
    return words
