"""Two pictures and the mask between them: 1 where pixels come from the source, 0 where they stay those of the base."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpening.errors import RangeError, ShapeError

__all__ = ["check_mask", "mix", "pack_pair", "unpack_pair"]

_FORMS = {7: 1, 9: 3}  # channels of the packed form, and of the mask in it


def check_mask(mask: Tensor) -> None:
    """Refuse masks that are not in 0 … 1.

    Args:
        mask: Floating point, any shape.

    Raises:
        RangeError: for whole numbers (0 … 255, as masks lie on disk), values outside, NaN.
    """
    wanted = "floating point in 0 … 1, 1 = take from the source"
    if not mask.is_floating_point():
        raise RangeError(
            "mask", f"dtype {mask.dtype}", wanted, "A mask from a file is divided by 255, one of truth values made float."
        )
    if not bool(((mask >= 0) & (mask <= 1)).all()):
        low, high = float(mask.min()), float(mask.max())
        raise RangeError("mask", f"{low:.3g} … {high:.3g}", wanted, "A mask from a file is divided by 255.")


def mix(base: Tensor, source: Tensor, mask: Tensor) -> Tensor:
    """The sharp cross-over: the source inside the mask, the base outside.

    Args:
        base: `[bs, 3, H, W]`.
        source: The same shape.
        mask: `[bs, 1, H, W]` or `[bs, 3, H, W]` in 0 … 1; values between mix.

    Source: the thesis, equation 2.1.
    """
    return mask * source + (1 - mask) * base


def pack_pair(base: Tensor, source: Tensor, mask: Tensor, *, n_in: int = 9) -> Tensor:
    """Put base, source and mask one after the other, as a network takes them.

    Args:
        base: `[bs, 3, H, W]` in 0 … 1.
        source: The same shape.
        mask: `[bs, 1, H, W]` or `[bs, 3, H, W]`, in 0 … 1.
        n_in: 9 repeats the mask on three channels, 7 keeps it on one.

    Returns:
        `[bs, n_in, H, W]`.

    Raises:
        ShapeError: if the three do not fit together.
        RangeError: for another `n_in`, or a mask with colours.
    """
    if n_in not in _FORMS:
        raise RangeError("n_in", n_in, " or ".join(map(str, _FORMS)))
    if base.ndim != 4 or base.shape[1] != 3 or source.shape != base.shape:
        raise ShapeError("base and source", f"{tuple(base.shape)} and {tuple(source.shape)}", "two equal shapes [bs, 3, H, W]")
    if mask.ndim != 4 or mask.shape[1] not in (1, 3) or mask.shape[0] != base.shape[0] or mask.shape[2:] != base.shape[2:]:
        wanted = f"[{base.shape[0]}, 1, {base.shape[2]}, {base.shape[3]}]"
        raise ShapeError("mask", tuple(mask.shape), wanted, "It lies on the base, pixel by pixel.")
    if mask.shape[1] == 3 and not bool((mask == mask[:, :1]).all()):
        raise RangeError("mask", "three channels that differ", "one, or three that are equal", "A mask has no colours.")
    one = mask[:, :1].to(base.dtype)
    return torch.cat([base, source, *[one] * _FORMS[n_in]], dim=1)


def unpack_pair(packed: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Base `[bs, 3, H, W]`, source `[bs, 3, H, W]` and mask `[bs, 1, H, W]` out of the packed form `[bs, 7 or 9, H, W]`.

    Raises:
        ShapeError: if it is no packed pair.
    """
    if packed.ndim != 4 or packed.shape[1] not in _FORMS:
        raise ShapeError("packed pair", tuple(packed.shape), "[bs, 9, H, W] or [bs, 7, H, W]: base, source, mask")
    return packed[:, :3], packed[:, 3:6], packed[:, 6:7]
