"""Masks of the parts of a base picture: found, checked, joined (thesis section 2.3)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.mask import check_mask
from sharpening.models.face_seg.landmark_masks import as_tensors, landmark_masks
from sharpening.models.face_seg.margins import face_scale, with_margins
from sharpening.models.face_seg.parser import FaceParser
from sharpening.models.face_seg.parts import part_names
from sharpening.reconstruct.view import View
from sharpening.weights.store import find

__all__ = ["check_part_masks", "find_masks", "union"]


def find_masks(
    view: View,
    *,
    how: str | Path | FaceParser = "landmarks",
    margin: float | None = None,
    clean: Callable[[Tensor], Tensor] | None = None,
    pretrained: str | Path | None = None,
) -> dict[str, Tensor]:
    """Masks of all parts of a picture.

    Args:
        view: the picture and its landmarks.
        how: "landmarks", which needs nothing; or a published face parser: its name, its file, or itself, already loaded.
        margin: how far each mask reaches beyond its part [eye distances]; None for the tested default of each part.
        clean: what makes the copy that a parser looks at, `[3, H, W]` to `[3, h, w]`; masks from landmarks do not ask it.
        pretrained: folder to search a parser's name in first.

    Returns:
        float32 `[1, H, W]` of each part of `PARTS`, 1 = the part.

    Raises:
        RangeError: for a margin under 0.
        WeightsMissing, WeightsMismatch: there is no such parser.
    """
    height, width = view.picture.shape[-2:]
    if how == "landmarks":
        return landmark_masks(view.landmarks, (height, width), margin=margin)
    parser = how if isinstance(how, FaceParser) else _parser(how, pretrained)
    cores = parser.part_masks(view.picture, view.landmarks, clean=clean)
    bare = {part: core[0].numpy() > 0.5 for part, core in cores.items()}
    return as_tensors(with_margins(bare, face_scale(view.landmarks), margin))


def _parser(weights: str | Path, pretrained: str | Path | None) -> FaceParser:
    try:
        path = find(weights, pretrained)
    except FileNotFoundError:
        return FaceParser(weights, pretrained=pretrained)  # which says where to get it
    return _loaded(path, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=2)
def _loaded(path: Path, changed: int) -> FaceParser:
    """A parser read once for all frames, and again only when its file has changed."""
    return FaceParser(path)


def check_part_masks(masks: Mapping[str, Tensor], size: tuple[int, int]) -> None:
    """Refuse masks that do not fit a picture, as those that a user drew.

    Args:
        masks: of parts.
        size: height and width of the picture [px].

    Raises:
        RangeError: for a name that is no part, whole numbers or truth values, or values outside 0 … 1.
        ShapeError: for another size.
    """
    wanted = [1, *size]
    for part, mask in masks.items():
        if part_names(part) != (part,):
            raise RangeError("part", repr(part), f"single parts: {', '.join(part_names(part))}")
        if list(mask.shape) != wanted:
            advice = "A mask lies on the base, pixel by pixel; draw it on the enlarged picture, not on the frame."
            raise ShapeError(f"mask of {part}", list(mask.shape), f"{wanted}", advice)
        check_mask(mask)


def union(masks: Mapping[str, Tensor], parts: Iterable[str]) -> Tensor:
    """One mask of several parts: at each pixel the largest of theirs.

    Args:
        masks: of parts, `[1, H, W]` each.
        parts: names of parts or groups; at least one.

    Returns:
        `[1, H, W]`.

    Raises:
        RangeError: for no part, an unknown one, or one that has no mask.
    """
    names = [name for word in parts for name in part_names(word)]
    if not names:
        raise RangeError("parts", "none", "at least one part", f"There are {', '.join(masks)}.")
    if missing := [name for name in names if name not in masks]:
        raise RangeError("parts", ", ".join(missing), f"some of {', '.join(masks)}", "There is no mask of them.")
    return torch.stack([masks[name] for name in names]).amax(dim=0)
