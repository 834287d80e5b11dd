"""The methods of a comparison by name: each takes frames `[bs, 3·n, 32, 32]` in 0 … 1 and returns `[bs, 3, 128, 128]` in 0 … 1."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from torch import Tensor

from sharpening.errors import InputError
from sharpening.evaluation.baselines import back_projection, fsrcnn, interpolate, middle_of
from sharpening.imaging.resize import resize_tensor
from sharpening.restore.network import load_network

__all__ = ["BASELINES", "Method", "build_methods"]

Method = Callable[[Tensor], Tensor]
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
    peer = None if peers is None else Path(peers) / "FSRCNN_x4.pb"
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
        return _network(twin, pretrained, one_frame=True)
    one_frame = name.endswith("-one-frame")
    return _network(name.removesuffix("-one-frame"), pretrained, one_frame=one_frame)


def _network(weights: str | Path, pretrained: str | Path | None, *, one_frame: bool) -> Method:
    network = load_network(weights, pretrained=pretrained)

    def run(frames: Tensor) -> Tensor:
        stack = (middle_of(frames) if one_frame else frames).unflatten(1, (-1, 3))
        if stack.shape[-1] != network.card.size_in:
            stack = resize_tensor(stack.flatten(0, 1), network.card.size_in).unflatten(0, stack.shape[:2])
        return network(stack).pictures

    return run
