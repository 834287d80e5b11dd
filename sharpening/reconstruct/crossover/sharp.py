"""The sharp cross-over: source inside the mask, base outside."""

from __future__ import annotations

from torch import Tensor

from sharpening.imaging.mask import mix
from sharpening.reconstruct.crossover.inputs import check_inputs

__all__ = ["sharp"]


def sharp(base: Tensor, source: Tensor, mask: Tensor) -> Tensor:
    """Put the source's pixels into the base where the mask is 1.

    Args:
        base: `[3, H, W]`, RGB in [0, 1].
        source: the same shape, lying on the base.
        mask: `[1, H, W]` in [0, 1]; values between mix.

    Returns:
        `[3, H, W]`.

    Raises:
        ShapeError, RangeError: see `check_inputs`.

    Source: the thesis, equation 2.1.
    """
    check_inputs(base, source, mask)
    return mix(base, source, mask.to(base))
