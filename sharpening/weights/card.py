"""The card of a weight file: what it is, where it came from, what one may do with it, and how good it was measured to be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from sharpening.errors import InputError, WeightsMismatch

__all__ = ["WeightCard", "card_path", "load_card", "markdown_table"]


@dataclass(frozen=True, kw_only=True)
class WeightCard:
    """Facts on one weight file. As JSON it lies beside the file: `name.safetensors` and `name.json`.

    Attributes:
        name: what users call the weights.
        model: name of the network in the zoo.
        file: file name, without folders.
        sha256: of the file, 64 hexadecimal digits.
        n_bytes: size of the file.
        source: who made the weights, and where they were got.
        licence: SPDX name or the words of the terms.
        free_use: whether commercial use is allowed by all terms, those of the training data included.
        paper: what to cite.
        data: what it was trained on, and the terms of that.
        recipe: name of the recipe, with epochs or steps.
        n_frames: frames it was trained with; None where any number will do.
        size_in: side of a frame [px].
        size_out: side of the result [px].
        value_range: of the input and the result.
        normalisation: `none`, or `imagenet`.
        n_parameters: of the network, weights that are frozen for good included.
        settings: keyword arguments for the network's constructor.
        metrics: measured figures; the key names protocol, metric and unit.
        commit: of the code that made it.
    """

    name: str
    model: str
    file: str = ""
    sha256: str = ""
    n_bytes: int = 0
    source: str
    licence: str
    free_use: bool
    paper: str = ""
    data: str = ""
    recipe: str = ""
    n_frames: int | None = None
    size_in: int = 32
    size_out: int = 128
    value_range: tuple[float, float] = (0.0, 1.0)
    normalisation: str = "none"
    n_parameters: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    commit: str = ""

    def to_json(self) -> str:
        """The card as JSON text, ending with a new line."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, *, path: str | Path = "card") -> WeightCard:
        """Read a card.

        Args:
            text: what `to_json` wrote.
            path: where it came from, for the error message.

        Raises:
            WeightsMismatch: not JSON, a field is absent or unknown, or has a value of the wrong kind.
        """
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise WeightsMismatch(path, f"is no weight card: not valid JSON ({error}).", "Get the file again.") from error
        problem = _problem(values)
        if problem:
            raise WeightsMismatch(path, f"is no weight card of this version: {problem}.", "Get the file again.")
        return cls(**{**values, "value_range": tuple(values.get("value_range", (0.0, 1.0)))})


_WORDS = ("name", "model", "file", "sha256", "source", "licence", "paper", "data", "recipe", "normalisation", "commit")
_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(_WORDS, (str,)),
    **dict.fromkeys(("n_bytes", "size_in", "size_out", "n_parameters"), (int,)),
    **dict.fromkeys(("settings", "metrics"), (dict,)),
    "free_use": (bool,),
    "n_frames": (int, type(None)),
    "value_range": (list,),
}


def _problem(values: object) -> str:
    """What is wrong with the parsed content of a card; an empty string when nothing is."""
    if not isinstance(values, dict):
        return "not a JSON object"
    required = {each.name for each in fields(WeightCard) if each.default is MISSING and each.default_factory is MISSING}
    absent, unknown = sorted(required - values.keys()), sorted(values.keys() - _KINDS.keys())
    if absent or unknown:
        return "; ".join([*(f"lacks {name!r}" for name in absent), *(f"has the unknown field {name!r}" for name in unknown)])
    wrong = [name for name, value in values.items() if not _is_of(value, _KINDS[name])]
    value_range = values.get("value_range", [0.0, 1.0])
    if not wrong and not (len(value_range) == 2 and all(isinstance(end, int | float) for end in value_range)):
        wrong = ["value_range"]
    return f"the value of {wrong[0]!r} is of the wrong kind" if wrong else ""


def _is_of(value: object, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, bool):  # which Python counts as an int
        return bool in kinds
    return isinstance(value, kinds)


def card_path(weights: str | Path) -> Path:
    """Where the card of a weight file lies: the same name with `.json`."""
    return Path(weights).with_suffix(".json")


def load_card(path: str | Path) -> WeightCard:
    """Read the card of a weight file.

    Args:
        path: the weight file, or the card itself.

    Raises:
        InputError: no card lies there.
        WeightsMismatch: it is no valid card.
    """
    place = card_path(path)
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputError(place, "there is no weight card.", "The card (JSON) lies beside the weight file; get both.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(place, f"cannot be read ({error}).", "Get the card again.") from error
    return WeightCard.from_json(text, path=place)


def markdown_table(cards: Iterable[WeightCard]) -> str:
    """The cards as a Markdown table, one row each, for `pretrained/README.md`."""
    heads = ["name", "model", "file", "MB", "parameters", "frames", "in → out [px]", "licence", "commercial use"]
    heads += ["data", "measured"]
    rows = [heads, ["---"] * len(heads), *(_row(card) for card in cards)]
    return "".join("| " + " | ".join(_cell(cell) for cell in row) + " |\n" for row in rows)


def _row(card: WeightCard) -> list[str]:
    return [
        card.name,
        card.model,
        card.file,
        f"{card.n_bytes / 1e6:.1f}",
        f"{card.n_parameters:,}",
        "any" if card.n_frames is None else str(card.n_frames),
        f"{card.size_in} → {card.size_out}",
        card.licence,
        "yes" if card.free_use else "no",
        card.data,
        ", ".join(_figure(name, value) for name, value in card.metrics.items() if not isinstance(value, list | dict)),
    ]


def _figure(name: str, value: object) -> str:
    return f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"


def _cell(words: str) -> str:
    return " ".join(words.split()).replace("|", "\\|")
