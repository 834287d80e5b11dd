"""Whether the frames bear a result out: it is looked at as each frame saw it, and laid beside the frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from sharpening.models.basic_blocks import affine_grid, estimate_affine, inverse_affine, warp

__all__ = ["Support", "support_of"]

Map = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Support:
    """The result against each frame; the mean colours are matched first.

    Attributes:
        difference: n numbers: mean of the absolute difference where both are seen [grey levels]; None for a frame that sees nothing of it.
        correlation: n numbers, −1 … 1, of the luminance there; 0 where one of them is flat.
        maps: float32 `[n, H, W]`: the difference at each place of the result, NaN where the frame does not reach [grey levels].
        aligned: float32 `[n, H, W]`: luminance of each frame, moved onto the result, 0 … 1.
    """

    difference: tuple[float | None, ...]
    correlation: tuple[float, ...]
    maps: Map
    aligned: Map


@torch.no_grad()
def support_of(picture: NDArray[np.float32], frames: Tensor, *, middle: int) -> Support:
    """Move the result to where each frame stands, shrink it by area to the frame's size, and compare.

    The motion is affine and estimated here, from the pixels of the frame and the shrunk result, not taken from the network: what a network
    believes of its own frames is no check of it. Turns of the head and changes of the face count as difference, and so do the frame's own
    noise and coding.

    Args:
        picture: `[H, W, 3]`, RGB in [0, 1].
        frames: `[n, 3, h, w]`, RGB in [0, 1].
        middle: index of the frame that lies on the result without any motion.
    """
    large = torch.from_numpy(np.ascontiguousarray(picture)).float().movedim(-1, 0)[None]
    frames = frames.float().cpu()
    n, _, height, width = frames.shape
    affine = estimate_affine(frames, F.interpolate(large, (height, width), mode="area").expand(n, -1, -1, -1))
    affine[middle] = torch.eye(2, 3)
    # One bilinear sample for each pixel of the result, then their mean over a pixel of the frame.
    grid = affine_grid(affine, *large.shape[-2:])
    seen = F.interpolate(warp(large.expand(n, -1, -1, -1), grid), (height, width), mode="area")
    inside = F.interpolate((grid.abs().amax(dim=-1) <= 1).float()[:, None], (height, width), mode="area") > 0.99
    weight = inside.float()
    total = weight.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    seen = seen + ((frames - seen) * weight).sum(dim=(2, 3), keepdim=True) / total
    apart = (seen - frames).abs().mean(dim=1, keepdim=True) * 255
    means = ((apart * weight).sum(dim=(1, 2, 3)) / total.flatten()).tolist()
    difference = [mean if sees else None for mean, sees in zip(means, inside.flatten(1).any(dim=1).tolist(), strict=True)]
    back = affine_grid(inverse_affine(affine), *large.shape[-2:])
    maps = warp(apart * weight, back) / warp(weight, back).clamp(min=1e-3)
    reached = (warp(weight, back) > 0.5) & (back.abs().amax(dim=-1)[:, None] <= 1)
    aligned = warp(_grey(frames), back)[:, 0]
    return Support(
        tuple(difference), _correlation(seen, frames, weight), maps.where(reached, torch.nan)[:, 0].numpy(), aligned.numpy()
    )


def _grey(pictures: Tensor) -> Tensor:
    return (pictures * pictures.new_tensor((0.299, 0.587, 0.114))[:, None, None]).sum(dim=1, keepdim=True)


def _correlation(a: Tensor, b: Tensor, weight: Tensor) -> tuple[float, ...]:
    total = weight.sum(dim=(2, 3), keepdim=True).clamp(min=1)
    first, second = ((x - (x * weight).sum(dim=(2, 3), keepdim=True) / total) * weight for x in (_grey(a), _grey(b)))
    size = first.square().sum(dim=(1, 2, 3)).sqrt() * second.square().sum(dim=(1, 2, 3)).sqrt()
    found = (first * second).sum(dim=(1, 2, 3)) / size.clamp(min=1e-6)
    return tuple(found.clamp(-1, 1).tolist())
