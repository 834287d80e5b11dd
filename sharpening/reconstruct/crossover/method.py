"""The table of cross-overs, and how one is made ready."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from sharpening.errors import RangeError
from sharpening.registry import Registry

__all__ = ["Crossover", "create_crossover", "crossovers"]

Crossover = Callable[[Tensor, Tensor, Tensor], Tensor]
"""`f(base [3, H, W], source [3, H, W], mask [1, H, W]) -> [3, H, W]`, all in [0, 1]; mask 1 = take from the source."""

crossovers = Registry("crossover")
crossovers.add("sharp", "sharpening.reconstruct.crossover.sharp:sharp")
crossovers.add("soft", "sharpening.reconstruct.crossover.soft:soft")
crossovers.add("colour", "sharpening.reconstruct.crossover.colour:colour")
crossovers.add("gradient", "sharpening.reconstruct.crossover.gradient:gradient")
crossovers.add("unet", "sharpening.reconstruct.crossover.unet:unet")
crossovers.add("stylegan", "sharpening.reconstruct.crossover.stylegan:stylegan")

# What loads the network of those that have one; it becomes their setting `network`.
_networks = Registry("crossover with a network")
_networks.add("unet", "sharpening.reconstruct.crossover.unet:load_crossover_net")
_networks.add("stylegan", "sharpening.reconstruct.crossover.stylegan:load_stylegan_crossover")


def create_crossover(
    name: str, *, weights: str | Path | None = None, pretrained: str | Path | None = None, **settings: Any
) -> Crossover:
    """Make the cross-over called `name` ready.

    Args:
        name: one of `crossovers.names()`.
        weights: name or path of the weights, for a method with a network.
        pretrained: folder to search the weights in first.
        **settings: the method's own, see its function.

    Returns:
        The function of base, source and mask.

    Raises:
        KeyError: for an unknown name, with the nearest known ones.
        RangeError: for an unknown setting, or weights for a method without a network.
        WeightsMissing: if the weights are nowhere, or the method needs some and none were named.
    """
    method = crossovers.get(name)
    known = [key for key, what in inspect.signature(method).parameters.items() if what.kind is what.KEYWORD_ONLY]
    if unknown := sorted(set(settings) - set(known)):
        raise RangeError(f"settings of crossover '{name}'", ", ".join(unknown), f"some of {', '.join(known) or 'none'}")
    if name in _networks:
        if "network" not in settings:
            settings["network"] = _networks.get(name)(weights, pretrained=pretrained)
    elif weights is not None:
        raise RangeError(f"weights of crossover '{name}'", weights, "none", "It has no network; leave the weights out.")
    return functools.partial(method, **settings)
