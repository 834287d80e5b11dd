"""Finding and reading the few-shot GAN's two weight files, as published (Keras) or converted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from sharpening.errors import WeightsMismatch, WeightsMissing
from sharpening.models.few_shot.h5 import decoder_to_house, encoder_to_house, read_h5
from sharpening.models.few_shot.model import FewShotNet
from sharpening.weights.store import find, load_into, load_state

__all__ = ["DECODER_NAME", "ENCODER_NAME", "load_few_shot_net"]

ENCODER_NAME, DECODER_NAME = "few-shot-encoder", "few-shot-decoder"
"""What the two files are called here."""

_FILES = {ENCODER_NAME: "encoder.h5", DECODER_NAME: "decoder.h5"}
_PARTS = ("encoder", "decoder", ENCODER_NAME, DECODER_NAME)
_SUFFIXES = (".safetensors", ".h5", ".pt", ".pth")
_SOURCE = "github.com/shaoanlu/fewshot-face-translation-GAN (Google Drive; no licence is stated)"


def load_few_shot_net(weights: str | Path | None = None, *, pretrained: str | Path | None = None) -> FewShotNet:
    """The net, frozen; its sizes are read off the tensors.

    Args:
        weights: a folder with `encoder.h5` and `decoder.h5` (or the two converted, "few-shot-encoder" and "few-shot-decoder"), one of
            the two, or one converted file with both (`encoder.…`, `decoder.…`) or its name. When left out the two are looked for by name.
        pretrained: folder to search names in first.

    Raises:
        WeightsMissing: a file is nowhere; the message says where it comes from.
        WeightsMismatch: a file is not what it should be.
    """
    folder = None if weights is None else Path(weights)
    if folder is not None and not folder.is_dir():
        path = find(folder, pretrained)
        if path.stem not in _PARTS:
            return _filled(load_state(path), path)
        folder = path.parent  # one of the two: the other lies beside it
    state: dict[str, Tensor] = {}
    for name, part in ((ENCODER_NAME, "encoder"), (DECODER_NAME, "decoder")):
        path = _one(name, folder, pretrained)
        state |= {f"{part}.{key}": value for key, value in _read(path, part).items()}
    return _filled(state, folder or path)


def _one(name: str, folder: Path | None, pretrained: str | Path | None) -> Path:
    file = _FILES[name]
    places = [Path(place) for place in (folder, pretrained) if place is not None]
    near = [place / f"{stem}{suffix}" for place in places for stem in (name, Path(file).stem) for suffix in _SUFFIXES]
    found = next((path for path in near if path.is_file()), None)
    if found is not None:
        return found
    advice = f"Get {file} of {_SOURCE}, then: sharpening weights import {file} --as {name}."
    if folder is not None:
        raise WeightsMissing(name, [folder], f"Wanted {file} or {name}.safetensors in it. {advice}")
    try:
        return find(name, pretrained)
    except WeightsMissing as error:
        raise WeightsMissing(name, error.searched, f"{advice} Or give the folder with both files.") from error


def _read(path: Path, part: str) -> dict[str, Tensor]:
    if path.suffix.lower() != ".h5":
        return {key.removeprefix(f"{part}."): value for key, value in load_state(path).items()}
    try:
        return (encoder_to_house if part == "encoder" else decoder_to_house)(read_h5(path))
    except WeightsMismatch as error:
        # The converter knows no file name.
        raise error if error.path == str(path) else WeightsMismatch(path, error.problem) from error


def _filled(state: Mapping[str, Tensor], path: Path) -> FewShotNet:
    first, last = state.get("encoder.convs.0.weight"), state.get("decoder.last.weight")
    style, hidden = state.get("decoder.style.dense.0.weight"), state.get("decoder.spade_0.spade_0.hidden.weight")
    if (
        first is None
        or last is None
        or style is None
        or hidden is None
        or style.ndim != 2
        or 0 in (*style.shape, len(first), len(hidden))
    ):
        shown = ", ".join(list(state)[:3]) or "nothing"
        raise WeightsMismatch(path, f"holds no few-shot net: it begins with {shown}.", f"Wanted: the two files of {_SOURCE}.")
    with torch.device("meta"):
        network = FewShotNet(len(first), style.shape[1], style.shape[0], len(hidden))
    return load_into(network.to_empty(device="cpu"), state, source=path).requires_grad_(False).eval()
