"""The second look at a film: each frame is cut, restored with its neighbours and handed on; only a window of small cuts is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sharpening.errors import InputError
from sharpening.imaging.convert import to_tensor
from sharpening.imaging.resize import resize
from sharpening.models.face_align.crop import crop_square
from sharpening.restore.film_face import FilmFace
from sharpening.restore.film_path import FacePath
from sharpening.restore.located import Choice
from sharpening.restore.repeats import FilmRepeats
from sharpening.restore.source import Source
from sharpening.restore.window import neighbours

if TYPE_CHECKING:
    from sharpening.restore.network import TrainedNetwork

__all__ = ["Cut", "Done", "Tally", "film_pictures", "restored_frames", "windows"]

Picture = NDArray[np.uint8]
AHEAD = 4  # batches: so many frames wait at most when few of them have a face
REACH = 4  # times the window: so far ahead frames are waited for where the near ones repeat each other


class Cut(NamedTuple):
    """The face of one frame, and the frame that it shows: its own place in the film, or that of an earlier one, which it repeats."""

    picture: Picture
    shows: int


class Window(NamedTuple):
    """What one frame is restored from: its place in the film, and the cuts, it at index n // 2; `known` says whether they show a face."""

    at: int
    cuts: Picture
    known: bool


class Done(NamedTuple):
    """One frame of the film of the face, and the cuts that it was made of; `known` is False where it is the enlarged cut itself."""

    at: int
    picture: Picture
    cuts: Picture
    known: bool


@dataclass(eq=False)
class Tally:
    """What was counted on the way.

    Attributes:
        windows: how many frames were restored from how many.
        repeats: how many frames show the one before once more.
        others: sum, over the restored frames, of the share of what was fused that the frames besides the middle gave; None where the
            network cannot tell.
    """

    windows: Counter[int] = field(default_factory=Counter)
    repeats: int = 0
    others: float | None = None


def film_pictures(source: Source, choice: Choice, face: FilmFace) -> Iterator[Picture]:
    """The frames that were looked at, once more and in the same order.

    Raises:
        InputError: the film gives other frames than before.
    """
    numbers = iter(face.numbers)
    for index, picture in source.read(choice.start, choice.stop):
        if index in face.skipped:
            continue
        changed = InputError(source.name, "gives other frames than a moment ago.", "Do not change it while it is restored.")
        if isinstance(picture, InputError) or picture.shape[:2] != face.frame_size or next(numbers, None) != index:
            raise changed
        yield picture
    if next(numbers, None) is not None:
        raise InputError(source.name, "gives fewer frames than a moment ago.", "Do not change it while it is restored.")


def windows(cuts: Iterable[Cut], path: FacePath, n: int) -> Iterator[Window]:
    """For each frame the n nearest of its stretch that differ, as soon as they are there.

    At most 2·n cuts are held, and `REACH` · n more where frames repeat each other.

    Args:
        cuts: uint8 `[size, size, 3]`, of every frame of the path, in order.
        path: says which frames have a face, and which belong together.
        n: most frames of a window; fewer in a stretch that is shorter, or where too few frames before or soon after differ.
    """
    held: dict[int, Cut] = {}
    due, last = 0, path.n - 1
    for position, cut in enumerate(cuts):
        held[position] = cut
        while due <= last and (position == last or position >= due + REACH * n or _differ(held, due, position) >= n):
            around = [i for i in held if path.runs[i] == path.runs[due] >= 0]
            used = neighbours(_nearest(around, due, held), due, n) if around else [due]
            yield Window(due, np.stack([held[i].picture for i in used]), bool(around))
            due += 1
            _forget(held, due, n)


def _differ(held: Mapping[int, Cut], first: int, last: int) -> int:
    return len({held[i].shows for i in range(first, last + 1)})


def _nearest(around: Sequence[int], due: int, held: Mapping[int, Cut]) -> list[int]:
    """Of frames that show one and the same the nearest; the middle stands for its own."""
    found: dict[int, int] = {}
    for i in sorted(around, key=lambda i: abs(i - due)):
        found.setdefault(held[i].shows, i)
    return sorted(found.values())


def _forget(held: dict[int, Cut], due: int, n: int) -> None:
    """Drop what no window of `due` or later can have: frames before it that are repeated after, or with n − 1 between that differ."""
    latest = {cut.shows: i for i, cut in sorted(held.items()) if i < due}
    if due in held:
        latest.pop(held[due].shows, None)
    kept = set(sorted(latest.values())[max(0, len(latest) - (n - 1)) :])
    for i in [i for i in held if i < due and i not in kept]:
        del held[i]


def restored_frames(
    pictures: Iterable[Picture], face: FilmFace, trained: TrainedNetwork, *, n: int, bs: int, device: torch.device, tally: Tally
) -> Iterator[Done]:
    """Restore every frame, each with its neighbours; of frames that repeat each other one takes part.

    Args:
        pictures: the frames, uint8 `[H, W, 3]`, see `film_pictures`; they are taken one at a time and forgotten when they are cut.
        face: where the face is.
        trained: the network.
        n: most frames of a window.
        bs: windows that go through the network together.
        device: where it runs.
        tally: is added to.

    Returns:
        For each frame, in order, uint8 `[S, S, 3]`. A frame without a face is the place where it should be, enlarged by bicubic
        interpolation: nothing is repeated, nothing is invented.
    """
    waiting: list[Window] = []
    for window in windows(_cuts(pictures, face, tally), face.path, n):
        waiting.append(window)
        if sum(each.known for each in waiting) == bs or len(waiting) == AHEAD * bs:
            yield from _finished(waiting, trained, device, tally)
            waiting = []
    yield from _finished(waiting, trained, device, tally)


def _cuts(pictures: Iterable[Picture], face: FilmFace, tally: Tally) -> Iterator[Cut]:
    repeats, path = FilmRepeats(), face.path
    for at, picture in enumerate(pictures):
        square = path.square(at)
        cut = crop_square(picture, *square, face.size)
        shows = repeats.shows(at, int(path.runs[at]), picture, square, cut)
        tally.repeats += shows != at
        yield Cut(cut, shows)


def _finished(waiting: Sequence[Window], trained: TrainedNetwork, device: torch.device, tally: Tally) -> Iterator[Done]:
    """Windows of equally many frames in one batch; then all in their order."""
    made: dict[int, Picture] = {}
    known = [window for window in waiting if window.known]
    for length in sorted({len(window.cuts) for window in known}):
        some = [window for window in known if len(window.cuts) == length]
        used = trained.stack_indexes(length)
        output = trained(torch.stack([to_tensor(window.cuts[used]) for window in some]).to(device))
        made.update(zip((window.at for window in some), _bytes(output.pictures), strict=True))
        tally.windows[length] += len(some)
        if output.shares is not None:
            others = output.shares.sum(dim=1) - output.shares[:, length // 2]
            tally.others = (tally.others or 0.0) + float(others.sum())
    for window in waiting:
        size = round(window.cuts.shape[1] * trained.scale)
        picture = made[window.at] if window.known else resize(window.cuts[0], size, "bicubic")
        yield Done(window.at, picture, window.cuts, window.known)


def _bytes(pictures: torch.Tensor) -> Picture:
    whole = (pictures.float() * 255).round().byte()
    return np.ascontiguousarray(whole.movedim(1, -1).cpu().numpy())
