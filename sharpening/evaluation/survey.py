"""Making the subjective test out of kept pictures: a page without names, and apart from it the key that tells who made what.

Source: thesis section 3.6 (38 people, two questions).
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import InputError
from sharpening.evaluation.kept import INPUT, Kept
from sharpening.evaluation.measuring import TRUTH
from sharpening.evaluation.sample import code
from sharpening.evaluation.survey_page import PageSequence, survey_html
from sharpening.imaging.files import encode_picture
from sharpening.imaging.writing import write_together

__all__ = ["KEY_FORM", "key_path", "make_survey"]

KEY_FORM = "sharpening-survey-key"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LEAST_SYSTEMS = 2

Picture = NDArray[np.uint8]


def key_path(page: str | Path) -> Path:
    """Where the key of a page lies: `survey.key.json` beside `survey.html`."""
    return Path(page).with_suffix(".key.json")


def make_survey(
    results: str | Path,
    out: str | Path,
    *,
    n_sequences: int = 20,
    systems: Sequence[str] | None = None,
    seed: int | None = None,
) -> tuple[Path, Path]:
    """Build the page and its key.

    Args:
        results: Folder of `sharpening tables 3.6 --keep`.
        out: The page, `.html`; the key is written beside it and must not go to those who answer.
        n_sequences: How many of the sequences are asked; all where there are fewer.
        systems: Rows of the table that are compared; all that are kept when None.
        seed: Of the order of all; a secret one when None, so that nobody can work the order out.

    Returns:
        The page and the key.

    Raises:
        InputError: Pictures that are not there or not of one size, unknown systems, fewer than two or more than 26 of them, or the key
            of another page where this one's would lie.
        WriteError: The place cannot be written to; neither of the two is left behind.
    """
    out = Path(out)
    if out.suffix.lower() not in (".html", ".htm"):
        raise InputError(out, "is no name of a page.", "Call it survey.html.")
    kept = Kept(results)
    chosen, names = _compared(kept, systems)
    seed = secrets.randbits(63) if seed is None else seed
    rng = np.random.default_rng(seed)
    asked = [names[i] for i in rng.permutation(len(names))[:n_sequences]]
    letters = {name: dict(zip(LETTERS, (chosen[i] for i in rng.permutation(len(chosen))), strict=False)) for name in asked}
    sequences = {name: _sequence(kept, name, code(f"{seed} {name}"), letters[name]) for name in asked}
    page = hashlib.sha256(json.dumps([seed, list(sequences.values())]).encode()).hexdigest()[:16]
    key = {
        "form": KEY_FORM,
        "version": 1,
        "page": page,
        "seed": seed,
        "systems": chosen,
        "sequences": {sequences[name]["id"]: {"sample": name, "letters": letters[name]} for name in asked},
    }
    _keep_other_key(key_path(out), page)
    text = json.dumps(key, indent=1, ensure_ascii=False) + "\n"
    write_together({key_path(out): text.encode(), out: survey_html(page, list(sequences.values())).encode()})
    return out, key_path(out)


def _keep_other_key(path: Path, page: str) -> None:
    """Without its key nobody can tell what the answers to a page say."""
    if not path.exists():
        return
    try:
        there = json.loads(path.read_text(encoding="utf-8")).get("page")
    except (OSError, ValueError, AttributeError):
        there = None
    if there != page:
        raise InputError(path, "is the key of another page.", "Choose another name (-o), or move page and key away together.")


def _compared(kept: Kept, systems: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """The systems, and the samples that each of them has."""
    there = [label for label in kept.systems if label not in (INPUT, TRUTH)]
    chosen = there if systems is None else list(dict.fromkeys(systems))
    advice = "Make them: sharpening tables 3.6 --keep FOLDER."
    if absent := [label for label in (INPUT, TRUTH, *chosen) if label not in kept.systems]:
        raise InputError(kept.folder, f"holds no pictures of {', '.join(absent)}. It holds {', '.join(there) or 'none'}.", advice)
    if not LEAST_SYSTEMS <= len(chosen) <= len(LETTERS):
        raise InputError(kept.folder, f"{len(chosen)} systems cannot be compared.", "Choose 2 to 26 with --system.")
    for label in (INPUT, TRUTH, *chosen):
        if gone := kept.missing(label):
            raise InputError(gone[0], "is listed and not there.", advice)
    shared = set.intersection(*(set(kept.paths(label)) for label in (INPUT, TRUTH, *chosen)))
    if not shared:
        raise InputError(kept.folder, "holds no sequence that all systems have.", advice)
    return chosen, [name for name in kept.paths(TRUTH) if name in shared]


def _sequence(kept: Kept, name: str, number: str, letters: Mapping[str, str]) -> PageSequence:
    truth = kept.picture(TRUTH, name)
    pictures = {letter: kept.picture(label, name) for letter, label in letters.items()}
    for letter, picture in pictures.items():
        if picture.shape != truth.shape:
            size = "×".join(map(str, picture.shape[1::-1]))
            raise InputError(
                kept.paths(letters[letter])[name], f"is {size}, unlike the original.", "A size would tell who made it."
            )
    return PageSequence(
        id=number,
        input=_uri(kept.picture(INPUT, name)),
        original=_uri(truth),
        pictures={letter: _uri(picture) for letter, picture in pictures.items()},
    )


def _uri(picture: Picture) -> str:
    # Encoded anew, so that nothing but the pixels of a file gets into the page.
    return "data:image/png;base64," + base64.b64encode(encode_picture("inline.png", picture)).decode("ascii")
