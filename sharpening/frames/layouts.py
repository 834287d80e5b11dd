"""The forms in which face data lie on disk: MLFDB, CelebA, LFW, folders of stills, and the workplace's own.

`data/README.md` of the project draws each form and says how to get or make the data.
"""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from sharpening.errors import InputError, RangeError, ShapeError
from sharpening.frames.listing import belongs_to_parent, list_pictures, natural_order, picture_folders, pictures_in, stills
from sharpening.frames.sequence import FrameSequence, Parts, Picture, choose_label, read_params, read_parts

__all__ = ["Clip", "Mlfdb", "SharedData", "celeba_stills", "lfw_stills", "list_pictures", "natural_order", "stills"]

LABEL_SIZES = (64, 128, 256)
"""Sides of the sharp pictures of MLFDB [px]."""


class Mlfdb(Sequence[FrameSequence]):
    """The sequences of an MLFDB folder: seven frames of 32×32 and a label of 64, 128 or 256 in a folder each.

    The folders may lie at any depth. Names are free: a label is called label…, gt…, target… or hr…, lies in a sub folder that
    is, or is the only larger picture. Where it is given in several sizes, `label_size` chooses. Nothing is read before a
    sequence is asked for. Data sets made by `sharpening synth` have the same form and a `params.json` in each folder.

    Args:
        root: the folder of the data set, or of one sequence.
        n_frames: frames that every sequence must have; None for any number.
        size_in: side that the frames must have [px]; None for any.
        label_size: side that the label must have [px]; None for 64, 128 or 256, of several 128, else the largest.
        needs_label: whether a sequence without a label is an error.

    Raises:
        InputError: no such folder, or no picture in it at any depth.
        ShapeError: (when a sequence is opened) other counts or sizes than these.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        n_frames: int | None = 7,
        size_in: int | None = 32,
        label_size: int | None = None,
        needs_label: bool = True,
    ) -> None:
        self.root = Path(root)
        self.n_frames, self.size_in, self.label_size, self.needs_label = n_frames, size_in, label_size, needs_label
        self.folders = natural_order({_sequence_folder(folder, self.root) for folder in picture_folders(self.root)})

    @property
    def names(self) -> list[str]:
        """The sequences' folders relative to the root, in natural order."""
        return [self._name(folder) for folder in self.folders]

    def __len__(self) -> int:
        return len(self.folders)

    @overload
    def __getitem__(self, index: int) -> FrameSequence: ...
    @overload
    def __getitem__(self, index: slice) -> list[FrameSequence]: ...
    def __getitem__(self, index: int | slice) -> FrameSequence | list[FrameSequence]:
        if isinstance(index, slice):
            return [self._open(folder) for folder in self.folders[index]]
        return self._open(self.folders[index])

    def __repr__(self) -> str:
        return f"Mlfdb({str(self.root)!r}: {len(self)} sequences)"

    def _name(self, folder: Path) -> str:
        return folder.name if folder == self.root else folder.relative_to(self.root).as_posix()

    def _open(self, folder: Path) -> FrameSequence:
        parts = read_parts(folder)
        label = choose_label([each for each in parts.labels if self._fits(each)], self.label_size or 128)
        self._check(folder, parts, label)
        sources = tuple(str(path) for path in parts.frame_paths)
        return FrameSequence(np.stack(parts.frames), self._name(folder), label, sources, read_params(folder))

    def _fits(self, label: Picture) -> bool:
        wanted = LABEL_SIZES if self.label_size is None else (self.label_size,)
        return label.shape[0] == label.shape[1] and label.shape[0] in wanted

    def _check(self, folder: Path, parts: Parts, label: Picture | None) -> None:
        sizes = {frame.shape[:2] for frame in parts.frames}
        count_is_right = self.n_frames in (None, len(parts.frames))
        size_is_right = len(sizes) == 1 and (self.size_in is None or sizes == {(self.size_in, self.size_in)})
        label_is_right = label is not None or not (parts.labels or self.needs_label)
        if not (count_is_right and size_is_right and label_is_right):
            got = f"{_count(parts.frames, 'frame')} and {_count(parts.labels, 'label')}"
            advice = "Mend the folder (data/README.md draws the form), or give Mlfdb the n_frames, size_in and label_size it has."
            if not parts.labels:
                advice += " A sharp picture is recognised when it is called label.png; without labels give needs_label=False."
            raise ShapeError(f"sequence {folder}", got, self._wanted(), advice)

    def _wanted(self) -> str:
        size = f"{self.size_in}×{self.size_in}" if self.size_in else "one size"
        label = " or ".join(f"{side}×{side}" for side in ((self.label_size,) if self.label_size else LABEL_SIZES))
        perhaps = "" if self.needs_label else "perhaps "
        return f"{self.n_frames or 'any number of'} frames of {size} and {perhaps}a label of {label}"


def _sequence_folder(folder: Path, root: Path) -> Path:
    return folder.parent if folder != root and belongs_to_parent(folder) else folder


def _count(pictures: Iterable[Picture], word: str) -> str:
    """Say how many pictures of which sizes there are: `7 frames of 32×32, 1 frame of 30×32`."""
    sizes = Counter(f"{picture.shape[1]}×{picture.shape[0]}" for picture in pictures)
    if not sizes:
        return f"no {word}"
    return ", ".join(f"{n} {word}{'s' if n > 1 else ''} of {size}" for size, n in sizes.items())


def celeba_stills(root: str | Path, split: str = "train") -> list[Path]:
    """The aligned pictures of CelebA (178×218) through torchvision's class; nothing is downloaded.

    Args:
        root: the folder that holds `celeba/`, as torchvision wants it.
        split: `train`, `valid`, `test` or `all`, the official one.

    Raises:
        InputError: the files are not there or not whole.
        RangeError: no such split.
    """
    if split not in ("train", "valid", "test", "all"):
        raise RangeError("split", repr(split), "train, valid, test or all")
    from torchvision.datasets import CelebA

    root = Path(root)
    try:
        data = CelebA(str(root), split=split, download=False)
    except (RuntimeError, OSError, ValueError) as error:
        advice = "Put img_align_celeba/ and the six list files into celeba/ in it; data/README.md says where they come from."
        raise InputError(root, f"holds no whole CelebA ({str(error).split('. ')[0].rstrip('.')}).", advice) from error
    return [root / "celeba" / "img_align_celeba" / name for name in data.filename]


def lfw_stills(root: str | Path | None = None, *, funneled: bool = True) -> list[Path]:
    """The pictures of LFW (250×250) where scikit-learn's fetcher puts them; nothing is downloaded.

    Args:
        root: scikit-learn's data folder; None for its default (`SCIKIT_LEARN_DATA` or `~/scikit_learn_data`).
        funneled: the roughly aligned version, or the plain one.

    Raises:
        InputError: the pictures are not there; the message holds the command that gets them.
    """
    root = Path(root or os.environ.get("SCIKIT_LEARN_DATA") or Path.home() / "scikit_learn_data").expanduser()
    folder = root / "lfw_home" / ("lfw_funneled" if funneled else "lfw")
    # The fetcher itself returns one array of all faces (10 GB in colour), so only its place on disk is used.
    if not folder.is_dir() or not any(pictures_in(person) for person in folder.iterdir() if person.is_dir()):
        call = f"fetch_lfw_people(data_home={str(root)!r}, funneled={funneled}, min_faces_per_person=500)"
        advice = f'Get it by: python -c "from sklearn.datasets import fetch_lfw_people; {call}"'
        raise InputError(folder, "holds no LFW pictures.", advice)
    return stills(folder)


@dataclass(frozen=True)
class Clip:
    """Real frames of one person out of one film, as files.

    Attributes:
        name: folder of the clip, relative to `clips/`.
        kind: `sparse` (about 0.3 s apart, each cropped round its own face), `dense` (consecutive, one fixed window) or
            `photoset_video` (frames of one film in unknown order).
        identity: whose face it is.
        paths: the pictures in order.
    """

    name: str
    kind: str
    identity: str
    paths: tuple[Path, ...]


class SharedData:
    """Stills and clips with a split by identity: `splits.csv`, `train_faces/index.csv`, `clips/index.csv`.

    Args:
        root: the folder that holds these.

    Raises:
        InputError: a table is absent, or lacks a column.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._splits = {row["path"]: row["split"] for row in _read_table(self.root / "splits.csv", "path", "split")}

    def stills(self, split: str) -> list[Path]:
        """Paths of the 160×160 stills of `split` (`train` or `valid`), in the order of the index."""
        self._check_split(split)
        rows = _read_table(self.root / "train_faces" / "index.csv", "file")
        paths = (f"train_faces/{row['file']}" for row in rows)
        return [self.root / path for path in paths if self._splits.get(path) == split]

    def people(self) -> dict[Path, str]:
        """Whom each still shows, by its path; stills of which the table does not say it are left out."""
        rows = _read_table(self.root / "train_faces" / "index.csv", "file")
        return {self.root / "train_faces" / row["file"]: row["identity"] for row in rows if row.get("identity")}

    def clips(self, split: str, kind: str | None = None) -> list[Clip]:
        """The clips of `split`, in the order of the index.

        Args:
            split: `train` or `valid`.
            kind: `sparse`, `dense` or `photoset_video`; None for all.

        Raises:
            InputError: no such split or kind, or a clip without pictures.
        """
        self._check_split(split)
        table = self.root / "clips" / "index.csv"
        rows = _read_table(table, "clip", "kind", "identity")
        kinds = sorted({row["kind"] for row in rows})
        if kind is not None and kind not in kinds:
            raise InputError(table, f"has no clips of the kind {kind!r}.", f"It has {', '.join(kinds)}.")
        chosen = [row for row in rows if kind in (None, row["kind"]) and self._splits.get(f"clips/{row['clip']}") == split]
        return [Clip(row["clip"], row["kind"], row["identity"], self._clip_paths(row["clip"])) for row in chosen]

    def _clip_paths(self, name: str) -> tuple[Path, ...]:
        return tuple(list_pictures(self.root / "clips" / name))

    def _check_split(self, split: str) -> None:
        known = sorted(set(self._splits.values()))
        if split not in known:
            raise InputError(self.root / "splits.csv", f"has no split {split!r}.", f"It has {', '.join(known)}.")


def _read_table(path: Path, *columns: str) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        advice = "Give the folder that holds splits.csv, train_faces/ and clips/."
        raise InputError(path, f"cannot be read ({error}).", advice) from error
    absent = [column for column in columns if rows and rows[0].get(column) is None]
    if absent or not rows:
        raise InputError(path, f"lacks the column {', '.join(absent)}." if absent else "has no rows.", "Get the data again.")
    return rows
