"""Loaders of pairs for PSFR-GAN, damaged on the fly: the damaged picture and the true one, of the same size."""

from __future__ import annotations

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
from sharpening.frames.synth import centre_square
from sharpening.imaging.files import read_picture
from sharpening.imaging.resize import resize
from sharpening.mframe_dl import BatchForm, Draws, MFrameDL, find_items
from sharpening.mframe_dl.sources import Source, Splitter, is_still
from sharpening.mframe_dl.transforms import ViewRanges
from sharpening.models.psfr_gan.degrade import DamagedPair, damage_pair, draw_damage

__all__ = ["PairOpener", "psfr_dls"]


class PairOpener:
    """Makes a pair out of a still: anew in each epoch of training, the same way always in validation.

    Args:
        size: side of the pictures [px].
        draws: where the chance comes from.
        flip: mirror half of the stills, in training only.
    """

    def __init__(self, size: int, draws: Draws, *, flip: bool = True) -> None:
        self.size, self.draws, self.view = size, draws, ViewRanges(flip=flip)
        self._last: tuple[Any, tuple[bool, int, int], DamagedPair] | None = None

    def __call__(self, item: Path | str, *, train: bool = False) -> DamagedPair:
        """Open `item`.

        Raises:
            InputError: if it cannot be read.
        """
        when = self.draws.when(train=train)
        # Input and label of one sample are asked for one after the other: the second question is answered from memory.
        if self._last is None or self._last[0] is not item or self._last[1] != when:
            self._last = (item, when, self._open(Path(item), train))
        return self._last[2]

    def _open(self, path: Path, train: bool) -> DamagedPair:
        rng = self.draws.for_item("/".join(path.parts[-2:]), train=train)
        still = centre_square(read_picture(path))
        if train:
            still, _ = self.view(still, rng)
        still = resize(np.ascontiguousarray(still), self.size, "area" if still.shape[0] > self.size else "bicubic")
        return damage_pair(still, draw_damage(rng, size=self.size))


class _Open(Transform):
    def __init__(self, opener: PairOpener, place: int) -> None:
        super().__init__()
        self.opener, self.place = opener, place

    def __call__(self, item: Any, split_idx: int | None = None, **_: Any) -> TensorImage:
        # fastai hands the subset's index to each transform: 0 is training, where pairs are drawn anew.
        picture = self.opener(item, train=split_idx == 0)[self.place]
        return TensorImage(torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))))


def psfr_dls(
    data: Source,
    *,
    size: int = 512,
    bs: int = 2,
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
    """Loaders of damaged and true faces, made from aligned stills on the fly.

    Args:
        data: a folder of stills, the shared data's root, a list of paths, or `{"train": …, "valid": …}`.
        size: side of the pictures [px], that of the generator.
        bs: pairs in a batch.
        seed: of all chance: split, order, damage. The same seed gives the same batches, with any number of workers.
        valid_pct: share of the stills that validate, where the source does not say which.
        splitter: items → (indices that train, indices that validate).
        n_valid: largest number of stills that validate.
        samples_per_epoch: length of a training epoch; all stills by default.
        flip: mirror half of the samples.
        num_workers: processes that load.
        device: where batches go; CUDA where there is one.
        path: the Learner's folder for files.

    Returns:
        `DataLoaders` with batches of two `[bs, 3, size, size]` in 0 … 1: damaged, label.

    Raises:
        InputError: if the source holds nothing usable.
        ShapeError: if it holds sequences.
        RangeError: for impossible numbers.
    """
    for name, value, least in (("size", size, 32), ("bs", bs, 1)):
        if value < least:
            raise RangeError(name, value, f"{least} or more")
    split = find_items(data, seed=seed, valid_pct=valid_pct, splitter=splitter, kind="stills").cut(n_valid)
    if not is_still(split.train[0]):
        raise ShapeError("source", f"sequences ({split.train[0]} …)", "stills", "Pairs are made from single sharp pictures.")
    opener = PairOpener(size, Draws(seed), flip=flip)
    damaged = TransformBlock(
        type_tfms=[_Open(opener, 0)], batch_tfms=[IntToFloatTensor], dl_type=MFrameDL, dls_kwargs={"draws": opener.draws}
    )
    label = TransformBlock(type_tfms=[_Open(opener, 1)], batch_tfms=[IntToFloatTensor])
    block = DataBlock(blocks=[damaged, label], n_inp=1, splitter=lambda _: (split.train_indices, split.valid_indices))
    n_train = samples_per_epoch or len(split.train)
    dls = block.dataloaders(
        split.items, path=path, bs=bs, n=n_train, drop_last=n_train >= bs, num_workers=num_workers, device=device
    )
    dls.form = BatchForm(1, size, size)
    return dls
