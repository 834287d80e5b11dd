"""Finetuners without a network: nothing at all, and an unsharp mask."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from sharpening.errors import RangeError
from sharpening.reconstruct.finetune.method import SingleFrame

__all__ = ["build_none", "build_unsharp_mask", "unsharp_mask"]

SIGMA = 0.75 / 128
"""Standard deviation of what the unsharp mask takes away, as a share of the longer side."""

AMOUNT = 1.0
"""How many times what was taken away is added: costs restored faces 0.1 dB and makes their CPBD two and a half times higher."""


def build_none(weights: str | Path | None = None, pretrained: str | Path | None = None) -> SingleFrame:
    """A finetuner that gives the picture back."""
    return torch.clone


def build_unsharp_mask(weights: str | Path | None = None, pretrained: str | Path | None = None) -> SingleFrame:
    """The unsharp mask at its default strength."""
    return unsharp_mask


def unsharp_mask(picture: Tensor, *, amount: float = AMOUNT, sigma: float = SIGMA) -> Tensor:
    """Add to a picture what a Gaussian takes away from it.

    It raises the contrast of the edges that are there and knows nothing of faces: it can invent no feature and change no person.

    Args:
        picture: `[3, H, W]`, RGB in [0, 1].
        amount: how much is added; 0 changes nothing.
        sigma: standard deviation of the Gaussian, as a share of the longer side.

    Returns:
        `[3, H, W]`, clamped to [0, 1].

    Raises:
        RangeError: for a negative setting.
    """
    if amount < 0 or sigma <= 0:
        raise RangeError("amount, sigma", (amount, sigma), "0 or more, above 0")
    seen = np.ascontiguousarray(picture.detach().cpu().float().movedim(0, -1).numpy())
    low = cv2.GaussianBlur(seen, (0, 0), sigma * max(seen.shape[:2]), borderType=cv2.BORDER_REFLECT_101)
    made = torch.from_numpy(seen + amount * (seen - low)).movedim(-1, 0).contiguous()
    return made.clamp(0, 1).to(picture)
