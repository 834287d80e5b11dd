"""Counting what people answered: two columns of Table 3.6, each share with its binomial interval."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharpening.errors import InputError
from sharpening.evaluation.survey import KEY_FORM
from sharpening.evaluation.survey_page import ANSWERS_FORM, QUESTIONS
from sharpening.evaluation.table_text import Grid
from sharpening.imaging.files import write_text

__all__ = [
    "VOTES_FILE",
    "VOTE_HEADS",
    "Votes",
    "count_survey",
    "read_votes",
    "shown_votes",
    "votes_grid",
    "votes_notes",
    "write_votes",
]

VOTES_FILE = "survey.json"
VOTES_FORM = "sharpening-survey-votes"
VOTE_HEADS = ("highest quality ↑ [% of answers]", "best match of identity ↑ [% of answers]")
NONE_YET = "no answers yet"
MOST_BYTES = 1_000_000  # an answer file has some kilobytes

_RESPONDENT = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True)
class Votes:
    """What was answered.

    Attributes:
        page: Id of the page that was asked with.
        n_people: Number of answer files.
        counts: For each system and question how often it was chosen.
    """

    page: str
    n_people: int
    counts: Mapping[str, Mapping[str, int]]

    @property
    def totals(self) -> dict[str, int]:
        """Answers to each question."""
        return {question: sum(each[question] for each in self.counts.values()) for question in QUESTIONS}

    def interval(self, system: str, question: str) -> tuple[float, float, float]:
        """Share of the answers that chose a system, and Wilson's 95 % interval of it [%]; NaN where nobody answered.

        Answers of one person are taken for independent; where few people answered, the true interval is wider.

        Source: Wilson, 1927, doi:10.1080/01621459.1927.10502953.
        """
        from scipy.stats import binomtest

        chosen, total = self.counts[system][question], self.totals[question]
        if total == 0:
            return (float("nan"),) * 3
        found = binomtest(chosen, total).proportion_ci(0.95, method="wilson")
        return 100 * chosen / total, 100 * float(found.low), 100 * float(found.high)


def count_survey(key: str | Path, answers: Iterable[str | Path]) -> Votes:
    """Count answer files with the key of their page.

    Args:
        key: What `survey.make_survey` wrote beside the page.
        answers: Files that the page saved.

    Raises:
        InputError: A file that is damaged or belongs to another page, or two of one person; the file is named.
    """
    facts = _read(Path(key), KEY_FORM, "Give the .key.json that was written beside the page.")
    page, letters, systems = _key(Path(key), facts)
    counts = {system: dict.fromkeys(QUESTIONS, 0) for system in systems}
    seen: dict[str, Path] = {}
    for file in map(Path, answers):
        respondent, chosen = _answers(file, page, letters)
        if respondent in seen:
            raise InputError(file, f"is of the same person as {seen[respondent]}.", "Keep the later one of the two.")
        seen[respondent] = file
        for sequence, question, letter in chosen:
            counts[letters[sequence][letter]][question] += 1
    return Votes(page, len(seen), counts)


def write_votes(votes: Votes, folder: str | Path) -> Path:
    """Write `survey.json` into the folder of the tables, where Table 3.6 looks for it."""
    content = {
        "form": VOTES_FORM,
        "version": 1,
        "page": votes.page,
        "n_people": votes.n_people,
        "counts": {system: dict(each) for system, each in votes.counts.items()},
    }
    file = Path(folder) / VOTES_FILE
    write_text(file, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return file


def read_votes(folder: str | Path) -> Votes | None:
    """What `write_votes` wrote into a folder; None where nothing is.

    Raises:
        InputError: The file is damaged.
    """
    file = Path(folder) / VOTES_FILE
    if not file.exists():
        return None
    advice = "Count again: sharpening survey count."
    facts = _read(file, VOTES_FORM, advice)
    try:
        counts = {str(system): {q: int(each[q]) for q in QUESTIONS} for system, each in facts["counts"].items()}
        if any(number < 0 for each in counts.values() for number in each.values()):
            raise ValueError("a count is under 0")
        return Votes(str(facts["page"]), int(facts["n_people"]), counts)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(file, f"is damaged ({error}).", advice) from error


def shown_votes(votes: Votes | None, label: str) -> tuple[str, ...]:
    """The two cells of a row."""
    if votes is None or votes.n_people == 0:
        return (NONE_YET,) * len(QUESTIONS)
    if label not in votes.counts:
        return ("–",) * len(QUESTIONS)
    return tuple(_cell(votes.interval(label, question)) for question in QUESTIONS)


def _cell(shares: tuple[float, float, float]) -> str:
    share, low, high = shares
    return NONE_YET if share != share else f"{share:.1f} ({low:.1f}–{high:.1f})"


def votes_notes(votes: Votes | None) -> tuple[str, ...]:
    """What stands under the two columns."""
    if votes is None or votes.n_people == 0:
        return ("The last two columns are for the answers of people: sharpening survey make and count (docs/thesis.md).",)
    people = "1 person" if votes.n_people == 1 else f"{votes.n_people} people"
    numbers = " and ".join(str(total) for total in votes.totals.values())
    return (
        f"The last two columns: {people} gave {numbers} answers to the two questions (survey page {votes.page}). "
        "In brackets Wilson's 95 % interval; it takes the answers for independent.",
    )


def votes_grid(votes: Votes) -> Grid:
    """The two columns alone, the systems in the order of the table."""
    rows = tuple((label, *shown_votes(votes, label)) for label in votes.counts)
    return Grid("What people chose", ("method", *VOTE_HEADS), rows, votes_notes(votes))


def _read(file: Path, form: str, advice: str) -> dict[str, Any]:
    """A JSON object of one of our forms."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ValueError("it is far too large")
        facts = json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=_once)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(file, f"cannot be read ({error}).", advice) from error
    if not isinstance(facts, dict) or facts.get("form") != form or facts.get("version") != 1:
        raise InputError(file, f"is not a file of the form '{form}', version 1.", advice)
    return facts


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def _key(file: Path, facts: Mapping[str, Any]) -> tuple[str, dict[str, dict[str, str]], list[str]]:
    """Page, system of each sequence and letter, and all systems."""
    try:
        letters = {str(name): {str(a): str(b) for a, b in each["letters"].items()} for name, each in facts["sequences"].items()}
        systems = [str(system) for system in facts["systems"]]
        if not letters or any(sorted(each.values()) != sorted(systems) for each in letters.values()):
            raise ValueError("its letters do not name its systems")
        return str(facts["page"]), letters, systems
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(file, f"is damaged ({error}).", "Make the page again, and ask again.") from error


def _answers(file: Path, page: str, letters: Mapping[str, Mapping[str, str]]) -> tuple[str, list[tuple[str, str, str]]]:
    """Who answered, and (sequence, question, letter) of each answer."""
    facts = _read(file, ANSWERS_FORM, "Give a file that the page saved.")
    if facts.get("page") != page:
        raise InputError(file, f"belongs to another page ({facts.get('page')}).", f"This key is of the page {page}.")
    respondent, answers = facts.get("respondent"), facts.get("answers")
    damaged = InputError(file, "is damaged: it holds what the page never saves.", "Ask for the file again.")
    if not isinstance(respondent, str) or not _RESPONDENT.fullmatch(respondent) or not isinstance(answers, dict) or not answers:
        raise damaged
    found = []
    for sequence, each in answers.items():
        if sequence not in letters or not isinstance(each, dict) or not each:
            raise damaged
        for question, letter in each.items():
            if question not in QUESTIONS or not isinstance(letter, str) or letter not in letters[sequence]:
                raise damaged
            found.append((sequence, question, letter))
    return respondent, found
