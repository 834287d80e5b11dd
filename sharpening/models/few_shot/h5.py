"""Reading the Keras weight files of the few-shot face translation GAN (`encoder.h5`, `decoder.h5`).

A Keras file lists its layers, and each layer its weights; nothing in it is run. What the layers of the published files are called is not
known to us, so they are told by shape, and layers of one shape by their order, which Keras takes from the way the data flow. Two pairs of
twins remain that flow side by side, gain and offset of AdaIN and of SPADE: for them the order is a setting.
"""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sharpening.errors import InputError, RangeError, SharpeningError, WeightsMismatch
from sharpening.models.few_shot.model import FewShotDecoder, FewShotEncoder
from sharpening.weights.store import is_web_page

__all__ = ["TWINS", "decoder_to_house", "encoder_to_house", "read_h5", "to_house"]

TWINS = ("ada", "spade")
"""Where gain and offset are twins."""

_INSTALL = "pip install 'sharpening[few-shot]'"
_LARGEST = 80_000_000  # numbers in a file: the larger of the two nets has 31 million
_MOST = 4000  # tensors in a file
_SHOWN = 3
_OTHER = {"gain": "offset", "offset": "gain"}


def read_h5(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a Keras weight file, in the order of its layers, as they are stored.

    Args:
        path: what `save_weights` or `save` of Keras wrote, `.h5`.

    Returns:
        float32 tensors by "layer/name of the weight"; kernels still are `[h, w, in, out]` or `[in, out]`.

    Raises:
        SharpeningError: h5py is not installed.
        InputError: there is no such file.
        WeightsMismatch: it is no whole Keras weight file, or holds NaN or infinity.
    """
    path = Path(path)
    if importlib.util.find_spec("h5py") is None:
        raise SharpeningError(f"Reading {path.name} needs the library h5py, which is not installed: {_INSTALL}")
    if not path.is_file():
        raise InputError(path, "there is no such file.", "Check the name.")
    import h5py

    with path.open("rb") as raw:
        if is_web_page(raw.read(512)):
            raise WeightsMismatch(
                path, "is a web page, not weights.", "Open the link in a browser, confirm, and save the file itself."
            )
    try:
        with h5py.File(path, "r") as file:
            front = "model_weights/" if "model_weights" in file else ""
            state = dict(_tensors(h5py, file, front, path))
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, UnicodeDecodeError) as error:
        if isinstance(error, SharpeningError):
            raise
        reason = str(error).strip().split("\n")[0][:200]
        raise WeightsMismatch(path, f"is no whole Keras weight file ({reason}).", "Get the file again.") from error
    if not state:
        raise WeightsMismatch(path, "holds no weights.", "It may be another file of Keras; wanted encoder.h5 or decoder.h5.")
    return state


def _tensors(h5py: Any, file: Any, front: str, path: Path) -> Iterator[tuple[str, Tensor]]:
    left = _LARGEST
    for layer in _names(_own(h5py, file, front), "layer_names"):
        for name in _names(_own(h5py, file, f"{front}{layer}"), "weight_names"):
            data = _own(h5py, file, f"{front}{layer}/{name}")
            if not isinstance(data, h5py.Dataset) or data.dtype.kind != "f" or data.external or data.is_virtual:
                raise WeightsMismatch(
                    path, f"{layer}/{name} is no array of floating point numbers in this file.", "Get the file again."
                )
            left -= data.size
            if left < 0:
                raise WeightsMismatch(path, f"has more than {_LARGEST:,} numbers.", "It belongs to another net.")
            values = np.asarray(data, np.float32)
            if not np.isfinite(values).all():
                raise WeightsMismatch(path, f"holds NaN or infinity in {layer}/{name}.", "Get the file again.")
            yield f"{layer}/{name}", torch.from_numpy(np.array(values))


def _own(h5py: Any, file: Any, place: str) -> Any:
    """What lies at a place, followed step by step: a link into another file would let a weight file read what it likes."""
    found = file
    for part in filter(None, place.split("/")):
        if part == ".." or not isinstance(found.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"{place} leads out of the file")
        found = found[part]
    return found


def _names(group: Any, attribute: str) -> list[str]:
    """A list of names; Keras cuts long ones into numbered pieces."""
    pieces = [group.attrs[attribute]] if attribute in group.attrs else []
    while f"{attribute}{len(pieces)}" in group.attrs and attribute not in group.attrs:
        pieces.append(group.attrs[f"{attribute}{len(pieces)}"])
    if not pieces:
        raise KeyError(f"no {attribute}")
    names = [name.decode("utf-8") if isinstance(name, bytes) else str(name) for piece in pieces for name in piece]
    if len(names) > _MOST:
        raise ValueError(f"{len(names)} {attribute}")
    return names


def encoder_to_house(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of `encoder.h5` (see `read_h5`) by the names and in the layout of `FewShotEncoder`.

    Raises:
        WeightsMismatch: when they do not fit it.
    """
    width = next((int(value.shape[-1]) for value in state.values() if value.ndim == 4), 64)
    with torch.device("meta"):
        network = FewShotEncoder(_some_number(width))
    return to_house(state, network)


def decoder_to_house(state: Mapping[str, Tensor], *, offset_first: Collection[str] = ()) -> dict[str, Tensor]:
    """Tensors of `decoder.h5` (see `read_h5`) by the names and in the layout of `FewShotDecoder`.

    Args:
        state: as stored.
        offset_first: those of `TWINS` whose offset stands before its gain in the file. If the faces of a converted net have wild colours,
            try the other orders.

    Raises:
        WeightsMismatch: when they do not fit it.
        RangeError: for other names in `offset_first`.
    """
    shapes = [tuple(value.shape) for value in state.values()]
    dense = next((shape for shape in shapes if len(shape) == 2), (512, 256))
    last = next((shape for shape in shapes if len(shape) == 4 and shape[0] == 4 and shape[3] == 3), (4, 4, 64, 3))
    hidden = next((shape for shape in shapes if len(shape) == 4 and shape[:3] == (3, 3, 3)), (3, 3, 3, 128))
    with torch.device("meta"):
        network = FewShotDecoder(*map(_some_number, (last[2], *dense, hidden[3])))
    return to_house(state, network, offset_first=offset_first)


def _some_number(size: int) -> int:
    if size < 1:
        raise WeightsMismatch("Keras file", "holds empty tensors.", "Get the file again.")
    return size


def to_house(state: Mapping[str, Tensor], network: nn.Module, *, offset_first: Collection[str] = ()) -> dict[str, Tensor]:
    """Tensors as Keras stores them, by the names and in the layout of a network.

    Kernels `[h, w, in, out]` become `[out, in, h, w]`, those of dense layers are transposed. Layers are told by the shapes of all their
    weights; those of one shape follow each other as in the file.

    Args:
        state: see `read_h5`.
        network: with layers in the order of the data.
        offset_first: see `decoder_to_house`.

    Raises:
        WeightsMismatch: when a layer of the network finds none in the file, or one is left over.
    """
    if unknown := set(offset_first) - set(TWINS):
        raise RangeError("offset_first", sorted(unknown), f"names out of {', '.join(TWINS)}")
    waiting: dict[tuple[tuple[int, ...], ...], list[list[Tensor]]] = defaultdict(list)
    for weights in _layers(state).values():
        waiting[tuple(tuple(weight.shape) for weight in weights)].append(weights)
    found: dict[str, Tensor] = {}
    for name, module in _in_order(network, offset_first):
        own = dict(module.named_parameters(recurse=False))
        shape = tuple(tuple(value.shape) for value in own.values())
        if not waiting[shape]:
            raise WeightsMismatch(
                "Keras file", _lack(name, shape, waiting), "Wanted encoder.h5 or decoder.h5 of the published net."
            )
        found |= {f"{name}.{key}": value.contiguous() for key, value in zip(own, waiting[shape].pop(0), strict=True)}
    over = {shape: len(layers) for shape, layers in waiting.items() if layers}
    if over:
        shown = ", ".join(f"{count} of {_words(shape)}" for shape, count in list(over.items())[:_SHOWN])
        problem = f"has layers that {type(network).__name__} does not know: {shown}."
        raise WeightsMismatch("Keras file", problem, "It belongs to another net.")
    return {key: found[key] for key in network.state_dict()}


def _layers(state: Mapping[str, Tensor]) -> dict[str, list[Tensor]]:
    """Weights of each layer, in torch's layout. A model inside a model has several layers under one name of the file."""
    layers: dict[str, list[Tensor]] = defaultdict(list)
    for key, value in state.items():
        turned = value.permute(3, 2, 0, 1) if value.ndim == 4 else value.T if value.ndim == 2 else value
        layers[key.rpartition("/")[0]].append(turned)
    return layers


def _in_order(network: nn.Module, offset_first: Collection[str]) -> Iterator[tuple[str, nn.Module]]:
    """The layers with weights of their own, by name; those that share a shape are in the order of the data."""
    layers = {name: module for name, module in network.named_modules() if list(module.parameters(recurse=False))}
    for name in layers:
        stem, _, leaf = name.rpartition(".")
        # Of "spade_1.spade_0.gain" and "ada_0.gain" the first word tells the kind.
        if leaf in _OTHER and name.split("_")[0] in offset_first:
            name = f"{stem}.{_OTHER[leaf]}"
        yield name, layers[name]


def _lack(name: str, shape: tuple[tuple[int, ...], ...], waiting: Mapping[tuple[tuple[int, ...], ...], list[list[Tensor]]]) -> str:
    left = ", ".join(_words(each) for each, layers in list(waiting.items()) if layers)[:200] or "nothing"
    return f"has no layer for {name} with {_words(shape)}; left in it: {left}."


def _words(shape: tuple[tuple[int, ...], ...]) -> str:
    return " and ".join(str(list(each)) for each in shape)
