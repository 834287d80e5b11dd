"""Boundaries: the normal of the plane that parts codes of faces with an attribute from codes of faces without it.

Source: Shen et al., "Interpreting the latent space of GANs for semantic face editing", CVPR 2020, arXiv:1907.10786; names and form of the
files as in genforce/interfacegan.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharpening.errors import InputError, WeightsMismatch, WeightsMissing
from sharpening.weights.names import search_places
from sharpening.weights.store import find, is_web_page, load_state

__all__ = ["KEY", "Boundary", "find_boundary", "load_boundary", "read_npy", "space_of"]

KEY = "boundary"
"""Name of the one tensor in a boundary's safetensors file."""

_LARGEST = 1 << 20  # bytes: a published file has 4224
_LONGEST = 1e-3  # how far a normal's length may lie from 1: half precision rounds that much
_ADVICE = "Wanted is one row of floats, as in genforce/interfacegan's boundaries."


@dataclass(frozen=True, eq=False)
class Boundary:
    """A unit vector in the space of codes, pointing to where the attribute grows.

    Attributes:
        normal: float64 `[n_latent]`, of length 1.
        space: "z", "w" (for W and W+), or "" where it is not known.
        name: of the file, without suffix.
    """

    normal: Tensor
    space: str = ""
    name: str = ""


def space_of(name: str) -> str:
    """The space that a boundary suits, by its published name: "w" (W and W+), "z", or "" for other names.

    >>> space_of("stylegan_ffhq_pose_w_boundary"), space_of("stylegan_ffhq_pose_boundary"), space_of("mine")
    ('w', 'z', '')
    """
    if name.endswith("_w_boundary"):
        return "w"
    return "z" if name.endswith("_boundary") else ""


def read_npy(path: str | Path) -> dict[str, Tensor]:
    """Read a published boundary.

    Args:
        path: the `.npy`; pickled objects in it are never read.

    Returns:
        The one tensor `boundary`, in its own shape and precision.

    Raises:
        InputError: there is no such file, or it cannot be read.
        WeightsMismatch: it is no array of floats, damaged, a web page, or larger than a boundary can be.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror}).", "Check the name and the permissions.") from error
    if is_web_page(data[:512]):
        raise WeightsMismatch(
            path, "is a web page, not weights.", "Save the file itself: on GitHub that is the button Download raw file."
        )
    if len(data) > _LARGEST:
        raise WeightsMismatch(path, f"is larger than {_LARGEST >> 20} MiB.", _ADVICE)
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except Exception as error:  # a damaged header makes the reader raise nearly anything
        reason = str(error).strip().split("\n")[0][:200]
        raise WeightsMismatch(path, f"is damaged, or no array ({type(error).__name__}: {reason}).", _ADVICE) from error
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or array.dtype.itemsize > 8:
        raise WeightsMismatch(path, f"holds {getattr(array, 'dtype', type(array).__name__)}, not floats.", _ADVICE)
    return {KEY: torch.from_numpy(np.array(array, array.dtype.newbyteorder("="), order="C"))}


def load_boundary(boundary: str | Path, *, pretrained: str | Path | None = None) -> Boundary:
    """Load a boundary, published or of one's own.

    Args:
        boundary: name or path: an `.npy` as published, or safetensors with the tensor `boundary`.
        pretrained: folder to search names in first.

    Returns:
        The boundary; its space follows from the file's name, as in the publication.

    Raises:
        WeightsMissing: it is nowhere.
        InputError, WeightsMismatch: it cannot be read, is no vector of floats, or not of length 1.
    """
    path = find_boundary(boundary, pretrained)
    state: Mapping[str, Any] = read_npy(path) if path.suffix.lower() == ".npy" else load_state(path)
    if set(state) != {KEY}:
        raise WeightsMismatch(path, f"holds {', '.join(list(state)[:4])}, not one tensor '{KEY}'.", _ADVICE)
    shape = list(state[KEY].shape)
    if not state[KEY].is_floating_point() or len(shape) not in (1, 2) or shape[:-1] not in ([], [1]) or shape[-1] < 1:
        raise WeightsMismatch(path, f"has the shape {shape}, wanted [1, n].", _ADVICE)
    normal = state[KEY].double().flatten()
    length = float(normal.norm())
    if not abs(length - 1) <= _LONGEST:  # NaN too
        raise WeightsMismatch(
            path, f"has the length {length:.4g}, wanted a normal of length 1.", "Divide it by its length, if it is one."
        )
    return Boundary(normal / length, space_of(path.stem), path.stem)


def find_boundary(boundary: str | Path, pretrained: str | Path | None = None) -> Path:
    """Find a boundary's file: as `weights.store.find`, and in the same places also as `.npy`.

    Args:
        boundary: name or path.
        pretrained: folder to search first.

    Raises:
        WeightsMissing: it is nowhere; the message names all places and how to get it.
    """
    try:
        return find(boundary, pretrained)
    except WeightsMissing as error:
        name = Path(boundary).name
        folders = [folder for _, folder in search_places(pretrained) if folder is not None]
        raw = [folder / f"{name.removesuffix('.npy')}.npy" for folder in folders] if name == str(boundary) else []
        found = next((path for path in raw if path.is_file()), None)
        if found is None:
            advice = f"Get {Path(name).stem}.npy of genforce/interfacegan (MIT), then: sharpening weights import FILE."
            raise WeightsMissing(str(boundary), error.searched, advice) from error
        return found
