"""Align & Blend: the part is cut out of the source after it was aligned, and put where the base has it (thesis section 2.3)."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from sharpening.reconstruct.transfer.measure import measure
from sharpening.reconstruct.transfer.points import part_map
from sharpening.reconstruct.transfer.sampling import affine_field, check_transfer, sample
from sharpening.reconstruct.view import Moved, View

__all__ = ["align_blend"]


def align_blend(
    source: View, base: View, mask: Tensor, *, floor: float = 0.15, reach: float = 0.5, facts: dict[str, Any] | None = None
) -> Moved:
    """Turn, zoom and shift the source so that its landmarks round the wanted part lie on those of the base.

    Only the landmarks are looked at, so the result is as good as they are: about 0.03 eye distances on a poor frame of 32 px, three
    times that where the base is blurred.

    Args:
        source: the picture that has the part.
        base: the picture that wants it, of any other size.
        mask: `[1, H, W]` in [0, 1]: the part, in the base's pixels.
        floor: what the landmarks of the rest of the face count for, beside 1 on the part.
        reach: how far round the part landmarks count [eye distances].
        facts: is filled with what `measure` finds.

    Raises:
        ShapeError, RangeError: if the mask does not fit the base.

    Source: thesis section 2.3.
    """
    check_transfer(source, base, mask)
    found = part_map(source.landmarks, base.landmarks, mask, floor=floor, reach=reach)
    moved = sample(source.picture, affine_field(found, *base.picture.shape[-2:]))
    if facts is not None:
        facts.update(measure(base, moved, mask))
    return moved
