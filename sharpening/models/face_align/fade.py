"""The soft border with which an aligned face goes back into its picture."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpening.errors import RangeError

__all__ = ["fading"]


def fading(height: int, width: int, share: float = 1 / 8) -> Tensor:
    """A mask that is 1 but for the outermost part of each side, where it fades to 0: the face lies inside.

    Args:
        height: of the aligned picture [px].
        width: of it [px].
        share: of a side that fades, 0 (a hard border) to 0.5.

    Returns:
        float32 `[1, H, W]` in [0, 1].

    Raises:
        RangeError: for another share.
    """
    if not 0 <= share <= 0.5:
        raise RangeError("share", share, "0 … 0.5")
    if share == 0:
        return torch.ones(1, height, width)
    ramps = [(torch.arange(side) + 0.5) / side for side in (height, width)]
    down, across = ((torch.minimum(ramp, 1 - ramp) / share).clamp(max=1) for ramp in ramps)
    return (down[:, None] * across)[None]
