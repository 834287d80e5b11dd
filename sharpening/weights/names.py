"""Short names of weights that the project ships, and the places where weights are looked for."""

from __future__ import annotations

from pathlib import Path

__all__ = ["NAMES", "search_places", "true_name"]

NAMES = {"default": "fusion_small"}
"""Short name → name of the weights, as in `pretrained/`."""


def true_name(name: str) -> str:
    """The name of the weights behind a short one; any other name or path stays as it is.

    >>> true_name("default"), true_name("mine.safetensors")
    ('fusion_small', 'mine.safetensors')
    """
    return NAMES.get(name, name)


def search_places(pretrained: str | Path | None = None) -> list[tuple[str, Path | None]]:
    """Where `store.find` looks, in its order: what each place is, and its folder (None where it is not set)."""
    from sharpening.weights.store import _places

    return _places(pretrained)
