"""Iterated back-projection: what the frames say together about the large picture, with nothing learned (Irani and Peleg 1991)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from sharpening.models.basic_blocks.registration import affine_grid
from sharpening.models.basic_blocks.warp import warp

__all__ = ["back_project"]


def back_project(stack: Tensor, affine: Tensor, *, scale: int = 4, iterations: int = 2, step: float = 1.0) -> Tensor:
    """The large picture of the middle frame that explains all frames best.

    Start: the mean of all frames, enlarged and registered onto the middle. Then, `iterations` times: look at the result as each frame saw
    it, and bring the mean of what is missing back. Frames that do not look like the middle one count little.

    Args:
        stack: `[bs, n, 3, h, w]`, 0 … 1.
        affine: `[bs·n, 2, 3]`: where the points of the middle frame lie in each frame; the middle's own is the identity.
        scale: How much larger the result is.
        iterations: More follow the frames more closely, and their compression too.
        step: Share of what is missing that is brought back.

    Returns:
        `[bs, 3, scale·h, scale·w]`, not clamped. No gradient flows through it.
    """
    bs, n, _, height, width = stack.shape
    large = (scale * height, scale * width)
    with torch.no_grad():
        moving, reference = stack.flatten(0, 1), stack[:, n // 2, None].expand_as(stack).flatten(0, 1)
        gather_grid, see_grid = affine_grid(affine, *large), affine_grid(_inverse(affine), *large)
        weight = _agreement(warp(moving, affine_grid(affine, height, width)), reference).unflatten(0, (bs, n))
        weight = weight / weight.sum(dim=1, keepdim=True)

        def gather(pictures: Tensor) -> Tensor:
            """Enlarge, register and average in one sampling."""
            sampled = F.grid_sample(pictures, gather_grid, mode="bicubic", padding_mode="border", align_corners=False)
            return (sampled.unflatten(0, (bs, n)) * weight).sum(dim=1)

        result = gather(moving)
        for _ in range(iterations):
            seen = F.avg_pool2d(warp(result.repeat_interleave(n, dim=0), see_grid), scale)
            result = result + step * gather(moving - seen)
    return result


def _inverse(affine: Tensor) -> Tensor:
    a, b, c, d = affine[:, 0, 0], affine[:, 0, 1], affine[:, 1, 0], affine[:, 1, 1]
    # The determinant of a plausible motion is near 1; the clamp keeps an implausible one finite.
    inverse = torch.stack([d, -b, -c, a], dim=1).unflatten(1, (2, 2)) / (a * d - b * c).clamp(min=0.1)[:, None, None]
    return torch.cat([inverse, -inverse @ affine[:, :, 2:]], dim=2)


def _agreement(registered: Tensor, reference: Tensor) -> Tensor:
    """Weight `[b, 1, 1, 1]` of a registered frame: near 1, and small where it does not look like the middle one (noise, another scene)."""
    registered, reference = F.avg_pool2d(registered, 4), F.avg_pool2d(reference, 4)
    miss = (registered - reference).square().mean(dim=(1, 2, 3), keepdim=True)
    return 1 / (1 + (miss / 0.05**2) ** 2)
