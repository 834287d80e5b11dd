"""From an item (a folder, a sequence in memory, a still) to the tensors of one sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.torch_core import TensorImage
from fasttransform import Transform
from numpy.typing import NDArray

from sharpening.errors import InputError, ShapeError
from sharpening.frames.degrade import Damaged, DegradeSettings, apply, draw
from sharpening.frames.sequence import FrameSequence, read_frames, read_sequence
from sharpening.frames.synth import read_still
from sharpening.imaging.resize import resize
from sharpening.mframe_dl.draws import Draws
from sharpening.mframe_dl.transforms import ViewRanges
from sharpening.mframe_dl.types import FrameStack, Motion

__all__ = ["Item", "OpenFrames", "OpenLabel", "OpenMotion", "OpenedSequence", "SequenceOpener"]

Picture = NDArray[np.uint8]
Item = Path | str | FrameSequence | list


@dataclass(frozen=True)
class OpenedSequence:
    """One sample as arrays.

    Attributes:
        frames: uint8 `[n, h, w, 3]`.
        label: uint8 `[S, S, 3]`, or None where there is none.
        motion: float32 `[n, 2, 3]`, NaN where unknown; None for sequences that were not made here.
    """

    frames: Picture
    label: Picture | None = None
    motion: NDArray[np.float32] | None = None


class SequenceOpener:
    """Opens items of every kind: a folder of frames, a list of picture paths, a `FrameSequence`, or a still.

    A still (a path to a file) is damaged on the fly: anew in each epoch of training, the same way always in validation.

    Args:
        n_frames: Frames of a sample; longer sequences give their middle part, shorter ones repeat their ends.
        size: Side to bring the frames to [px], or None for the size that they have. Damaged stills have the preset's size.
        size_out: Side to bring the labels to [px].
        damage: How stills are damaged in training; None if there are only sequences.
        valid_damage: How they are damaged in validation; None for the same.
        view: How a still is seen before the damage (flip, zoom, rotation, brightness), in training only.
        draws: Where the chance comes from.
        others: Stills of other people, for frames that are drawn as garbage.
    """

    def __init__(
        self,
        n_frames: int = 7,
        size: int | None = None,
        size_out: int = 128,
        *,
        damage: DegradeSettings | None = None,
        valid_damage: DegradeSettings | None = None,
        view: ViewRanges | None = None,
        draws: Draws | None = None,
        others: Sequence[Path] = (),
    ) -> None:
        self.n_frames, self.size, self.size_out = n_frames, size, size_out
        self.damage, self.valid_damage = damage, valid_damage or damage
        self.view, self.draws, self.others = view or ViewRanges(), draws or Draws(), others
        self._last: tuple[Any, tuple[bool, int, int], OpenedSequence] | None = None

    def __call__(self, item: Item, *, train: bool = False) -> OpenedSequence:
        """Open `item`.

        Raises:
            InputError: if it cannot be read, or is a still and no damage was given.
            ShapeError: if its frames are not square.
        """
        when = self.draws.when(train=train)
        # Frames and label of one sample are asked for one after the other: the second question is answered from memory.
        if self._last is None or self._last[0] is not item or self._last[1] != when:
            self._last = (item, when, self._open(item, train))
        return self._last[2]

    def _open(self, item: Item, train: bool) -> OpenedSequence:
        if isinstance(item, FrameSequence):
            return self._from_sequence(item)
        if isinstance(item, list):
            return self._from_sequence(FrameSequence(read_frames(item), name=Path(item[0]).parent.name))
        path = Path(item)
        return (
            self._from_sequence(read_sequence(path, label_size=self.size_out)) if path.is_dir() else self._from_still(path, train)
        )

    def _from_sequence(self, sequence: FrameSequence) -> OpenedSequence:
        height, width = sequence.frames.shape[1:3]
        if height != width:
            raise ShapeError(f"frames of {sequence.name}", (height, width), "square frames", "Crop them round the face first.")
        if sequence.label is not None and sequence.label.shape[0] != sequence.label.shape[1]:
            raise ShapeError(
                f"label of {sequence.name}", sequence.label.shape[:2], "a square", "Crop it as the frames are cropped."
            )
        frames = sequence.frames if sequence.n == self.n_frames else sequence.window(sequence.middle, self.n_frames).frames
        if self.size is not None and self.size != height:
            method = "area" if self.size < height else "bicubic"
            frames = np.stack([resize(frame, self.size, method) for frame in frames])
        return OpenedSequence(frames, None if sequence.label is None else self._sized_label(sequence.label))

    def _from_still(self, path: Path, train: bool) -> OpenedSequence:
        how = self.damage if train else self.valid_damage
        if how is None:
            advice = "Give degrade='thesis' (or another preset of frames.degrade) to make damaged sequences from stills."
            raise InputError(path, "is a still picture, not a folder of frames.", advice)
        rng = self.draws.for_item("/".join(path.parts[-2:]), train=train)
        picture, params = read_still(path, how), draw(rng, how, n_frames=self.n_frames)
        if train:
            picture, zoom = self.view(picture, rng)
            params = replace(params, view=(params.view[0] / zoom, *params.view[1:]))
        made = apply(picture, params, other=self._other(how, rng))
        return OpenedSequence(made.frames, self._sized_label(made.label), _motion(made))

    def _other(self, how: DegradeSettings, rng: np.random.Generator) -> Picture | None:
        wanted = how.p_garbage > 0 and len(self.others) > 0
        return read_still(self.others[int(rng.integers(len(self.others)))], how) if wanted else None

    def _sized_label(self, label: Picture) -> Picture:
        if label.shape[:2] == (self.size_out, self.size_out):
            return label
        return resize(label, self.size_out, "area" if self.size_out < label.shape[0] else "bicubic")


def _motion(made: Damaged) -> NDArray[np.float32]:
    return np.where(made.trusted[:, None, None], made.motion, np.float32(np.nan))


class _Open(Transform):
    # Any of these may come to `test_dl` or `predict`, whatever kind the training items were.
    input_types = (Path, str, FrameSequence, list)

    def __init__(self, opener: SequenceOpener) -> None:
        super().__init__()
        self.opener = opener

    def __call__(self, item: Item, split_idx: int | None = None, **_: Any) -> Any:
        # fastai hands the subset's index to each transform: 0 is training, where damage is drawn anew.
        return self.take(self.opener(item, train=split_idx == 0), item)

    def take(self, opened: OpenedSequence, item: Item) -> Any:
        """The wanted part of the sample."""
        raise NotImplementedError


class OpenFrames(_Open):
    """Item → `FrameStack` uint8 `[3·n, h, w]`."""

    def take(self, opened: OpenedSequence, item: Item) -> FrameStack:
        """The frames, as a stack."""
        stacked = torch.from_numpy(np.ascontiguousarray(opened.frames.transpose(0, 3, 1, 2)))
        return FrameStack(stacked.flatten(0, 1))


class OpenLabel(_Open):
    """Item → label, `TensorImage` uint8 `[3, S, S]`."""

    def take(self, opened: OpenedSequence, item: Item) -> TensorImage:
        """The label; `InputError` for a sequence that has none."""
        if opened.label is None:
            name = item.name if isinstance(item, FrameSequence) else str(item)
            advice = "Put a sharp picture of the middle frame beside the frames, larger than they are, or named label.png."
            raise InputError(name, "is a sequence without a label, so nothing can be learned from it.", advice)
        return TensorImage(torch.from_numpy(np.ascontiguousarray(opened.label.transpose(2, 0, 1))))


class OpenMotion(_Open):
    """Item → true motion of its frames, `Motion` float32 `[n, 2, 3]`; all NaN where it is not known."""

    def take(self, opened: OpenedSequence, item: Item) -> Motion:
        """The motion."""
        motion = opened.motion
        if motion is None:
            motion = np.full((len(opened.frames), 2, 3), np.nan, np.float32)
        return Motion(torch.from_numpy(motion))
