"""The report on one result: all facts that are needed to judge it and to make it again, and warnings in plain words."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import torch

import sharpening
from sharpening.models.face_align.track import UNSURE_SCORE
from sharpening.models.face_id.judge import SAME_PERSON_DISTANCE
from sharpening.restore.agreement import Agreement
from sharpening.restore.finetune import Finetuned
from sharpening.restore.located import Located
from sharpening.restore.network import TrainedNetwork
from sharpening.restore.source import Source

__all__ = [
    "build_report",
    "face_facts",
    "face_warnings",
    "frame_facts",
    "frame_warnings",
    "identity_warnings",
    "versions",
    "warnings_for",
]

SCHEMA = "sharpening.restore/1"

# Measured on 47 sequences of 7×32×32 of the valid split (coded clips and damaged stills), 22 November 2026. Distance of a perfect result
# (the true picture) to the mean descriptor of its frames: median 0.49, 95 % below 0.65; of somebody else's picture: median 0.75, 95 %
# above 0.61. So dlib's own border of 0.6 serves; the mean distance to single frames (median 0.55, 95 % below 0.68) would cry wolf.
LOW_AGREEMENT = SAME_PERSON_DISTANCE
# There, the median distance of a frame to its neighbours was below 0.54 in 99 % of the frames, of a stranger's above 0.567 in 95 %.
STRANGER = 0.56
# Three quarters of the 32 px of the net: below, even the frames that it sees are enlarged.
SMALL_FACE = 0.75


def build_report(
    source: Source,
    located: Located,
    trained: TrainedNetwork,
    shares: tuple[float, ...],
    agreement: Agreement,
    *,
    device: torch.device,
    seconds: Mapping[str, float],
    finetuned: Finetuned | None = None,
) -> dict[str, Any]:
    """All facts on one result, ready for JSON."""
    by_finetuner = [] if finetuned is None else finetuned.warnings()
    return {
        "schema": SCHEMA,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "input": source.facts(),
        "frames": frame_facts(located, shares),
        "face": face_facts(located),
        "weights": _weights(trained),
        "finetune": None if finetuned is None else finetuned.facts(),
        "identity_agreement": agreement.facts(),
        "warnings": [*warnings_for(source, located, trained, agreement), *by_finetuner],
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


def _weights(trained: TrainedNetwork) -> dict[str, Any]:
    card = trained.card
    names = "name model file sha256 source licence free_use paper data recipe size_in size_out n_parameters commit"
    facts = {name: getattr(card, name) for name in names.split()}
    return {
        **facts,
        "path": None if trained.path is None else str(trained.path),
        "settings": dict(card.settings),
        "metrics": dict(card.metrics),
    }


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


def warnings_for(source: Source, located: Located, trained: TrainedNetwork, agreement: Agreement) -> list[str]:
    """What the user should know before trusting the picture, the gravest first."""
    on_face = face_warnings(located, trained.card.size_in, trained.scale)
    return [*identity_warnings(located.indexes, agreement), *on_face, *frame_warnings(source, located)]


def identity_warnings(names: Sequence[int], agreement: Agreement) -> list[str]:
    """What to say of the person: not measured, not alike, or frames that do not agree; `names` are the frames' numbers."""
    if agreement.to_person is None:
        return [f"Whether the result shows the person of the frames could not be measured: {agreement.problem}."]
    words = []
    if agreement.to_person > LOW_AGREEMENT:
        words.append(
            f"Low identity agreement: the result does not look like the person in the frames (distance {agreement.to_person:.2f}; "
            f"below {LOW_AGREEMENT} counts as the same person). Do not use it to recognise anybody."
        )
    strangers = [names[i] for i, far in enumerate(agreement.among_frames) if far is not None and far > STRANGER]
    if strangers:
        listed = ", ".join(str(number) for number in strangers)
        words.append(
            f"The frames do not agree with each other: frame(s) {listed} may show another person, or are too poor to tell."
        )
    return words


def face_warnings(located: Located, size_in: int, scale: float) -> list[str]:
    """What to say of the face as it was found: too small, too large, or perhaps none.

    Args:
        located: the cut sequence.
        size_in: side of the frames that the method wants [px].
        scale: how many times larger its result is.
    """
    words, native = [], located.native
    if native < SMALL_FACE * size_in:
        words.append(
            f"The face is very small: its square is {native:.0f} px wide, {size_in} px are wanted. Much of the result is a guess."
        )
    size_out = round(located.sequence.frames.shape[1] * scale)
    if native > size_out:
        words.append(
            f"The face's square is {native:.0f} px wide in the input, the result only {size_out} px: the frames themselves show more. "
            "This is for small faces."
        )
    if located.score is not None and located.score < UNSURE_SCORE:
        words.append(
            f"The detector is unsure that this is a face (score {located.score:.2f}). Check the sheet; a box round the head (--box) helps."
        )
    if "given" in located.how:
        words.append("No face was found in the box that was given; the box itself was cut out of each frame.")
    if located.n_faces > 1:
        words.append(f"Up to {located.n_faces} faces are in a frame; taken: {located.choice}. --face N or --box chooses another.")
    return words


def frame_warnings(source: Source, located: Located) -> list[str]:
    """What to say of the frames: only one, some left out, some without a face."""
    words = [f"{note}." for note in source.notes]
    if len(located.indexes) == 1:
        words.append("Only one frame was used: this is single-frame sharpening, without the evidence of other frames.")
    if located.skipped:
        n, (index, why) = len(located.skipped), next(iter(located.skipped.items()))
        words.append(f"{n} frame(s) were left out; the first is {source.label(index)}: {why}.")
    if bridged := located.how.count("bridged"):
        words.append(f"In {bridged} of the frames used no face was found; its place was taken from the frames before and after.")
    return words
