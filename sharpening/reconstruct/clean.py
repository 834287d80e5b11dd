"""Removing artifacts and enlarging: every frame becomes a picture that the later steps can work on (thesis section 2.3)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import RangeError
from sharpening.imaging.convert import to_tensor
from sharpening.imaging.resize import resize_tensor
from sharpening.restore.network import TrainedNetwork, load_network

__all__ = ["LARGEST_SIDE", "Cleaner", "bicubic_cleaner", "create_cleaner", "network_cleaner", "order_round"]

LARGEST_SIDE = 512  # px: of a cleaned picture; parsers and single-frame nets want no more, and seven of them take 22 MB


class Cleaner(NamedTuple):
    """What makes pictures out of frames.

    Attributes:
        name: "bicubic", or the name of the weights.
        clean: frames uint8 `[n, h, h, 3]` to pictures float32 `[n, 3, H, H]` in [0, 1].
        size_in: smallest side of the frames that it wants [px].
        largest: largest side of the frames that it is given [px].
        n_frames: how many frames it looks at for one picture.
    """

    name: str
    clean: Callable[[NDArray[np.uint8]], Tensor]
    size_in: int
    largest: int
    n_frames: int


def create_cleaner(name: str | Path, *, enlarge: int = 4, pretrained: str | Path | None = None) -> Cleaner:
    """The cleaner called `name`.

    Args:
        name: "bicubic", or the name or path of weights: each frame is then restored in its turn with the others to help.
        enlarge: of "bicubic"; a network has its own factor.
        pretrained: folder to search the weights in first.

    Raises:
        WeightsMissing: the weights are nowhere.
        RangeError: `enlarge` is under 1.
    """
    return bicubic_cleaner(enlarge) if str(name) == "bicubic" else network_cleaner(load_network(name, pretrained=pretrained))


def bicubic_cleaner(enlarge: int = 4) -> Cleaner:
    """Enlarge each frame by bicubic interpolation, and nothing else: the fallback that needs no weights."""
    if enlarge < 1:
        raise RangeError("enlarge", enlarge, "1 or more")

    def clean(frames: NDArray[np.uint8]) -> Tensor:
        return resize_tensor(to_tensor(frames), frames.shape[1] * enlarge).clamp(0, 1)

    return Cleaner("bicubic", clean, 32, max(32, LARGEST_SIDE // enlarge), 7)


def network_cleaner(trained: TrainedNetwork) -> Cleaner:
    """Restore every frame with a trained network: a multi-frame net sees each frame in the middle of its nearest neighbours."""

    def clean(frames: NDArray[np.uint8]) -> Tensor:
        stack = to_tensor(frames)
        made = [trained(stack[order_round(i, len(stack), trained)][None]).pictures[0].float() for i in range(len(stack))]
        # Out of inference mode, so that later steps may do with it what they like.
        return torch.stack(made).clone()

    return Cleaner(trained.card.name, clean, trained.card.size_in, trained.largest, trained.n_frames)


def order_round(index: int, n: int, trained: TrainedNetwork) -> list[int]:
    """Which of n frames the network is given, so that frame `index` is the middle one.

    The nearest frames in time are taken. Near the ends of the sequence they stand on one side; they are dealt out to both sides, since the
    network wants the frame to restore in the middle. A network of a fixed number gets frames twice where there are too few.
    """
    wanted = min(n, trained.n_frames) if trained.takes_any_number else trained.n_frames
    near = sorted((j for j in range(n) if j != index), key=lambda j: (abs(j - index), j))[: wanted - 1]
    near += [near[i % len(near)] if near else index for i in range(wanted - 1 - len(near))]
    others = sorted(near)
    return [*others[: wanted // 2], index, *others[wanted // 2 :]]
