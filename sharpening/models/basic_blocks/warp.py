"""Sampling pictures and features along grids. Coordinates are −1 … 1 with pixel edges at ±1 (`align_corners=False`)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["identity_grid", "warp"]


def identity_grid(height: int, width: int, like: Tensor) -> Tensor:
    """Pixel centres `[height, width, 2]` (x, y) in the dtype and on the device of `like`."""
    y = (torch.arange(height, dtype=like.dtype, device=like.device) + 0.5) * (2 / height) - 1
    x = (torch.arange(width, dtype=like.dtype, device=like.device) + 0.5) * (2 / width) - 1
    return torch.stack([x.expand(height, width), y[:, None].expand(height, width)], dim=-1)


def warp(x: Tensor, grid: Tensor) -> Tensor:
    """Sample `x` `[bs, c, h, w]` at `grid` `[bs, H, W, 2]` bilinearly; outside, the border pixel counts."""
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
