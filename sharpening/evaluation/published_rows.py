"""Rows that are filled by files of others: which file each needs, and whether it is there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sharpening.errors import WeightsMissing
from sharpening.evaluation.methods import Method, fitted
from sharpening.models.published import published_files
from sharpening.reconstruct.finetune.method import create_finetuner
from sharpening.weights.card import WeightCard, card_path, load_card
from sharpening.weights.store import find

__all__ = ["FINETUNE_METHODS", "FROM_FILES", "found_file", "known_by", "single_frame_after"]

_GENERATORS = ("stylegan-ffhq", "pulse-synthesis", "stylegan-ffhq-port")
# Row → names of files any of which fills it, and names of those that it needs beside that one.
FROM_FILES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "PULSE": (("pulse-synthesis", "stylegan-ffhq", "stylegan-ffhq-port"), ()),
    "PSFR-GAN": (("psfrgan-generator",), ("psfrgan-parsenet",)),
    "StyleGAN editor": (_GENERATORS, ("vgg16",)),
    "Few-Shot": (("few-shot-encoder",), ("few-shot-decoder", "ir_se50")),
    "InterFaceGAN": (_GENERATORS, ("stylegan_ffhq_pose_w_boundary", "vgg16")),
}
FINETUNE_METHODS = {"PULSE": "pulse", "PSFR-GAN": "psfr-gan"}


def found_file(label: str, given: Mapping[str, str], pretrained: str | Path | None) -> tuple[Path | None, str]:
    """The file that fills a row, or None and what is missing.

    Args:
        label: a row of `FROM_FILES`.
        given: rows and the files that the user named for them.
        pretrained: folder to search names in first.
    """
    names, also = FROM_FILES[label]
    first = _first((given[label],) if label in given else names, pretrained)
    if first is None:
        return None, f"needs {given[label]}" if label in given else f"needs {_words(names[0])}"
    missing = [name for name in also if _first((name,), pretrained) is None]
    return (None, f"needs {' and '.join(map(_words, missing))}") if missing else (first, "")


def _first(names: tuple[str, ...], pretrained: str | Path | None) -> Path | None:
    for name in names:
        try:
            return find(name, pretrained)
        except WeightsMissing:
            continue
    return None


def _words(name: str) -> str:
    entry = published_files()[name]
    return f"{entry.file} (sharpening weights where {name})"


def known_by(file: Path) -> tuple[tuple[WeightCard, ...], dict[str, Any]]:
    """What a row depends on: the file's card, or its hash where it has none."""
    if card_path(file).is_file():
        return (load_card(file),), {}
    return (), {"file": hashlib.sha256(file.read_bytes()).hexdigest()}


def single_frame_after(build: Callable[[], Method], how: str, weights: Path, pretrained: str | Path | None) -> Method:
    """A multi-frame method, and behind it a finetuner of others, picture by picture."""
    first, second = build(), create_finetuner(how, weights=weights, pretrained=pretrained)

    def run(frames: Tensor) -> Tensor:
        # What it makes is measured as it is, harm included; `reconstruct` would undo a change of person.
        pictures = first(frames)
        made = [second(picture.float().cpu())[None] for picture in pictures]
        return torch.cat([fitted(picture, pictures) for picture in made])

    return run
