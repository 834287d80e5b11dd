"""What a user hands in (a film, a folder, paths, arrays, a sequence) as numbered frames that can be read in any part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import InputError, RangeError, ShapeError
from sharpening.frames.listing import sequence_roles
from sharpening.frames.sequence import FrameSequence
from sharpening.frames.video import FilmLog, film_info, is_film, read_film
from sharpening.imaging.files import read_picture, sha256_of

__all__ = ["Frames", "Source", "open_source"]

Picture = NDArray[np.uint8]
Frames = str | Path | FrameSequence | NDArray[np.uint8] | Sequence[NDArray[np.uint8] | str | Path]
"""What can be restored: path of a film, a picture or a folder of frames; a sequence; frames `[n, H, W, 3]`; a list of pictures or paths."""


@dataclass(eq=False)
class Source:
    """Numbered frames.

    Attributes:
        name: what to call the whole.
        kind: "film", "pictures", "arrays" or "sequence".
        n: number of frames; of a film as its header says, so perhaps a few more than there are.
        files: the files behind it; for a film the one, else one for each frame, or none for arrays.
        notes: what went wrong in reading without stopping it (a film that breaks off, or that was decoded with errors).
        promised: frames that a film's header promises; None for other inputs, and where it does not say.
        log: what reading a film brought to light; None for other inputs.
    """

    name: str
    kind: str
    n: int
    files: tuple[Path, ...]
    _read: Callable[[int, int | None, int], Iterator[tuple[int, Picture | InputError]]]
    _digest: Callable[[], list[dict[str, Any]]]
    notes: list[str] = field(default_factory=list)
    promised: int | None = None
    log: FilmLog | None = None

    def read(self, start: int = 0, stop: int | None = None, step: int = 1) -> Iterator[tuple[int, Picture | InputError]]:
        """Frames by number, one at a time; a picture that cannot be read comes as its error, so that the others can be used."""
        return self._read(start, stop, step)

    def label(self, index: int) -> str:
        """What to call one frame."""
        per_frame = self.kind != "film" and len(self.files) > 0
        return self.files[index].name if per_frame else f"frame {index}"

    def facts(self) -> dict[str, Any]:
        """Name, kind, number of frames, and path and sha256 of each input (of the file, or of the pixels where arrays came in).

        Of a film that was read to its end the frames that were decoded are counted; else its header is believed. Both are told.
        """
        if self.log is None:
            return {"name": self.name, "kind": self.kind, "n_frames": self.n, "files": self._digest()}
        decoded = self.log.n_frames
        counts = {
            "n_frames": self.n if decoded is None else decoded,
            "n_frames_promised": self.promised,
            "n_frames_decoded": decoded,
        }
        return {"name": self.name, "kind": self.kind, **counts, "files": self._digest()}


def open_source(frames: Frames, *, name: str | None = None) -> Source:
    """Look at what was handed in; nothing large is read yet.

    Of a folder, pictures called like a label (label…, gt…, hr…) are left out, see `frames.listing.sequence_roles`.

    Raises:
        InputError: no such file, an empty list or folder, or a film that cannot be opened.
        ShapeError, RangeError: arrays that are not uint8 `[H, W, 3]`.
    """
    if isinstance(frames, FrameSequence):
        files = tuple(Path(place) for place in frames.sources)
        return _of_arrays(list(frames.frames), name or frames.name or "sequence", "sequence", files)
    if isinstance(frames, str | Path):
        return _of_path(Path(frames), name)
    if isinstance(frames, np.ndarray):
        frames = [frames] if frames.ndim == 3 else list(frames)
    items = list(frames)
    if not items:
        raise InputError(name or "frames", "there are none.", "Give at least one picture.")
    if all(isinstance(item, str | Path) for item in items):
        paths = tuple(Path(str(item)) for item in items)
        return _of_files(paths, name or paths[0].parent.name or "pictures")
    if any(isinstance(item, str | Path) for item in items):
        raise InputError(name or "frames", "paths and arrays are mixed.", "Give all as paths or all as arrays.")
    return _of_arrays([_checked(i, item) for i, item in enumerate(items)], name or "frames", "arrays", ())


def _of_path(path: Path, name: str | None) -> Source:
    if path.is_dir():
        return _of_files(tuple(sequence_roles(path).frames), name or path.resolve().name)
    if is_film(path):
        return _of_film(path, name or path.stem)
    if not path.exists():
        raise InputError(path, "there is no such file or folder.", "Check the name.")
    return _of_files((path,), name or path.stem)


def _checked(index: int, picture: object) -> Picture:
    advice = "Read pictures with sharpening.imaging.files.read_picture, or give their paths."
    if not isinstance(picture, np.ndarray):
        raise ShapeError(f"frame {index}", type(picture).__name__, "an array [H, W, 3] or a path", advice)
    if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise ShapeError(f"frame {index}", list(picture.shape), "[H, W, 3], RGB", advice)
    if picture.dtype != np.uint8:
        raise RangeError(f"frame {index}", f"dtype {picture.dtype}", "uint8 (0–255)", advice)
    return picture


def _of_arrays(pictures: list[Picture], name: str, kind: str, files: tuple[Path, ...]) -> Source:
    def read(start: int, stop: int | None, step: int) -> Iterator[tuple[int, Picture | InputError]]:
        return ((i, pictures[i]) for i in range(*slice(start, stop, step).indices(len(pictures))))

    def digest() -> list[dict[str, Any]]:
        names: Iterable[str] = [str(file) for file in files] or [f"frame {i}" for i in range(len(pictures))]
        return [
            {"path": each, "sha256": _array_hash(picture), "of": "pixels"} for each, picture in zip(names, pictures, strict=True)
        ]

    return Source(name, kind, len(pictures), files, read, digest)


def _array_hash(picture: Picture) -> str:
    """Of the pixels, row by row: arrays have no file."""
    return hashlib.sha256(np.ascontiguousarray(picture).tobytes()).hexdigest()


def _of_files(paths: tuple[Path, ...], name: str) -> Source:
    def read(start: int, stop: int | None, step: int) -> Iterator[tuple[int, Picture | InputError]]:
        for index in range(*slice(start, stop, step).indices(len(paths))):
            try:
                yield index, read_picture(paths[index])
            except InputError as error:
                yield index, error

    def digest() -> list[dict[str, Any]]:
        return [_file_facts(path) for path in paths]

    return Source(name, "pictures", len(paths), paths, read, digest)


def _file_facts(path: Path) -> dict[str, Any]:
    return {"path": str(path), "sha256": sha256_of(path) if path.is_file() else None, "of": "file"}


def _of_film(path: Path, name: str) -> Source:
    promised = film_info(path).n_frames
    # Some containers do not say how many frames they hold: then one decoding counts them.
    source = Source(name, "film", 0, (path,), lambda *part: iter(()), lambda: [_file_facts(path)], promised=promised)
    source.log = log = FilmLog(damage=source.notes)
    source._read = lambda start, stop, step: _film_frames(path, log, start, stop, step)
    source.n = promised or sum(1 for _ in source.read())
    return source


def _film_frames(path: Path, log: FilmLog, start: int, stop: int | None, step: int) -> Iterator[tuple[int, Picture | InputError]]:
    index = start
    for picture in read_film(path, start=start, stop=stop, step=step, log=log):
        yield index, picture
        del picture  # or one more would be held while the next one is decoded
        index += step
