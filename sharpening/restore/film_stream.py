"""The second look at a film: each frame is cut, restored with its neighbours and handed on; only a window of small cuts is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
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
from sharpening.restore.source import Source
from sharpening.restore.window import neighbours

if TYPE_CHECKING:
    from sharpening.restore.network import TrainedNetwork

__all__ = ["Done", "Tally", "film_pictures", "restored_frames", "windows"]

Picture = NDArray[np.uint8]
AHEAD = 4  # batches: so many frames wait at most when few of them have a face


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
        others: sum, over the restored frames, of the share of what was fused that the frames besides the middle gave; None where the
            network cannot tell.
    """

    windows: Counter[int] = field(default_factory=Counter)
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


def windows(cuts: Iterable[Picture], path: FacePath, n: int) -> Iterator[Window]:
    """For each frame the n nearest of its stretch, as soon as they are there; at most 2·n cuts are held.

    Args:
        cuts: uint8 `[size, size, 3]`, of every frame of the path, in order.
        path: says which frames have a face, and which belong together.
        n: most frames of a window; fewer in a stretch that is shorter.
    """
    held: dict[int, Picture] = {}
    due, last = 0, path.n - 1
    for position, cut in enumerate(cuts):
        held[position] = cut
        while due <= last and (position == last or position >= due + n - 1):
            around = path.near(due, n - 1)
            used = neighbours(around, due, n) if around else [due]
            yield Window(due, np.stack([held[i] for i in used]), bool(around))
            due += 1
            held.pop(due - n, None)


def restored_frames(
    pictures: Iterable[Picture], face: FilmFace, trained: TrainedNetwork, *, n: int, bs: int, device: torch.device, tally: Tally
) -> Iterator[Done]:
    """Restore every frame, each with its neighbours.

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
    cuts = (crop_square(picture, *face.path.square(i), face.size) for i, picture in enumerate(pictures))
    waiting: list[Window] = []
    for window in windows(cuts, face.path, n):
        waiting.append(window)
        if sum(each.known for each in waiting) == bs or len(waiting) == AHEAD * bs:
            yield from _finished(waiting, trained, device, tally)
            waiting = []
    yield from _finished(waiting, trained, device, tally)


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
