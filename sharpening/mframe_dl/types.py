"""What a batch is made of."""

from __future__ import annotations

from dataclasses import dataclass

from fastai.torch_core import TensorBase, TensorImage
from torch import Tensor

from sharpening.errors import ShapeError

__all__ = ["BatchForm", "FrameStack", "Motion"]


class FrameStack(TensorImage):
    """The frames of a sequence, one after the other along the channels: `[bs, 3·n, H, W]`, or `[3·n, H, W]` for one.

    fastai's batch transforms take it for a picture with many channels, so whatever is done to it is done to all frames alike.

    >>> import torch
    >>> stack = FrameStack(torch.zeros(2, 21, 32, 32))
    >>> stack.frames().shape, stack.middle.shape, stack.n_frames
    (torch.Size([2, 7, 3, 32, 32]), torch.Size([2, 3, 32, 32]), 7)
    """

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        if self.ndim < 3 or self.shape[-3] % 3:
            raise ShapeError("frame stack", tuple(self.shape), "[…, 3·n, H, W]", "Stack RGB frames along the channels.")
        return self.shape[-3] // 3

    def frames(self) -> Tensor:
        """View `[…, n, 3, H, W]` as a plain tensor."""
        return self.as_subclass(Tensor).unflatten(-3, (self.n_frames, 3))

    @property
    def middle(self) -> Tensor:
        """The frame to restore, index `n // 2`: `[…, 3, H, W]`, a plain tensor."""
        return self.frames()[..., self.n_frames // 2, :, :, :]


class Motion(TensorBase):
    """True motion of made sequences, `[bs, n, 2, 3]`: affine maps from points of the middle frame to points of frame i.

    Coordinates are −1 … 1 with pixel edges at ±1. A frame without true motion (garbage) holds NaN.
    """


@dataclass(frozen=True)
class BatchForm:
    """What a loader's batches look like; the card of weights trained on them repeats it.

    Attributes:
        n_frames: Frames in a stack.
        size_in: Side of the frames as the network gets them [px].
        size_out: Side of the label [px].
        normalisation: "none" (frames in 0 … 1) or "imagenet". Labels are always in 0 … 1.
    """

    n_frames: int
    size_in: int
    size_out: int
    normalisation: str = "none"
