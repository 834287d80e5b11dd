"""What keeps FusionNet from living on the middle frame alone: taught alignment, and batches with fewer frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from fastai.callback.core import Callback
from fastai.learner import Metric
from torch import Tensor

from sharpening.models.basic_blocks import affine_grid

__all__ = ["AlignmentError", "FewerFrames", "TrueMotion", "alignment_error"]


def alignment_error(flow: Tensor, motion: Tensor) -> Tensor:
    """How far the frames were sampled from where the middle's points truly lie.

    Args:
        flow: `[bs, n, H, W, 2]`, sampling positions, −1 … 1 with pixel edges at ±1.
        motion: `[bs, n, 2, 3]`, true affine motion in the same coordinates; NaN where it is not known.

    Returns:
        One distance [share of the picture's side] for each point of a frame other than the middle that has true motion and
        whose true place lies inside the frame. May be empty.
    """
    bs, n, height, width = flow.shape[:4]
    known = motion.isfinite().all(dim=-1).all(dim=-1)
    known[:, n // 2] = False  # the middle is aligned with itself by construction
    true = affine_grid(motion.nan_to_num().flatten(0, 1), height, width).unflatten(0, (bs, n))
    counts = known[:, :, None, None] & (true.abs().amax(dim=-1) <= 1)
    # The small number keeps the gradient of the length finite where the flow is exact.
    return (((flow - true) ** 2).sum(dim=-1) + 1e-8).sqrt()[counts] / 2


class TrueMotion(Callback):
    """Teaches the alignment by the motion that is known of made sequences (third part of the batch, `mframe_dls(motion=True)`).

    While it is active the network's `forward` is listened in on, so that the flow of the very same pass is used. Where the
    batch carries no motion it does nothing.

    Args:
        weight: Of the mean error [px of the frames] in the loss.
    """

    order = 12  # after the tensors are cast (9) and mixed precision (10)

    def __init__(self, weight: float = 0.1) -> None:
        super().__init__()
        self.weight = weight
        self.error: Tensor | None = None
        self._motion: Tensor | None = None
        self._flow: Tensor | None = None

    def before_fit(self) -> None:
        """Begin to listen."""
        self.model.forward = self._forward

    def after_fit(self) -> None:
        """Stop listening: the class's own `forward` shows again."""
        self.model.__dict__.pop("forward", None)

    def before_batch(self) -> None:
        """Take the motion out of the batch, so that losses and metrics see the label alone."""
        self._motion = self.yb[1] if len(self.yb) > 1 else None
        self.learn.yb = self.yb[:1]

    def after_loss(self) -> None:
        """Add the error of the alignment."""
        self.error = None
        if self._motion is None or self._flow is None:
            return
        distances = alignment_error(self._flow.float(), self._motion.float())
        if distances.numel():
            error = distances.mean() * self.xb[0].shape[-1]
            self.error = error.detach()
            self.learn.loss_grad = self.learn.loss_grad + self.weight * error
            self.learn.loss = self.learn.loss_grad.clone()

    def _forward(self, frames: Tensor) -> Tensor:
        pred, self._flow, *_ = self.model.parts(frames)
        return pred


class AlignmentError(Metric):
    """Mean error of the alignment over the validation batches [px of the frames], as `TrueMotion` measures it."""

    name = "align_px"

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._total, self._count = 0.0, 0

    def accumulate(self, learn: Any) -> None:
        """Add the batch that was just seen, if its motion is known."""
        error = learn.true_motion.error
        if error is not None:
            bs = len(learn.yb[0])
            self._total, self._count = self._total + float(error) * bs, self._count + bs

    @property
    def value(self) -> float | None:
        """The mean, or None where no motion is known."""
        return self._total / self._count if self._count else None


class FewerFrames(Callback):
    """Gives some training batches a random number of the frames, the middle always among them: the net must do with any number.

    Args:
        p: Share of the batches.
    """

    order, run_valid = 11, False

    def __init__(self, p: float = 0.15) -> None:
        super().__init__()
        self.p = p

    def before_batch(self) -> None:
        """Draw for the batch."""
        draws = getattr(self.dls.train, "draws", None)
        rng = np.random.default_rng((draws.seed if draws else 0, int(self.epoch), int(self.iter)))
        frames = self.xb[0]
        n = frames.shape[1] // 3
        if n == 1 or rng.random() >= self.p:
            return
        chosen = torch.tensor(choose_frames(rng, n), device=frames.device)
        self.learn.xb = (frames.unflatten(1, (n, 3))[:, chosen].flatten(1, 2),)
        if len(self.yb) > 1:
            self.learn.yb = (self.yb[0], self.yb[1][:, chosen], *self.yb[2:])


def choose_frames(rng: np.random.Generator, n: int) -> list[int]:
    """Indices of 1 to n − 1 frames of n, the middle one (`n // 2`) in the middle again."""
    count = int(rng.integers(1, n))
    others = rng.permutation([i for i in range(n) if i != n // 2])[: count - 1].tolist()
    return [*others[: count // 2], n // 2, *others[count // 2 :]]
