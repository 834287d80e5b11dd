"""Loaders of pairs made from stills: base, source and mask in one stack, and the true picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastai.data.block import DataBlock, TransformBlock
from fastai.data.core import DataLoaders
from fastai.data.transforms import IntToFloatTensor
from fastai.torch_core import TensorImage
from fasttransform import Transform

from sharpening.errors import RangeError, ShapeError
from sharpening.frames.inpaint_pairs import InpaintPair, PairSettings, draw_pair, make_pair, pair_settings
from sharpening.frames.synth import centre_square
from sharpening.imaging.files import read_picture
from sharpening.mframe_dl import BatchForm, Draws, MFrameDL, find_items
from sharpening.mframe_dl.sources import Source, Splitter, is_still
from sharpening.mframe_dl.transforms import ViewRanges

__all__ = ["InpaintStack", "PairOpener", "inpaint_dls"]


class InpaintStack(TensorImage):
    """Base, source and mask along the channels, `[bs, 9 or 7, H, W]` (see `imaging.mask.pack_pair`)."""


class PairOpener:
    """Makes a pair out of a still: anew in each epoch of training, the same way always in validation.

    Args:
        how: Ranges of the damage and of the source's motion.
        size: Side of the pictures [px].
        draws: Where the chance comes from.
        flip: Mirror half of the stills, in training only.
    """

    def __init__(self, how: PairSettings, size: int, draws: Draws, *, flip: bool = True) -> None:
        self.how, self.size, self.draws, self.view = how, size, draws, ViewRanges(flip=flip)
        self._last: tuple[Any, tuple[bool, int, int], InpaintPair] | None = None

    def __call__(self, item: Path | str, *, train: bool = False) -> InpaintPair:
        """Open `item`.

        Raises:
            InputError: if it cannot be read.
        """
        when = self.draws.when(train=train)
        # Inputs and label of one sample are asked for one after the other: the second question is answered from memory.
        if self._last is None or self._last[0] is not item or self._last[1] != when:
            self._last = (item, when, self._open(Path(item), train))
        return self._last[2]

    def _open(self, path: Path, train: bool) -> InpaintPair:
        rng = self.draws.for_item("/".join(path.parts[-2:]), train=train)
        still = centre_square(read_picture(path))
        if train:
            still, _ = self.view(still, rng)
        how = replace(self.how, move_view=True) if train else self.how
        return make_pair(np.ascontiguousarray(still), draw_pair(rng, how, size=self.size))


class _OpenInputs(Transform):
    def __init__(self, opener: PairOpener, n_in: int) -> None:
        super().__init__()
        self.opener, self.n_in = opener, n_in

    def __call__(self, item: Any, split_idx: int | None = None, **_: Any) -> InpaintStack:
        # fastai hands the subset's index to each transform: 0 is training, where pairs are drawn anew.
        pair = self.opener(item, train=split_idx == 0)
        mask = np.repeat(pair.mask[..., None], self.n_in - 6, axis=2).astype(np.uint8) * 255
        packed = np.concatenate([pair.base, pair.source, mask], axis=2)
        return InpaintStack(torch.from_numpy(np.ascontiguousarray(packed.transpose(2, 0, 1))))


class _OpenLabel(Transform):
    def __init__(self, opener: PairOpener) -> None:
        super().__init__()
        self.opener = opener

    def __call__(self, item: Any, split_idx: int | None = None, **_: Any) -> TensorImage:
        label = self.opener(item, train=split_idx == 0).label
        return TensorImage(torch.from_numpy(np.ascontiguousarray(label.transpose(2, 0, 1))))


def inpaint_dls(
    data: Source,
    *,
    how: str | PairSettings = "patches",
    n_in: int = 9,
    size: int = 128,
    bs: int = 8,
    seed: int = 0,
    valid_pct: float = 0.2,
    splitter: Splitter | None = None,
    n_valid: int | None = None,
    samples_per_epoch: int | None = None,
    flip: bool = True,
    num_workers: int = 0,
    device: torch.device | str | None = None,
    path: str | Path = ".",
) -> DataLoaders:
    """Loaders of pairs for `InpaintNet`, made from stills on the fly.

    Args:
        data: A folder of stills, the shared data's root, a list of paths, or `{"train": …, "valid": …}`.
        how: "patches" (white patches in the base), "blur" (blurred sections), or own settings.
        n_in: 9 for a mask on three channels, 7 for one.
        size: Side of the pictures [px].
        bs: Pairs in a batch.
        seed: Of all chance: split, order, pairs. The same seed gives the same batches, with any number of workers.
        valid_pct: Share of the stills that validate, where the source does not say which.
        splitter: items → (indices that train, indices that validate).
        n_valid: Largest number of stills that validate.
        samples_per_epoch: Length of a training epoch; all stills by default.
        flip: Mirror half of the samples.
        num_workers: Processes that load.
        device: Where batches go; CUDA where there is one.
        path: The Learner's folder for files.

    Returns:
        `DataLoaders` with batches `InpaintStack [bs, n_in, size, size]` and label `[bs, 3, size, size]`, all in 0 … 1; `dls.form`
        and `dls.n_in` say so.

    Raises:
        InputError: if the source holds nothing usable.
        ShapeError: if it holds sequences.
        KeyError, RangeError: for an unknown `how`, for impossible numbers.
    """
    for name, value, least in (("size", size, 32), ("bs", bs, 1)):
        if value < least:
            raise RangeError(name, value, f"{least} or more")
    if n_in not in (7, 9):
        raise RangeError("n_in", n_in, "9 or 7")
    split = find_items(data, seed=seed, valid_pct=valid_pct, splitter=splitter, kind="stills").cut(n_valid)
    if not is_still(split.train[0]):
        raise ShapeError("source", f"sequences ({split.train[0]} …)", "stills", "Pairs are made from single sharp pictures.")
    opener = PairOpener(pair_settings(how) if isinstance(how, str) else how, size, Draws(seed), flip=flip)
    inputs = TransformBlock(
        type_tfms=[_OpenInputs(opener, n_in)], batch_tfms=[IntToFloatTensor], dl_type=MFrameDL, dls_kwargs={"draws": opener.draws}
    )
    label = TransformBlock(type_tfms=[_OpenLabel(opener)], batch_tfms=[IntToFloatTensor])
    block = DataBlock(blocks=[inputs, label], n_inp=1, splitter=lambda _: (split.train_indices, split.valid_indices))
    n_train = samples_per_epoch or len(split.train)
    dls = block.dataloaders(
        split.items, path=path, bs=bs, n=n_train, drop_last=n_train >= bs, num_workers=num_workers, device=device
    )
    dls.form, dls.n_in = BatchForm(2, size, size), n_in
    return dls
