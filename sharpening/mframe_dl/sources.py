"""What a source holds: the items that train and the items that validate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sharpening.errors import InputError, RangeError, ShapeError
from sharpening.frames.layouts import Mlfdb, SharedData
from sharpening.frames.listing import sequence_roles, stills
from sharpening.frames.sequence import FrameSequence, read_sequence
from sharpening.imaging.reading import picture_size

__all__ = ["Source", "Split", "Splitter", "find_items", "frames_side", "is_still", "item_name"]

Source = str | Path | Sequence[Any] | Mapping[str, Any]
Splitter = Callable[[Sequence[Any]], tuple[Sequence[int], Sequence[int]]]

_KINDS = ("sequences", "stills")
_LOOKED_INTO = 5
_LONGEST = 64  # pictures: a folder with more of them and without a named label is one of stills


@dataclass(frozen=True)
class Split:
    """Items, and which of them train and validate.

    Attributes:
        items: Folders of frames, stills or `FrameSequence`s.
        train_indices: Into `items`.
        valid_indices: Into `items`.
    """

    items: list[Any]
    train_indices: list[int]
    valid_indices: list[int]

    @property
    def train(self) -> list[Any]:
        """The items that train."""
        return [self.items[i] for i in self.train_indices]

    @property
    def valid(self) -> list[Any]:
        """The items that validate."""
        return [self.items[i] for i in self.valid_indices]

    def cut(self, n_valid: int | None) -> Split:
        """At most `n_valid` items that validate, spread evenly over those there are."""
        if n_valid is None or n_valid >= len(self.valid_indices):
            return self
        chosen = np.linspace(0, len(self.valid_indices) - 1, max(1, n_valid)).round().astype(int)
        return replace(self, valid_indices=[self.valid_indices[i] for i in chosen])


def is_still(item: Any) -> bool:
    """Whether an item is a picture to be damaged, not a sequence."""
    return isinstance(item, str | Path) and not Path(item).is_dir()


def find_items(
    source: Source, *, seed: int = 0, valid_pct: float = 0.2, splitter: Splitter | None = None, kind: str | None = None
) -> Split:
    """Find the items of a source and split them.

    Args:
        source: See `mframe_dls`. A root with `splits.csv`, a folder with `train` and `valid` in it and a mapping with these
            keys bring their own split.
        seed: Of a random split.
        valid_pct: Share that validates in a random split.
        splitter: An own split; it overrides a random one.
        kind: "sequences" or "stills" for a folder; found out when not given.

    Raises:
        InputError: if there is nothing, or too little to split.
        RangeError: for an unknown kind or an impossible share.
        ShapeError: if stills and sequences are mixed.
    """
    if kind is not None and kind not in _KINDS:
        raise RangeError("kind", kind, " or ".join(_KINDS))
    parts = _own_split(source, kind)
    if parts is not None:
        items = [*parts[0], *parts[1]]
        split = Split(items, list(range(len(parts[0]))), list(range(len(parts[0]), len(items))))
    else:
        items = _items(source, kind)
        train, valid = (
            _random_split(source, items, seed, valid_pct, _groups(source, items)) if splitter is None else splitter(items)
        )
        split = Split(items, [int(i) for i in train], [int(i) for i in valid])
    _check(split, source)
    return split


def _own_split(source: Source, kind: str | None) -> tuple[list[Any], list[Any]] | None:
    if isinstance(source, Mapping):
        lacking = [key for key in ("train", "valid") if key not in source]
        if lacking:
            raise InputError(", ".join(map(str, source)) or "empty mapping", f"has no {' and no '.join(lacking)}.", "Give both.")
        return _items(source["train"], kind), _items(source["valid"], kind)
    if not isinstance(source, str | Path):
        return None
    root = Path(source)
    if (root / "splits.csv").is_file():
        data = SharedData(root)
        return list(data.stills("train")), list(data.stills("valid"))
    if (root / "train").is_dir() and (root / "valid").is_dir():
        return _items(root / "train", kind), _items(root / "valid", kind)
    return None


def _items(source: Any, kind: str | None) -> list[Any]:
    if not isinstance(source, str | Path):
        return [Path(item) if isinstance(item, str) else item for item in source]
    root = Path(source)
    folders = Mlfdb(root, n_frames=None, size_in=None, needs_label=False).folders
    if kind == "stills":
        return list(stills(root))
    nameless = [folder for folder in folders if not sequence_roles(folder).labels]
    if len(nameless) < len(folders):
        _check_labels(root, nameless)
    # Without a named label in any of them some folders are looked into: a label may be known by its size.
    elif kind is None and not any(map(_is_labelled, folders[:_LOOKED_INTO])):
        return list(stills(root))
    return list(folders)


def _check_labels(root: Path, nameless: list[Path]) -> None:
    """Where labels are told by their names, a folder without any is an error now, not in the middle of an epoch."""
    lacking = [folder.name for folder in nameless if not _is_labelled(folder)]
    if lacking:
        more = " …" if len(lacking) > 3 else ""
        problem = f"has {len(lacking)} folder(s) without a label: {', '.join(lacking[:3])}{more}"
        raise InputError(root, f"{problem}.", "Put a sharp picture of the middle frame into each (label.png), or take them out.")


def _is_labelled(folder: Path) -> bool:
    roles = sequence_roles(folder)
    if roles.labels or len(roles.frames) > _LONGEST:
        return bool(roles.labels)
    try:
        return read_sequence(folder).label is not None
    except ShapeError:  # pictures of many sizes are stills
        return False


def _groups(source: Source, items: list[Any]) -> list[str]:
    """What must stay together: sequences that `synth` made of one still show one picture."""
    made = isinstance(source, str | Path) and (Path(source) / "set.json").is_file()
    return [item.name.rpartition("_")[0] if made and isinstance(item, Path) else str(i) for i, item in enumerate(items)]


def _random_split(
    source: Source, items: list[Any], seed: int, valid_pct: float, groups: Sequence[str]
) -> tuple[list[int], list[int]]:
    if not 0 < valid_pct < 1:
        raise RangeError("valid_pct", valid_pct, "more than 0 and less than 1")
    names = list(dict.fromkeys(groups))
    if len(names) < 2:
        advice = "Two are the least: one trains, one validates. To use one for both, give {'train': [it], 'valid': [it]}."
        what = f"{len(items)} item" if len(items) < 2 else f"{len(items)} sequences of one still"
        raise InputError(_name(source), f"holds {what}, which cannot be split.", advice)
    order = np.random.default_rng(seed).permutation(len(names)).tolist()
    n_valid = min(max(1, round(valid_pct * len(names))), len(names) - 1)
    members: dict[str, list[int]] = {}
    for i, group in enumerate(groups):
        members.setdefault(group, []).append(i)
    train, valid = ([i for k in part for i in members[names[k]]] for part in (order[n_valid:], order[:n_valid]))
    return train, valid


def _check(split: Split, source: Source) -> None:
    for name, items in (("training", split.train), ("validation", split.valid)):
        if not items:
            raise InputError(_name(source), f"gives no item for {name}.", "Change valid_pct or the splitter.")
    if len({is_still(item) for item in split.items}) > 1:
        odd = [str(item) for item in split.items if is_still(item)][:3]
        raise ShapeError("source", f"stills ({', '.join(odd)} …) among sequences", "one kind only", "Build loaders for each.")


def _name(source: Source) -> str:
    if isinstance(source, str | Path):
        return str(source)
    return f"{type(source).__name__} of {len(source)}" + ("" if not len(source) else f" ({_first(source)} …)")


def _first(source: Any) -> str:
    return item_name(next(iter(source)))


def item_name(item: Any) -> str:
    """What to call an item in a message."""
    return item.name if isinstance(item, FrameSequence) else str(item)


def frames_side(item: Any) -> int:
    """Height of the frames of a sequence [px], by the headers of its first two pictures: the larger one may be the label.

    Raises:
        InputError: one of them cannot be read.
    """
    if isinstance(item, FrameSequence):
        return int(item.frames.shape[1])
    paths = item if isinstance(item, list) else sequence_roles(Path(item)).frames
    return min(picture_size(path)[0] for path in paths[:2])
