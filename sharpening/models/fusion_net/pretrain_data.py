"""The data of the shipped weights: stills and real clips of `../shared/data`, decoded once, damaged anew for every sample."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from sharpening.frames.degrade import DegradeParams, DegradeSettings, apply, draw
from sharpening.imaging.files import read_picture
from sharpening.imaging.resize import resize

__all__ = ["FaceBank", "PretrainSet", "decode_bank"]

SIDE = 160


@dataclass(frozen=True)
class FaceBank:
    """Pictures in memory maps.

    Attributes:
        stills: uint8 `[N, 160, 160, 3]`.
        clip_frames: uint8 `[M, 160, 160, 3]`: the frames of all clips, one after the other.
        clips: For each clip its first frame, number of frames and kind ("dense", "sparse", "photoset_video").
    """

    stills: NDArray[np.uint8]
    clip_frames: NDArray[np.uint8]
    clips: tuple[tuple[int, int, str], ...]


def decode_bank(stills: Sequence[Path], clips: Sequence[tuple[Sequence[Path], str]], cache: Path) -> FaceBank:
    """Decode all pictures to 160×160 once; later calls with the same lists map the stored arrays."""
    spans: list[tuple[int, int, str]] = []
    paths: list[Path] = []
    for frames, kind in clips:
        spans.append((len(paths), len(frames), kind))
        paths += list(frames)
    return FaceBank(_decoded(stills, cache, "stills"), _decoded(paths, cache, "clips"), tuple(spans))


def _decoded(paths: Sequence[Path], cache: Path, kind: str) -> NDArray[np.uint8]:
    # Two runs at a time may decode the same list: each writes a file of its own, and the name tells the list.
    key = hashlib.sha256("\n".join(str(path.resolve()) for path in paths).encode()).hexdigest()[:12]
    file = cache / f"{kind}-{key}.npy"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}.part.npy")
        out = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(len(paths), SIDE, SIDE, 3))
        for i, path in enumerate(paths):
            out[i] = resize(read_picture(path), SIDE, "area")
        out.flush()
        part.replace(file)
    return np.load(file, mmap_mode="r")


class PretrainSet(Dataset[tuple[Tensor, ...]]):
    """Samples by number: the same (seed, epoch, index) gives the same sample, whatever the number of workers.

    All samples of one batch have the same number of frames, drawn per batch from `n_choices`.

    An item is: frames `[3n, 32, 32]` and label `[3, 128, 128]`, both 0 … 1; motion `[n, 2, 3]`; known `[n]`, 1 where motion is the truth;
    bend `[n, 32, 32, 2]`, what the true motion has beside `motion`.
    """

    def __init__(
        self, bank: FaceBank, how: DegradeSettings, *, length: int, bs: int, n_choices: Sequence[int], p_clip: float, seed: int = 0
    ) -> None:
        self.bank, self.how, self.length, self.bs = bank, how, length, bs
        self.n_choices, self.p_clip, self.seed, self.epoch = tuple(n_choices), p_clip, seed, 0
        # Real clips already move: only a little camera shake is added to them.
        self.clip_how = replace(how, rotation=1.5, zoom=0.02, shift=2.0, p_alive=0.0)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        if not 0 <= index < self.length:
            raise IndexError(index)
        n = int(np.random.default_rng([self.seed, self.epoch, index // self.bs, 1]).choice(self.n_choices))
        rng = np.random.default_rng([self.seed, self.epoch, index, 2])
        is_clip = rng.random() < self.p_clip and len(self.bank.clips) > 0
        picture = self._clip(rng, n) if is_clip else self.bank.stills[rng.integers(len(self.bank.stills))]
        if rng.random() < 0.5:
            picture = picture[..., ::-1, :]
        params = self._shuffled(rng, draw(rng, self.clip_how if is_clip else self.how, n_frames=n))
        other = self.bank.stills[rng.integers(len(self.bank.stills))]
        made = apply(np.ascontiguousarray(picture), params, other=other)
        frames = torch.from_numpy(made.frames).permute(0, 3, 1, 2).flatten(0, 1).float() / 255
        label = torch.from_numpy(made.label).permute(2, 0, 1).float() / 255
        known = torch.from_numpy(made.trusted).float() * (0.0 if is_clip else 1.0)
        side = made.frames.shape[1]
        bend = np.zeros((n, side, side, 2), np.float32) if made.bend is None else made.bend
        return frames, label, torch.from_numpy(made.motion), known, torch.from_numpy(bend)

    def _clip(self, rng: np.random.Generator, n: int) -> NDArray[np.uint8]:
        # Half of the draws are films: there are few of them, and their motion is the one that matters.
        films = [clip for clip in self.bank.clips if clip[2] != "photoset_video"]
        chosen = films if films and rng.random() < 0.5 else self.bank.clips
        first, length, kind = chosen[rng.integers(len(chosen))]
        stride = int(rng.integers(1, 5)) if kind == "dense" else 1
        middle = int(rng.integers(length))
        # Windows that reach over the end of a clip are reflected back into it.
        wanted = np.abs(middle + stride * (np.arange(n) - n // 2))
        return self.bank.clip_frames[first + np.clip(np.where(wanted >= length, 2 * (length - 1) - wanted, wanted), 0, length - 1)]

    @staticmethod
    def _shuffled(rng: np.random.Generator, params: DegradeParams) -> DegradeParams:
        # A quality drawn once for the sequence half of the time: film has one quality, stills found on the web have many.
        if params.crf is None and rng.random() < 0.5:
            quality = params.frames[0].quality
            return replace(params, frames=tuple(replace(f, quality=quality) for f in params.frames))
        return params
