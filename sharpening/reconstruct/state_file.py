"""States as files: arrays and one JSON text in a zip, no pickle. What is read is checked before any step sees it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import InputError
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.pose import Pose
from sharpening.models.face_seg.parts import PARTS
from sharpening.reconstruct.align import Alignment
from sharpening.reconstruct.choice import Choice
from sharpening.reconstruct.quality import Quality
from sharpening.reconstruct.select import Pick
from sharpening.reconstruct.settings import Settings
from sharpening.reconstruct.state import State
from sharpening.reconstruct.view import Moved

__all__ = ["read_state", "state_bytes"]

VERSION = 2
LARGEST = 4 << 30  # bytes when unpacked: hundreds of faces of 512 px; more is a bomb

Arrays = dict[str, NDArray[Any]]


def state_bytes(state: State) -> bytes:
    """The content of a state file."""
    buffer = io.BytesIO()
    facts = json.dumps(_facts(state), allow_nan=False)
    np.savez_compressed(buffer, allow_pickle=False, **_arrays(state), facts=np.array(facts))
    return buffer.getvalue()


def _arrays(state: State) -> Arrays:
    named = {name: getattr(state, name) for name in ("evidence", "cleaned", "crossed", "finished", "descriptors", "others")}
    named |= {f"mask.{part}": mask for part, mask in state.masks.items()}
    for index, moved in state.moved.items():
        named |= {f"moved.{index}": moved.picture, f"valid.{index}": moved.valid}
    arrays = {name: tensor.numpy() for name, tensor in named.items() if tensor is not None}
    arrays |= {f"landmarks.{i}": each.points for i, each in enumerate(state.landmarks) if each is not None}
    arrays |= {f"alignment.{i}": each.to_frame for i, each in enumerate(state.alignments) if each is not None}
    if state.quality is not None:
        arrays |= {f"quality.{name}": getattr(state.quality, name) for name in ("score", "likeness", "own")}
    return {"frames": state.frames, **arrays, "gains": np.array([pick.gain for pick in state.picks], np.float64)}


def _facts(state: State) -> dict[str, Any]:
    return {
        "version": VERSION,
        "name": state.name,
        "names": [int(name) for name in state.names],
        "middle": state.middle,
        "base": state.base,
        "why_base": state.why_base,
        "landmarks": [None if each is None else [float(each.sure), each.how] for each in state.landmarks],
        "poses": [None if pose is None else [float(value) for value in astuple(pose)] for pose in state.poses],
        "alignments": [None if each is None else [float(each.likeness), each.how] for each in state.alignments],
        "parts": None if state.quality is None else list(state.quality.parts),
        "picks": [[pick.part, int(pick.frame), pick.why, pick.by_hand] for pick in state.picks],
        "taken": {str(index): list(parts) for index, parts in state.taken.items()},
        "undone": sorted(state.undone),
        "warnings": state.warnings,
        "where": dict(state.where),
        "settings": None if state.settings is None else state.settings.to_dict(),
        "choice": None if state.choice is None else state.choice.to_dict(keep=False),
    }


def read_state(path: str | Path) -> State:
    """Read a file that `Reconstructed.save(keep_state=True)` wrote.

    Raises:
        InputError: it is no such file, of another version, or its content does not fit together.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as packed:
            if (size := sum(info.file_size for info in packed.infolist())) > LARGEST:
                raise ValueError(f"{size / 2**30:.0f} GiB unpacked, at most {LARGEST >> 30} are read")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        facts = json.loads(str(arrays.pop("facts")))
        if facts["version"] != VERSION:
            raise ValueError(f"version {facts['version']}, wanted {VERSION}")
        state = _state(arrays, facts)
        _check(state)
    except Exception as error:  # a damaged zip makes its readers raise nearly anything
        reason = str(error).split("\n")[0] or type(error).__name__
        raise InputError(
            path, f"is no state of a reconstruction ({reason}).", "Make one with sharpening reconstruct --keep-state."
        ) from error
    return state


def _state(arrays: Arrays, facts: Mapping[str, Any]) -> State:
    def tensor(name: str) -> Tensor | None:
        return torch.from_numpy(arrays[name]) if name in arrays else None

    def whole(name: str) -> Tensor:
        return torch.from_numpy(arrays[name])

    rated = [arrays[f"quality.{name}"] for name in ("score", "likeness", "own")] if facts["parts"] is not None else None
    taken = {int(index): tuple(parts) for index, parts in facts["taken"].items()}
    aligned = [None if each is None else Alignment(arrays[f"alignment.{i}"], *each) for i, each in enumerate(facts["alignments"])]
    picks = zip(facts["picks"], arrays["gains"].tolist(), strict=True)
    return State(
        facts["name"],
        arrays["frames"],
        tuple(facts["names"]),
        facts["middle"],
        landmarks=[
            None if each is None else Landmarks(arrays[f"landmarks.{i}"], *each) for i, each in enumerate(facts["landmarks"])
        ],
        poses=[None if pose is None else Pose(*pose) for pose in facts["poses"]],
        base=facts["base"],
        why_base=facts["why_base"],
        alignments=aligned,
        quality=None if rated is None else Quality(tuple(facts["parts"]), *rated),
        picks=[Pick(part, frame, gain, why, by_hand) for (part, frame, why, by_hand), gain in picks],
        masks={name.removeprefix("mask."): whole(name) for name in arrays if name.startswith("mask.")},
        moved={index: Moved(whole(f"moved.{index}"), whole(f"valid.{index}")) for index in taken},
        taken=taken,
        undone=frozenset(facts["undone"]),
        warnings={str(step): [str(each) for each in words] for step, words in facts["warnings"].items()},
        where=dict(facts["where"]),
        settings=None if facts["settings"] is None else Settings.from_dict(facts["settings"]),
        choice=None if facts["choice"] is None else _choice(facts["choice"]),
        **{name: tensor(name) for name in ("evidence", "cleaned", "crossed", "finished", "descriptors", "others")},
    )


def _choice(facts: Mapping[str, Any]) -> Choice:
    return Choice(**{**facts, "frames": tuple(facts["frames"])})


def _check(state: State) -> None:
    """Raise ValueError where pieces do not fit together."""
    n, index = len(state.frames), range(len(state.frames))
    _must(state.frames.dtype == np.uint8 and state.frames.ndim == 4 and state.frames.shape[3] == 3 and n > 0, "frames")
    _must(len(state.names) == len(set(state.names)) == n and all(type(name) is int for name in state.names), "names")
    _must(state.middle in index and state.base in (-1, *index), "middle or base")
    made = {"landmarks": state.cleaned is not None, "poses": state.cleaned is not None, "alignments": state.quality is not None}
    for what, there in made.items():
        _must(len(getattr(state, what)) in ((n,) if there else (0, n)), what)
    _must(
        all(each is None or (each.points.shape == (68, 2) and np.isfinite(each.points).all()) for each in state.landmarks),
        "landmarks",
    )
    _must(all(each is None or each.to_frame.shape == (2, 3) for each in state.alignments), "alignments")
    _must(all(pick.part in PARTS and pick.frame in index for pick in state.picks), "picks")
    _must(set(state.masks) <= set(PARTS) and all(set(parts) <= set(state.masks) for parts in state.taken.values()), "parts")
    _must(set(state.taken) <= set(index), "frames that parts are taken from")
    if state.quality is not None:
        wide = (n, len(state.quality.parts))
        _must(
            set(state.quality.parts) <= set(PARTS) and state.quality.score.shape == state.quality.likeness.shape == wide, "quality"
        )
        _must(state.quality.own.shape == wide[1:], "quality")
    _check_pictures(state, n)


def _check_pictures(state: State, n: int) -> None:
    shape = () if state.cleaned is None else tuple(state.cleaned.shape)
    later = (state.crossed, state.finished, state.others, state.evidence, *state.masks.values())
    _must(bool(shape) or all(each is None for each in later), "cleaned frames")
    _must(not shape or (len(shape) == 4 and shape[:2] == (n, 3)), "cleaned frames")
    wanted: list[tuple[str, Tensor | None, tuple[int, ...]]] = [
        ("evidence", state.evidence, shape),
        ("cleaned", state.cleaned, shape),
    ]
    wanted += [(name, getattr(state, name), shape[1:]) for name in ("crossed", "others")]
    wanted += [(f"mask of {part}", mask, (1, *shape[2:])) for part, mask in state.masks.items()]
    for moved in state.moved.values():
        wanted += [("a moved source", moved.picture, shape[1:]), ("a moved source", moved.valid, (1, *shape[2:]))]
    for what, found, size in wanted:
        _must(found is None or (found.dtype == torch.float32 and tuple(found.shape) == size), what)
    _must(state.finished is None or (state.finished.ndim == 3 and len(state.finished) == 3), "the finished picture")
    _must(state.descriptors is None or (state.descriptors.ndim == 2 and len(state.descriptors) == n), "descriptors")


def _must(fits: bool, what: str) -> None:
    if not fits:
        raise ValueError(f"{what} do not fit the rest")
