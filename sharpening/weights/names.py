"""Short names of weights that the project ships, and the places where weights are looked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sharpening.errors import SharpeningError

if TYPE_CHECKING:
    from sharpening.weights.card import WeightCard

__all__ = ["NAMES", "found_weights", "search_places", "true_name"]

NAMES = {"default": "fusion_small_perceptual", "fidelity": "fusion_small"}
"""Short name → name of the weights, as in `pretrained/`."""


def true_name(name: str) -> str:
    """The name of the weights behind a short one; any other name or path stays as it is.

    >>> true_name("default"), true_name("mine.safetensors")
    ('fusion_small_perceptual', 'mine.safetensors')
    """
    return NAMES.get(name, name)


def search_places(pretrained: str | Path | None = None) -> list[tuple[str, Path | None]]:
    """Where `store.find` looks, in its order: what each place is, and its folder (None where it is not set)."""
    from sharpening.weights.store import _places

    return _places(pretrained)


def found_weights(pretrained: str | Path | None = None) -> Iterator[tuple[Path, WeightCard | SharpeningError]]:
    """All weight files in the searched places, each with its card, or with the error that its card gives."""
    from sharpening.weights.card import load_card

    for folder in dict.fromkeys(place for _, place in search_places(pretrained) if place is not None and place.is_dir()):
        for file in sorted(folder.glob("*.safetensors")):
            try:
                yield file, load_card(file)
            except SharpeningError as error:
                yield file, error
