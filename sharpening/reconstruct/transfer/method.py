"""The table of transfers: how a part of the source is brought to the place that it has on the base."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from sharpening.errors import RangeError
from sharpening.reconstruct.view import Moved, View
from sharpening.registry import Registry

__all__ = ["Transfer", "create_transfer", "transfers"]

transfers = Registry("transfer")
transfers.add("align-blend", "sharpening.reconstruct.transfer.align_blend:align_blend")
transfers.add("dlib", "sharpening.reconstruct.transfer.dlib_swap:dlib_swap")
transfers.add("dense", "sharpening.reconstruct.transfer.dense:dense")
transfers.add("few-shot", "sharpening.reconstruct.transfer.few_shot:few_shot")
transfers.add("interface-gan", "sharpening.reconstruct.transfer.interface_gan:interface_gan")

# What loads the networks of those that have some; they become their setting `network`.
_networks = Registry("transfer with a network")
_networks.add("few-shot", "sharpening.reconstruct.transfer.few_shot:load_few_shot")
_networks.add("interface-gan", "sharpening.reconstruct.transfer.interface_gan:load_interface_gan")


class Transfer(Protocol):
    """What every transfer is: source, base and wanted part in, the source as it lies on the base out."""

    def __call__(self, source: View, base: View, mask: Tensor) -> Moved:
        """Bring the source onto the base; the mask `[1, H, W]` says in the base's pixels which part is wanted."""
        ...


def create_transfer(
    name: str, *, weights: str | Path | None = None, pretrained: str | Path | None = None, **settings: Any
) -> Transfer:
    """The transfer called `name`, with its settings fixed.

    Args:
        name: a name of `transfers`.
        weights: name or path of the weights, for a transfer with a network.
        pretrained: folder to search the weights in first.
        settings: keyword arguments of that function.

    Raises:
        RangeError: for weights of a transfer without a network.
        KeyError: for an unknown name.
        WeightsMissing: if the weights are nowhere, or the transfer needs some and none were named.

    >>> create_transfer("align-blend").func.__name__
    'align_blend'
    """
    method = transfers.get(name)
    if name in _networks:
        if "network" not in settings:
            settings["network"] = _networks.get(name)(weights, pretrained=pretrained)
    elif weights is not None:
        raise RangeError(f"weights of transfer '{name}'", weights, "none", "It has no network; leave the weights out.")
    return partial(method, **settings)
