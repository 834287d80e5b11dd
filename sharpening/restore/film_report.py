"""The report on a film: what was restored and what was not, in numbers and in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from statistics import median_low
from typing import Any

import numpy as np
import torch

from sharpening.restore.agreement import Agreement, reading_facts
from sharpening.restore.film_face import FilmFace
from sharpening.restore.film_people import FilmPeople
from sharpening.restore.film_stream import Tally
from sharpening.restore.located import Choice
from sharpening.restore.network import TrainedNetwork
from sharpening.restore.report import beyond_measure, choice_warnings, reading_warnings, size_warnings, versions, weight_facts
from sharpening.restore.same_person import Reading, same_person
from sharpening.restore.source import Source

__all__ = ["SCHEMA", "FilmFacts", "build_film_report"]

SCHEMA = "sharpening.restore-film/1"

_MOST_NAMED = 5  # stretches that a warning names


@dataclass(frozen=True, eq=False, kw_only=True)
class FilmFacts:
    """What came of a film.

    Attributes:
        source: the input.
        choice: what the user decided.
        face: the face in it.
        trained: the network.
        n_frames: most frames of a window.
        tally: what was counted on the way.
        agreements: the identity agreement of some frames, by their number in the input.
        people: whether all stretches show one person.
        output: facts on the file that was written.
        seconds: what took how long.
        notes: what else the user should know.
    """

    source: Source
    choice: Choice
    face: FilmFace
    trained: TrainedNetwork
    n_frames: int
    tally: Tally
    agreements: Mapping[int, Agreement]
    people: FilmPeople
    output: Mapping[str, Any]
    seconds: Mapping[str, float]
    notes: Sequence[str] = field(default_factory=list)


def build_film_report(facts: FilmFacts, device: torch.device) -> dict[str, Any]:
    """All facts on one film, ready for JSON."""
    face, per_frame = facts.face, facts.seconds["total"] / max(1, facts.face.path.n)
    return {
        "schema": SCHEMA,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "input": facts.source.facts(),
        "choice": asdict(facts.choice),
        "output": dict(facts.output),
        "frames": _frames(facts),
        "windows": _windows(facts),
        "face": {
            "choice": face.choice,
            "n_faces": face.n_faces,
            "detector_score": None if face.score is None else round(face.score, 3),
            "side": round(face.native, 2),
            "side_cut": face.size,
        },
        "weights": weight_facts(facts.trained),
        "identity_agreement": _identity(facts.agreements),
        "people": _people(facts),
        "warnings": _warnings(facts),
        "versions": versions(),
        "device": str(device),
        "seed": None,  # nothing in restoring is left to chance
        "seconds": {step: round(value, 4) for step, value in {**facts.seconds, "per_frame": per_frame}.items()},
    }


def _frames(facts: FilmFacts) -> dict[str, Any]:
    face = facts.face
    without = [i for i, how in enumerate(face.path.how) if how == "none"]
    return {
        "n": face.path.n,
        "first": face.numbers[0],
        "last": face.numbers[-1],
        "restored": face.path.n - len(without),
        "bridged": face.path.how.count("bridged"),
        "without_face": len(without),
        "stretches_without_face": _stretches([face.numbers[i] for i in without]),
        "runs": face.path.n_runs,
        "repeats": facts.tally.repeats,
        "left_out": len(face.skipped),
        "unreadable": [{"index": index, "why": why} for index, why in face.skipped.items()],
    }


def _stretches(numbers: Sequence[int]) -> list[list[int]]:
    """First and last of each stretch of numbers that follow each other."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def _windows(facts: FilmFacts) -> dict[str, Any]:
    restored = sum(facts.tally.windows.values())
    others = None if facts.tally.others is None or not restored else round(facts.tally.others / restored, 4)
    counts = {str(length): facts.tally.windows[length] for length in sorted(facts.tally.windows)}
    return {"most_frames": facts.n_frames, "restored_from": counts, "mean_share_of_other_frames_in_what_was_fused": others}


def _identity(agreements: Mapping[int, Agreement]) -> dict[str, Any]:
    median, reading = _median(agreements)
    problems = [each.problem for each in agreements.values() if each.problem]
    return {
        "measured": median is not None,
        "problem": "" if median is not None else (problems or ["no frame was restored"])[0],
        "n_judged": len(agreements),
        "median_distance_to_mean_of_frames": None if median is None else round(median, 4),
        **reading_facts(reading),
        "frames": [{"index": index, **each.facts()} for index, each in agreements.items()],
    }


def _median(agreements: Mapping[int, Agreement]) -> tuple[float | None, Reading | None]:
    """The median distance of the frames to the person of the input, and what it says for as many frames as a window mostly has."""
    measured = [(each.to_person, each) for each in agreements.values() if each.to_person is not None]
    if not measured:
        return None, None
    median = float(np.median([far for far, _ in measured]))
    if any(each.reading is None for _, each in measured):
        return median, None
    counts = [sum(far is not None for far in each.frame_distances) for _, each in measured]
    return median, same_person().read(median, median_low(counts))


def _people(facts: FilmFacts) -> dict[str, Any]:
    people = facts.people
    return {
        "checked": not people.problem,
        "problem": people.problem,
        "n_described": people.n_described,
        "frames_of_another_person": [facts.face.numbers[at] for at in people.strangers],
        "stretches_of_another_person": [[facts.face.numbers[at] for at in stretch] for stretch in people.stretches],
        "stretches_not_checked": [[facts.face.numbers[at] for at in stretch] for stretch in people.unchecked],
        "unsure": people.unsure,
    }


def _people_words(facts: FilmFacts) -> list[str]:
    found = _people(facts)
    if found["problem"] == _identity(facts.agreements)["problem"] != "":
        return []  # nobody looked, and that was said of the likeness
    if not found["checked"]:
        return [f"Whether all of the film shows one person was not checked: {found['problem']}."]
    words = []
    if stretches := found["stretches_of_another_person"]:
        words.append(
            f"Another person than in the longest stretch is seen in frames {_named(stretches)}: they were restored like the others. "
            "Take the part that shows the person you want (--start, --stop), or name the face (--box)."
        )
    if found["unsure"] and stretches:
        words.append("That is not sure: most of the frames that were looked at show somebody else, or they are too poor to tell.")
    elif found["unsure"]:
        words.append("The film may show more than one person; its frames are too poor to tell.")
    if unchecked := found["stretches_not_checked"]:
        words.append(
            f"Who is seen in frames {_named(unchecked)} was not checked: no face could be described there, or the stretches were too many."
        )
    return words


def _named(stretches: Sequence[Sequence[int]]) -> str:
    named = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in stretches[:_MOST_NAMED])
    return named + (f" and {len(stretches) - _MOST_NAMED} more stretches" if len(stretches) > _MOST_NAMED else "")


def _warnings(facts: FilmFacts) -> list[str]:
    face, card = facts.face, facts.trained.card
    return [
        *_identity_words(facts.agreements),
        *_people_words(facts),
        *size_warnings(face.native, face.size, card.size_in, facts.trained.scale),
        *beyond_measure(face.size, card, _median(facts.agreements)[1]),
        *choice_warnings(face.score, face.n_faces, face.choice, given="given" in face.path.how),
        *_frame_words(facts),
        *facts.notes,
    ]


def _identity_words(agreements: Mapping[int, Agreement]) -> list[str]:
    median, reading = _median(agreements)
    if median is None:
        return [f"Whether the film shows the person of the input could not be measured: {_identity(agreements)['problem']}."]
    n = sum(each.to_person is not None for each in agreements.values())
    return [f"{words} The distance is the median of {n} restored frame(s)." for words in reading_warnings(median, reading)]


def _frame_words(facts: FilmFacts) -> list[str]:
    frames, source = _frames(facts), facts.source
    words = [f"{note}." for note in source.notes]
    if frames["without_face"]:
        named = _named(frames["stretches_without_face"])
        words.append(
            f"In {frames['without_face']} of {frames['n']} frames no face was found ({named}): there the film shows the input "
            "itself, enlarged, at the place where the face was last seen or is seen next. Nothing is restored in them."
        )
    if frames["bridged"]:
        words.append(f"In {frames['bridged']} frame(s) the place of the face was taken from the frames before and after.")
    if frames["runs"] > 1:
        words.append(
            f"The film was cut or the face lost {frames['runs'] - 1} time(s); no frame was restored with frames from beyond."
        )
    if frames["repeats"]:
        words.append(
            f"{frames['repeats']} of {frames['n']} frames repeat the one before and add nothing (frozen film, a film made faster by "
            "repeating frames, or a still scene of which the coding kept no more than one frame)."
        )
    if facts.tally.windows and max(facts.tally.windows) == 1:
        words.append(
            "Each frame was restored from itself alone: this is single-frame sharpening, without the evidence of other frames."
        )
    if facts.face.skipped:
        index, why = next(iter(facts.face.skipped.items()))
        words.append(f"{len(facts.face.skipped)} frame(s) are missing in the film; the first is {source.label(index)}: {why}.")
    return words
