"""Weights of the authors' PyTorch BiO-Net in and out of our `PublishedBioNet`: names only, no numbers.

Theirs repeats each shared convolution once an iteration; ours has it once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from sharpening.errors import WeightsMismatch

__all__ = ["from_published", "to_published"]

_SHOWN = 6
# Parts that exist once: (theirs, ours). In a row of units every third place is a convolution, the one after the next its norm.
_ONCE = {"pre_transform_conv_block": "stem", "middles": "middle", "post_transform_conv_block": "head"}
_LEVEL = {"encoder_convs": "encoder", "encoder_down": "encoder", "decoder_convs": "decoder", "decoder_up": "decoder"}

_THEIRS = re.compile(rf"(?:iteration(\d+)_layer(\d+)_({'|'.join(_LEVEL)})|({'|'.join(_ONCE)}))\.(\d+)\.(\w+)")
_OURS = re.compile(r"(?:(encoder|decoder)\.(\d+)\.(units\.\d+|onward)|(stem|middle|head)\.(\d+))\.(?:conv|norms\.(\d+))\.(\w+)")


def _our_name(key: str) -> str | None:
    match = _THEIRS.fullmatch(key)
    if match is None:
        return None
    iteration, level, kind, once, place, leaf = match.groups()
    unit, role = divmod(int(place), 3)
    if once is not None:
        if (once, unit, role) == ("post_transform_conv_block", 2, 0):
            return f"last.{leaf}"
        prefix = f"{_ONCE[once]}.{unit}"
    else:
        prefix = f"{_LEVEL[kind]}.{level}." + (f"units.{unit}" if kind.endswith("convs") else "onward")
    layers = {0: "conv", 2: f"norms.{iteration or 0}"}
    return f"{prefix}.{layers[role]}.{leaf}" if role in layers else None


def from_published(state: Mapping[str, Tensor], source: str = "state of a published BiO-Net") -> dict[str, Tensor]:
    """Rename the state of the authors' BiO-Net for our `PublishedBioNet`.

    Args:
        state: Theirs. The shared convolutions may stand there once an iteration, as `state_dict` writes them, or less often, as
            writers do that leave out tensors seen before.
        source: What to call it in an error.

    Returns:
        Ours, each tensor once.

    Raises:
        WeightsMismatch: at a name that such a network does not have, or where the copies of a shared tensor differ; all are named.
    """
    ours: dict[str, Tensor] = {}
    unknown: list[str] = []
    differing: list[str] = []
    for key, value in state.items():
        name = _our_name(key)
        if name is None:
            unknown.append(key)
        elif name in ours and not torch.equal(ours[name], value):
            differing.append(key)
        else:
            ours[name] = value
    if unknown:
        raise WeightsMismatch(source, f"{_some(unknown)}: part of no published BiO-Net.", "Give its state_dict as it is.")
    if differing:
        problem = f"{_some(differing)}: differs from the same tensor of another iteration, but all iterations share it."
        raise WeightsMismatch(source, problem, "The file is damaged, or of a network with weights of each iteration's own.")
    return ours


def to_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The way back: rename the state of our `PublishedBioNet` for the authors', with the shared tensors once an iteration.

    Raises:
        WeightsMismatch: at a name that our network does not have.
    """
    n_iterations = 1 + max((int(match[6]) for match in map(_OURS.fullmatch, state) if match and match[6]), default=0)
    return {name: value for key, value in state.items() for name in _their_names(key, n_iterations)}


def _their_names(key: str, n_iterations: int) -> Iterator[str]:
    if key.startswith("last."):
        yield f"post_transform_conv_block.6.{key[5:]}"
        return
    match = _OURS.fullmatch(key)
    if match is None:
        raise WeightsMismatch("state of PublishedBioNet", f"'{key}' is none of its tensors.", "Give its state_dict as it is.")
    part, level, unit, once, place, norm, leaf = match.groups()
    role = 0 if norm is None else 2
    if once is not None:
        theirs = next(name for name, ours in _ONCE.items() if ours == once)
        yield f"{theirs}.{3 * int(place) + role}.{leaf}"
        return
    onward = unit == "onward"
    kind = ({"encoder": "down", "decoder": "up"}[part] if onward else "convs", 0 if onward else 3 * int(unit.split(".")[1]))
    for iteration in range(n_iterations) if norm is None else (int(norm),):
        yield f"iteration{iteration}_layer{level}_{part}_{kind[0]}.{kind[1] + role}.{leaf}"


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:_SHOWN]) + (f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else "")
