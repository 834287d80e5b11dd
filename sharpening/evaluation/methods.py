"""The methods of a comparison by name: each takes frames `[bs, 3·n, 32, 32]` in 0 … 1 and returns `[bs, 3, 128, 128]` in 0 … 1."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sharpening.errors import InputError, RangeError, WeightsMissing
from sharpening.evaluation.baselines import back_projection, fsrcnn, interpolate
from sharpening.evaluation.sample import Sample
from sharpening.imaging.resize import resize_tensor
from sharpening.restore.network import TrainedNetwork, load_network
from sharpening.weights.card import WeightCard

__all__ = [
    "BASELINES",
    "FSRCNN",
    "Made",
    "Method",
    "NetworkMethod",
    "Runner",
    "SequenceMethod",
    "build_methods",
    "fitted",
    "network_method",
    "weight_facts",
    "weights_of",
]

Method = Callable[[Tensor], Tensor]


class Made(NamedTuple):
    """What a method made of some samples.

    Attributes:
        pictures: `[bs, 3, H, W]` in 0 … 1.
        facts: Columns `[bs]` that the method itself knows.
    """

    pictures: Tensor
    facts: Mapping[str, Tensor] = {}


class SequenceMethod(ABC):
    """A method that takes whole samples instead of a batch of frames, one after the other."""

    @abstractmethod
    def of(self, samples: Sequence[Sample]) -> Made:
        """Restore the middle of each sample."""


Runner = Method | SequenceMethod
FSRCNN = "FSRCNN_x4.pb"
"""OpenCV's published file."""
# Always in the table; the thesis printed no bicubic row, and the row beats its nets (docs/decisions.md).
BASELINES: dict[str, Method] = {
    "nearest": partial(interpolate, mode="nearest"),
    "bilinear": partial(interpolate, mode="bilinear"),
    "bicubic": partial(interpolate, mode="bicubic"),
    "back-projection": back_projection,
}


def build_methods(
    names: list[str] | None = None,
    *,
    twin: str | Path | None = None,
    peers: str | Path | None = None,
    pretrained: str | Path | None = None,
) -> dict[str, Method]:
    """The methods to compare, in the order of the table.

    Args:
        names: Which; all that can be had when None. Besides those of `BASELINES`: "fsrcnn", "twin", "default", "default-one-frame"
            (the default net given the middle frame alone), or the name or path of any weights.
        twin: Weights of the single-frame twin; without them the method is left out of "all".
        peers: Folder with the published files of other methods (`FSRCNN_x4.pb`); without it they are left out of "all".
        pretrained: Folder to search weights in first.
    """
    peer = None if peers is None else Path(peers) / FSRCNN
    if names is None:
        optional = ["fsrcnn"] * (peer is not None and peer.is_file()) + ["twin"] * (twin is not None)
        names = [*BASELINES, *optional, "default-one-frame", "default"]
    return {name: _build(name, twin, peer, pretrained) for name in names}


def _build(name: str, twin: str | Path | None, peer: Path | None, pretrained: str | Path | None) -> Method:
    if name in BASELINES:
        return BASELINES[name]
    if name == "fsrcnn":
        if peer is None:
            raise InputError("fsrcnn", "needs the folder of the published file.", "Name it with --peers.")
        return fsrcnn(peer)
    if name == "twin":
        if twin is None:
            raise InputError(
                "twin", "needs the weights of the single-frame twin.", "Train them (make train-twin) and name them with --twin."
            )
        return network_method(twin, pretrained, one_frame=True)
    if name.endswith("-one-frame"):
        try:
            # Weights may be called so themselves: those of the recipes "fusion-one-frame" and "thesis-unet-one-frame" are.
            return network_method(name, pretrained)
        except WeightsMissing:
            return network_method(name.removesuffix("-one-frame"), pretrained, one_frame=True)
    return network_method(name, pretrained)


@dataclass(frozen=True)
class NetworkMethod:
    """A trained network as a method of a comparison: it gets the frames as its card says that it learned from them.

    Attributes:
        trained: network and card.
        one_frame: it is given the middle frame alone.
    """

    trained: TrainedNetwork
    one_frame: bool = False

    def __call__(self, frames: Tensor) -> Tensor:
        """Restore the middle of frames `[bs, 3·n, h, h]` in 0 … 1: `[bs, 3, H, H]` in 0 … 1, H as the network makes it."""
        return self.trained(self._stack(frames)).pictures

    def traced(self, frames: Tensor) -> Tensor:
        """The same as a call, but gradients flow back to the frames."""
        return self.trained.traced(self._stack(frames)).pictures

    def _stack(self, frames: Tensor) -> Tensor:
        stack, size = frames.unflatten(1, (-1, 3)), self.trained.card.size_in
        n = stack.shape[1]
        wanted = self._n_frames(n)
        if wanted != n:
            # A network of fewer frames gets those round the middle; one of more, the edge frames again, as in restoring.
            places = torch.arange(wanted) - wanted // 2 + n // 2
            stack = stack[:, places.clamp(0, n - 1)]
        if stack.shape[-1] == size:
            return stack
        # As `mframe_dl.EnlargeFrames` does in training: bicubic, and no values that a picture file could not hold.
        return resize_tensor(stack.flatten(0, 1), size).clamp(0, 1).unflatten(0, stack.shape[:2])

    def _n_frames(self, n: int) -> int:
        if self.one_frame or self.trained.card.n_frames == 1:
            return 1
        return n if self.trained.takes_any_number else self.trained.n_frames


def network_method(weights: str | Path, pretrained: str | Path | None = None, *, one_frame: bool = False) -> NetworkMethod:
    """The network of some weights as a method.

    Args:
        weights: Name or path, see `restore.network.load_network`.
        pretrained: Folder to search first.
        one_frame: Give it the middle frame alone.

    Raises:
        RangeError: if it shall get one frame and takes another number.
    """
    trained = load_network(weights, pretrained=pretrained)
    if one_frame and not trained.takes_any_number and trained.card.n_frames not in (None, 1):
        advice = "Give weights that were trained on one frame."
        raise RangeError(f"frames of {trained.card.name}", 1, f"{trained.card.n_frames}, as it was trained", advice)
    return NetworkMethod(trained, one_frame)


def weights_of(method: Runner) -> dict[str, Any] | None:
    """Facts on the weights of a network, for what is stored beside its figures; None for other methods."""
    return weight_facts(method.trained.card) if isinstance(method, NetworkMethod) else None


def weight_facts(card: WeightCard) -> dict[str, Any]:
    """Which weights they are, and how they came to be."""
    return {"name": card.name, "model": card.model, "sha256": card.sha256, "n_parameters": card.n_parameters, "recipe": card.recipe}


def fitted(pred: Tensor, label: Tensor) -> Tensor:
    """Bring pictures `[bs, 3, H, W]` in 0 … 1 to the size of the labels, for networks that make another one (112, 144 px).

    Bicubic, with a low-pass filter where it shrinks, as `imaging.resize.resize_tensor`; pictures that fit stay as they are.
    """
    size = (label.shape[-2], label.shape[-1])
    return pred if tuple(pred.shape[-2:]) == size else resize_tensor(pred, size).clamp(0, 1)
