"""What the generators of this room take."""

from __future__ import annotations

from torch import Tensor

from sharpening.errors import ShapeError

__all__ = ["check_stack"]

_SMALLEST = 16  # px: a face of fewer is none


def check_stack(frames: Tensor, n_frames: int) -> Tensor:
    """The frames as they came, if a generator for `n_frames` can take them.

    Args:
        frames: `[bs, 3·n_frames, H, W]`.
        n_frames: frames in a stack.

    Raises:
        ShapeError: for another number of channels, or sides under 16 px.
    """
    if frames.ndim != 4 or frames.shape[1] != 3 * n_frames or min(frames.shape[-2:]) < _SMALLEST:
        wanted = f"[bs, {3 * n_frames}, H ≥ {_SMALLEST}, W ≥ {_SMALLEST}]"
        advice = f"The network was built for {n_frames} frames; its setting n_frames builds one for another number."
        raise ShapeError("frames", tuple(frames.shape), wanted, advice)
    return frames
