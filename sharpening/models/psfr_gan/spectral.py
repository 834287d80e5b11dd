"""Spectral norm in weight files: its triples become plain weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sharpening.errors import WeightsMismatch

__all__ = ["fold_spectral_norm", "plain_key"]

# The names after "weight" of the stored matrix and of its two vectors: as torch's first form writes them, and as its parametrisation does.
_FORMS = (
    ("weight_orig", "weight_u", "weight_v"),
    ("parametrizations.weight.original", "parametrizations.weight.0._u", "parametrizations.weight.0._v"),
)


def plain_key(key: str) -> str:
    """The name that a stored matrix will have when it is folded; other names stay.

    >>> plain_key("head.0.weight_orig"), plain_key("head.0.bias")
    ('head.0.weight', 'head.0.bias')
    """
    for matrix, *_ in _FORMS:
        if key.endswith("." + matrix):
            return key.removesuffix(matrix) + "weight"
    return key


def fold_spectral_norm(state: Mapping[str, Tensor], *, source: str = "state") -> dict[str, Tensor]:
    """Divide each matrix by its largest singular value as stored, u · W v, and leave the vectors out.

    That is what the network computes with outside training, where the vectors are not improved any more.

    Args:
        state: named tensors, with triples of either form or without.
        source: where they came from, for the error message.

    Returns:
        Named tensors, float32 where there was a triple.

    Raises:
        WeightsMismatch: when a vector lacks or does not fit its matrix, or the two span nothing.
    """
    plain, vectors = {}, set()
    for key, value in state.items():
        form = next((form for form in _FORMS if key.endswith("." + form[0])), None)
        if form is None:
            plain[key] = value
            continue
        names = [key.removesuffix(form[0]) + name for name in form[1:]]
        vectors |= set(names)
        plain[plain_key(key)] = _divided(value, [state.get(name) for name in names], key, source)
    return {key: value for key, value in plain.items() if key not in vectors}


def _divided(weight: Tensor, vectors: list[Tensor | None], key: str, source: str) -> Tensor:
    u, v = vectors
    if weight.ndim == 0:
        raise WeightsMismatch(source, f"{key} is a single number.", "It belongs to another net.")
    rows = weight.flatten(1).double() if weight.ndim > 1 else weight[:, None].double()
    if u is None or v is None or u.shape != rows.shape[:1] or v.shape != rows.shape[1:]:
        got = [None if each is None else list(each.shape) for each in vectors]
        problem = f"the vectors of {key} are {got}, wanted [{rows.shape[0]}] and [{rows.shape[1]}]."
        raise WeightsMismatch(source, problem, "Get the file again.")
    norm = torch.dot(u.double(), rows @ v.double())
    if not bool(norm.abs() > 1e-12):
        raise WeightsMismatch(
            source, f"the spectral norm of {key} is {float(norm):g}, so it cannot be folded.", "Get the file again."
        )
    return (weight.double() / norm).float()
