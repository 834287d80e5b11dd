"""The cross-over by a network: `inpaint_net` sees base, source and mask and paints the join itself."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from sharpening.errors import RangeError, WeightsMissing
from sharpening.imaging.mask import mix
from sharpening.imaging.resize import resize_tensor
from sharpening.models.inpaint_net import InpaintNet
from sharpening.models.loading import load_trained
from sharpening.reconstruct.crossover.inputs import check_inputs
from sharpening.reconstruct.crossover.soft import GROW, SOFTNESS, soft_mask

__all__ = ["CrossoverNet", "load_crossover_net", "unet"]

_ADVICE = "Train them: sharpening train --recipe inpaint-truth (or inpaint-truth-small), and name the file that it writes."
_MULTIPLE = 32  # px: the network halves its input five times
_LEARNED = 128  # px, where the card says nothing


class CrossoverNet(NamedTuple):
    """A trained `InpaintNet` and the side of the pictures that it learned on [px]."""

    network: InpaintNet
    side: int


def load_crossover_net(weights: str | Path | None, *, pretrained: str | Path | None = None) -> CrossoverNet:
    """Load the network.

    Args:
        weights: name or path of weights of `inpaint_net`.
        pretrained: folder to search first.

    Raises:
        WeightsMissing: none were named, or they are nowhere; the message says how to train them.
        WeightsMismatch: they are of another network.
    """
    if weights is None:
        raise WeightsMissing("of crossover 'unet'", ["nowhere: none were named (weights=…)"], _ADVICE)
    try:
        network, card = load_trained(InpaintNet, "inpaint_net", weights, pretrained=pretrained)
    except WeightsMissing as error:
        raise WeightsMissing(error.name, error.searched, _ADVICE) from error
    return CrossoverNet(network.requires_grad_(False), card.size_in or _LEARNED)


def unet(
    base: Tensor,
    source: Tensor,
    mask: Tensor,
    *,
    network: CrossoverNet,
    keep_outside: bool = True,
    softness: float = SOFTNESS,
    grow: float = GROW,
) -> Tensor:
    """Let the network put the source's parts into the base.

    The network works at the side that it learned on. What it did there to the sharp cross-over is brought back to the picture's own size
    and added to the sharp cross-over there, so that larger pictures keep the source's detail.

    Args:
        base: `[3, H, W]`, RGB in [0, 1].
        source: the same shape, lying on the base.
        mask: `[1, H, W]` in [0, 1], 1 = take from the source.
        network: from `load_crossover_net`; `create_crossover` gives it.
        keep_outside: keep the base outside the softened mask; the network repaints the whole face otherwise, and a little worse.
        softness: of the border between the network's picture and the base, see `soft_mask`.
        grow: likewise.

    Returns:
        `[3, H, W]` in [0, 1].

    Raises:
        ShapeError, RangeError: see `check_inputs`.

    Source: the thesis, sections 2.3 and 3.4.
    """
    check_inputs(base, source, mask)
    if min(softness, grow) < 0:
        raise RangeError("softness, grow", (softness, grow), "0 or more")
    if not bool(mask.any()):
        return base.clone()
    made = _painted(base, source, mask.to(base), network)
    if keep_outside:
        made = mix(base, made, soft_mask(mask, softness=softness, grow=grow).to(base))
    return made.to(base.dtype)


@torch.no_grad()
def _painted(base: Tensor, source: Tensor, mask: Tensor, net: CrossoverNet) -> Tensor:
    size = (base.shape[1], base.shape[2])
    factor = net.side / max(size)
    inner = [max(_MULTIPLE, round(side * factor / _MULTIPLE) * _MULTIPLE) for side in size]
    pair = torch.stack([base, source]).float()
    small = resize_tensor(pair, (inner[0], inner[1])).clamp(0, 1)
    shape = (resize_tensor(mask[None].float(), (inner[0], inner[1]), "area") >= 0.5).float()
    painted = net.network(small[:1], small[1:], shape).clamp(0, 1)
    if tuple(inner) == size:
        return painted[0]
    change = painted - mix(small[:1], small[1:], shape)
    return (mix(base, source, mask) + resize_tensor(change, size, "bilinear")[0]).clamp(0, 1)
