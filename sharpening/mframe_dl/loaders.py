"""Data blocks and loaders for sequences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from fastai.data.block import DataBlock, TransformBlock
from fastai.data.core import DataLoaders, TfmdDL
from fastai.data.transforms import IntToFloatTensor
from fastai.torch_core import batch_to_samples
from fastcore.foundation import L

from sharpening.errors import RangeError, ShapeError
from sharpening.frames.degrade import DegradeSettings, settings
from sharpening.mframe_dl.draws import Draws
from sharpening.mframe_dl.opening import OpenFrames, OpenLabel, OpenMotion, SequenceOpener
from sharpening.mframe_dl.sources import Source, Split, Splitter, find_items, frames_side, is_still, item_name
from sharpening.mframe_dl.transforms import EnlargeFrames, NormalizeFrames, OneDraw, ViewRanges
from sharpening.mframe_dl.types import BatchForm

__all__ = ["LabelBlock", "MFrameBlock", "MFrameDL", "MFrameDataBlock", "MotionBlock", "mframe_dls"]


class MFrameDL(TfmdDL):
    """fastai's loader, with order and damage drawn from `draws` alone, so that every epoch can be repeated exactly.

    Args:
        dataset: What to load from.
        draws: Where the chance comes from; share it with the opener of the items.
        **kwargs: Arguments of `TfmdDL`; `n` is the number of samples in a training epoch, all items equally often.
    """

    def __init__(self, dataset: Any, *, draws: Draws | None = None, **kwargs: Any) -> None:
        self.draws = draws or Draws()
        super().__init__(dataset, **kwargs)

    def new(self, dataset: Any = None, cls: Any = None, **kwargs: Any) -> MFrameDL:
        """A loader like this one with some things changed."""
        return super().new(dataset, cls, **{"draws": self.draws, **kwargs})

    def before_iter(self) -> None:
        """Start a pass."""
        super().before_iter()
        if self._trains():
            self.draws.start_pass()

    def after_iter(self) -> None:
        """A complete training pass moves on to the next epoch's draws."""
        if self._trains():
            self.draws.end_pass()

    def get_idxs(self) -> list[int]:
        """Indices of one pass."""
        if not self.shuffle:
            return super().get_idxs()
        return self.draws.counted(len(self.dataset), self.n)

    def create_item(self, s: int | None) -> Any:
        """One sample; an index beyond the items stands for one of them that has come before."""
        if s is None:
            return super().create_item(s)
        self.draws.repeat, index = divmod(s, len(self.dataset))
        return super().create_item(index)

    def _decode_batch(self, b: Any, max_n: int = 9, full: bool = True) -> L:
        # Items are not encoded beyond opening, so there is nothing to decode here. fastai's way would count the parts of the
        # batch against those of the data set and fail for (frames, pred) where the set holds the motion as well.
        return L(batch_to_samples(b, max_n=max_n))

    def _trains(self) -> bool:
        return self.shuffle and getattr(self.dataset, "split_idx", None) == 0


def MFrameBlock(n_frames: int = 7, size: int | None = None, *, opener: SequenceOpener | None = None) -> TransformBlock:  # noqa: N802
    """Fastai block that turns items into frame stacks.

    Items: a folder of frames, a list of picture paths, a `FrameSequence`, or (with an opener that damages) a still.

    Args:
        n_frames: Frames in a stack.
        size: Side to bring them to [px], or None for their own.
        opener: To share with the blocks of label and motion; made from the other arguments when not given.
    """
    opener = opener or SequenceOpener(n_frames, size)
    return TransformBlock(
        type_tfms=[OpenFrames(opener)], batch_tfms=[IntToFloatTensor], dl_type=MFrameDL, dls_kwargs={"draws": opener.draws}
    )


def LabelBlock(opener: SequenceOpener) -> TransformBlock:  # noqa: N802
    """Fastai block that turns the same items into labels."""
    return TransformBlock(type_tfms=[OpenLabel(opener)], batch_tfms=[IntToFloatTensor])


def MotionBlock(opener: SequenceOpener) -> TransformBlock:  # noqa: N802
    """Fastai block that gives the true motion of sequences that the opener makes."""
    return TransformBlock(type_tfms=[OpenMotion(opener)])


class MFrameDataBlock(DataBlock):
    """fastai's `DataBlock` for sequences and their labels.

    Args:
        n_frames: Frames in a stack.
        size_in: Side of the frames in a batch [px], or None for their own.
        size_out: Side of the labels [px].
        opener: How items are opened; made from the numbers when not given.
        view: Augmentation of ready-made sequences, on batches. Stills are augmented by their opener, before the damage.
        normalize: ImageNet normalisation of the frames.
        motion: Add the true motion as a third part of the batch.
        **kwargs: `get_items`, `splitter`, `item_tfms` of `DataBlock`.

    >>> block = MFrameDataBlock(n_frames=3, size_in=128, normalize=True)
    >>> [type(t).__name__ for t in block.batch_tfms if not isinstance(t, type)]
    ['IntToFloatTensor', 'EnlargeFrames', 'NormalizeFrames']
    """

    def __init__(
        self,
        n_frames: int = 7,
        size_in: int | None = 32,
        size_out: int = 128,
        *,
        opener: SequenceOpener | None = None,
        view: ViewRanges | None = None,
        normalize: bool = False,
        motion: bool = False,
        **kwargs: Any,
    ) -> None:
        opener = opener or SequenceOpener(n_frames, size_out=size_out)
        blocks = [MFrameBlock(opener=opener), LabelBlock(opener)] + ([MotionBlock(opener)] if motion else [])
        tfms: list[Any] = [] if view is None else [OneDraw(view, opener.draws)]
        tfms += [] if size_in is None else [EnlargeFrames(size_in)]
        tfms += [NormalizeFrames()] if normalize else []
        super().__init__(blocks=blocks, batch_tfms=tfms, n_inp=1, **kwargs)


def mframe_dls(
    source: Source,
    *,
    n_frames: int = 7,
    size_in: int | None = 32,
    size_out: int = 128,
    bs: int = 8,
    degrade: str | DegradeSettings | None = None,
    degrade_valid: str | DegradeSettings | None = None,
    seed: int = 0,
    valid_pct: float = 0.2,
    splitter: Splitter | None = None,
    kind: str | None = None,
    flip: bool = True,
    zoom: float = 0.1,
    rotate: float = 0.0,
    brightness: float = 0.1,
    normalize: bool = False,
    motion: bool = False,
    samples_per_epoch: int | None = None,
    n_valid: int | None = None,
    num_workers: int = 0,
    device: torch.device | str | None = None,
    path: str | Path = ".",
) -> DataLoaders:
    """Loaders of frame stacks and labels, for training and validation.

    Args:
        source: A folder of sequence folders (frames and a label in each, MLFDB's form), a folder of stills, the shared data's
            root, a list of such paths or of `FrameSequence`s, or `{"train": …, "valid": …}`. Stills are damaged on the fly.
        n_frames: Frames in a stack.
        size_in: Side of the frames in the batch [px]; larger than they are: bicubic. 32 suits fusion_net, 128 the U-Net.
            None keeps their own size.
        size_out: Side of the labels [px]; 112 or 144, say, are taken from the stills at that size.
        bs: Sequences in a batch.
        degrade: Damage of stills in training: a preset of `frames.degrade` ("train" when not given) or own settings.
        degrade_valid: Damage in validation, the same in every epoch; as in training when not given.
        seed: Of all chance: split, order, damage, augmentation. The same seed gives the same batches, with any number of workers.
        valid_pct: Share of the items that validate, where the source does not say which.
        splitter: items → (indices that train, indices that validate), to keep one person on one side, say.
        kind: "sequences" or "stills", where a folder could be taken for both.
        flip: Mirror half of the samples.
        zoom: Largest zoom in, as a share.
        rotate: Largest rotation of frames and label together [degrees].
        brightness: Largest change of light of frames and label together, as a share.
        normalize: ImageNet normalisation of the frames (the U-Net wants it); labels stay in 0 … 1.
        motion: Give the true motion of made sequences as a third part of the batch, for `fusion_net.get_learner`.
        samples_per_epoch: Length of a training epoch; all items by default.
        n_valid: Largest number of items that validate.
        num_workers: Processes that load.
        device: Where batches go; CUDA where there is one.
        path: The Learner's folder for files.

    Returns:
        `DataLoaders` with batches `FrameStack [bs, 3·n, size_in, size_in]`, label `[bs, 3, size_out, size_out]` in 0 … 1,
        and `dls.form`, which says so.

    Raises:
        InputError: if the source holds nothing usable, with what was looked for.
        RangeError: for impossible numbers.
    """
    _check(n_frames, size_in, size_out, bs)
    split = find_items(source, seed=seed, valid_pct=valid_pct, splitter=splitter, kind=kind).cut(n_valid)
    view = ViewRanges(flip, zoom, rotate, brightness)
    opener = _opener(split, n_frames, size_in, size_out, (degrade, degrade_valid), view, Draws(seed))
    block = MFrameDataBlock(
        n_frames,
        size_in,
        size_out,
        opener=opener,
        view=view if opener.damage is None else None,
        normalize=normalize,
        motion=motion,
        splitter=lambda _: (split.train_indices, split.valid_indices),
    )
    n_train = samples_per_epoch or len(split.train)
    # A training set smaller than a batch is one short batch, not none.
    dls = block.dataloaders(
        split.items, path=path, bs=bs, n=n_train, drop_last=n_train >= bs, num_workers=num_workers, device=device
    )
    stack = dls.train_ds[0][0]
    dls.form = BatchForm(n_frames, size_in or int(stack.shape[-1]), size_out, "imagenet" if normalize else "none")
    return dls


def _opener(
    split: Split,
    n_frames: int,
    size_in: int | None,
    size_out: int,
    degrade: Sequence[str | DegradeSettings | None],
    view: ViewRanges,
    draws: Draws,
) -> SequenceOpener:
    if is_still(split.train[0]):
        damage, valid_damage = (_named_damage(d, size_out) if isinstance(d, str) else d for d in degrade)
        others = [Path(item) for item in split.train]
        return SequenceOpener(
            n_frames,
            None,
            size_out,
            damage=damage or _named_damage("train", size_out),
            valid_damage=valid_damage,
            view=view,
            draws=draws,
            others=others,
        )
    # A batch can hold one size only. Where all sequences have one, small frames are enlarged batch by batch.
    sides = {frames_side(item): item for item in split.items}
    if len(sides) == 1:
        own = next(iter(sides))
        return SequenceOpener(n_frames, own if size_in is None else min(own, size_in), size_out, draws=draws)
    if size_in is None:
        (one, first), (other, second) = list(sides.items())[:2]
        got = f"{one} px ({item_name(first)}) and {other} px ({item_name(second)})"
        raise ShapeError("frames of the sequences", got, "one size", "Give size_in, to which all are brought.")
    return SequenceOpener(n_frames, size_in, size_out, draws=draws)


def _named_damage(name: str, size_out: int) -> DegradeSettings:
    """The preset of this name, at another size where its own labels could not be brought to `size_out` without loss."""
    how = settings(name)
    # 128 → 64 is a mean over whole pixels. 112 or 144 out of 128 would be soft labels, so the still is seen at that size at once.
    return how if how.size_out % size_out == 0 else how.sized(min(how.size_in, size_out), size_out)


def _check(n_frames: int, size_in: int | None, size_out: int, bs: int) -> None:
    for name, value, least in (("n_frames", n_frames, 1), ("size_in", size_in or 8, 8), ("size_out", size_out, 8), ("bs", bs, 1)):
        if value < least:
            raise RangeError(name, value, f"{least} or more")
