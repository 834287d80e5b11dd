"""Registration of small pictures by Gauss–Newton steps on their pixels: no weights, nothing to train, pure torch.

Affine motion of a 32-pixel face cannot be read off landmarks (they are off by a pixel or two), but it can be read off all pixels at once:
Lucas and Kanade's scheme (1981), with gain and offset of the light as two more unknowns, the mean of both gradients (efficient
second-order minimisation, Malis 2004) and weights that forgive occluders. Where the pictures say little, rotation, zoom and shift are
believed sooner than stretch and shear. docs/decisions.md has the accuracy that was measured.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from sharpening.models.basic_blocks.precision import in_full_precision
from sharpening.models.basic_blocks.warp import identity_grid, warp

__all__ = ["affine_grid", "estimate_affine", "pixel_affine", "pixel_motion", "shrunk", "solve_spd"]

_GREY = (0.299, 0.587, 0.114)
# Heads turn, lean and come nearer: what is left of their motion beside rotation, zoom and shift is a few hundredths.
_LESS_LIKELY = 0.03
_SAY_THE_SAME = 100  # pixels: errors of coding reach over blocks, so that so many pixels know no more than one
ENOUGH = 64  # px: frames of 32 hold nothing finer, and the time grows with the square


def solve_spd(matrix: Tensor, right: Tensor) -> Tensor:
    """Solve `matrix @ x = right` for symmetric positive definite `[bs, k, k]` and `[bs, k]` by plain elimination.

    `torch.linalg.solve` has no ONNX form; for k = 8 these few steps cost nothing, and no pivoting is needed.
    """
    k = matrix.shape[-1]
    work = torch.cat([matrix, right.unsqueeze(-1)], dim=-1)
    rows = list(work.unbind(dim=1))
    for i in range(k):
        rows[i] = rows[i] / rows[i][:, i : i + 1]
        for j in range(k):
            if j != i:
                rows[j] = rows[j] - rows[j][:, i : i + 1] * rows[i]
    return torch.stack([row[:, k] for row in rows], dim=-1)


@in_full_precision
def affine_grid(affine: Tensor, height: int, width: int) -> Tensor:
    """Grid `[bs, height, width, 2]` of the affine maps `[bs, 2, 3]`; with bs = 0 maps it is empty."""
    base = identity_grid(height, width, affine).reshape(-1, 2)
    points = base @ affine[:, :, :2].transpose(1, 2) + affine[:, None, :, 2]
    return points.reshape(-1, height, width, 2)


def pixel_affine(affine: Tensor, height: int, width: int, *, corner: tuple[float, float] = (0, 0)) -> NDArray[np.float64]:
    """An affine map `[2, 3]` of −1 … 1 as one of pixels, (x, y), the centre of the first pixel being (0, 0).

    Args:
        affine: between two pictures of `height` × `width`, as `estimate_affine` returns it.
        height: [px].
        width: [px].
        corner: where the first pixel of both lies, if they are windows of larger pictures [px].

    Returns:
        float64 `[2, 3]`.
    """
    half = np.array([width, height]) / 2
    centre = np.array(corner) + half - 0.5
    linear, shift = affine[:, :2].double().cpu().numpy(), affine[:, 2].double().cpu().numpy()
    linear = linear * half[:, None] / half
    return np.column_stack([linear, half * shift + centre - linear @ centre])


def pixel_motion(reference: Tensor, moving: Tensor, *, corner: tuple[float, float] = (0, 0)) -> NDArray[np.float64]:
    """The affine motion of two pictures `[3, H, W]`, estimated at no more than `ENOUGH` px, as a map of pixels, see `pixel_affine`."""
    height, width = reference.shape[-2:]
    return pixel_affine(estimate_affine(shrunk(reference[None]), shrunk(moving[None]))[0], height, width, corner=corner)


def shrunk(pictures: Tensor) -> Tensor:
    """Pictures `[n, c, H, W]` by area to a longer side of `ENOUGH` px, if they are larger."""
    longer = max(pictures.shape[-2:])
    if longer <= ENOUGH:
        return pictures
    return F.interpolate(pictures, [max(16, round(side * ENOUGH / longer)) for side in pictures.shape[-2:]], mode="area")


@in_full_precision
def estimate_affine(reference: Tensor, moving: Tensor, *, iterations: int = 5) -> Tensor:
    """Affine motion from `reference` to `moving`.

    Args:
        reference: `[bs, 3, h, w]`, 0 … 1.
        moving: The same shape.
        iterations: Gauss–Newton steps on each of the pyramid's levels (sides of about 8, 16, 32 …, up to the full one).

    Returns:
        `[bs, 2, 3]`: `moving` sampled at `affine_grid(result)` lies on `reference`. No gradient flows through it. Where the
        result fits worse than no motion at all (noise, another scene), the identity is returned.
    """
    with torch.no_grad():
        reference, moving = _prepare(reference), _prepare(moving)
        affine = torch.zeros(len(reference), 2, 3, dtype=reference.dtype, device=reference.device)
        affine[:, 0, 0] = affine[:, 1, 1] = 1
        start = affine
        for shrink in _levels(reference.shape[-2:]):
            ref, mov = (_blur(F.avg_pool2d(x, shrink) if shrink > 1 else x) for x in (reference, moving))
            planes = _with_gradients(mov)
            ref_gradient = _with_gradients(ref)[:, 1:]
            for _ in range(iterations):
                affine = _step(affine, ref, ref_gradient, planes)
        fits = _mismatch(affine, reference, moving) < _mismatch(start, reference, moving)
        return torch.where(fits[:, None, None], affine, start)


def _prepare(x: Tensor) -> Tensor:
    grey = (x * x.new_tensor(_GREY)[:, None, None]).sum(dim=1, keepdim=True)
    spread = grey.std(dim=(2, 3), keepdim=True)
    return (grey - grey.mean(dim=(2, 3), keepdim=True)) / (spread + 0.02)


def _levels(size: tuple[int, int] | torch.Size) -> list[int]:
    side, shrink = min(size), 1
    while side // (2 * shrink) >= 8:
        shrink *= 2
    levels = []
    while shrink >= 1:
        levels.append(shrink)
        shrink //= 2
    return levels


def _blur(x: Tensor) -> Tensor:
    # JPEG's errors are the sharpest thing in such a picture: a binomial blur takes most of them out of the gradients.
    kernel = x.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    x = F.pad(x, (2, 2, 2, 2), mode="replicate")
    return F.conv2d(F.conv2d(x, kernel.view(1, 1, 1, 5)), kernel.view(1, 1, 5, 1))


def _with_gradients(x: Tensor) -> Tensor:
    """`[bs, 3, h, w]`: picture, d/dx, d/dy, derivatives per unit of the −1 … 1 coordinates."""
    height, width = x.shape[-2:]
    padded = F.pad(x, (1, 1, 1, 1), mode="replicate")
    dx = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) * (width / 4)
    dy = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) * (height / 4)
    return torch.cat([x, dx, dy], dim=1)


def _step(affine: Tensor, ref: Tensor, ref_gradient: Tensor, planes: Tensor) -> Tensor:
    height, width = ref.shape[-2:]
    grid = affine_grid(affine, height, width)
    sampled = warp(planes, grid)
    inside = (grid.abs().amax(dim=-1) <= 1).to(ref.dtype).flatten(1)
    picture, moved_gradient = sampled[:, :1].flatten(2), sampled[:, 1:]
    # The moving picture's gradient lies in its own frame: bring it into the reference's before the two are averaged.
    turned = torch.einsum("bchw,bcd->bdhw", moved_gradient, affine[:, :, :2])
    gradient = (0.5 * (turned + ref_gradient)).flatten(2)
    x, y = identity_grid(height, width, ref).reshape(-1, 2).unbind(-1)
    gx, gy = gradient.unbind(1)
    one = torch.ones_like(gx)
    jacobian = torch.stack([gx * x, gx * y, gx, gy * x, gy * y, gy, picture[:, 0], one], dim=1)
    residual = ref.flatten(1) - picture[:, 0]
    scale = (residual.abs() * inside).sum(1, keepdim=True) / inside.sum(1, keepdim=True).clamp(min=1) * 1.5 + 1e-3
    weight = inside / (1 + (residual / scale) ** 2)
    weighted = jacobian * weight[:, None]
    normal = weighted @ jacobian.transpose(1, 2)
    ridge = 1e-3 * normal.diagonal(dim1=1, dim2=2).mean(dim=1)[:, None] + 1e-4
    normal = normal + torch.diag_embed(ridge.expand(-1, 8))
    noise = (weight * residual.square()).sum(1) / weight.sum(1).clamp(min=1)
    prior = (noise * (_SAY_THE_SAME / _LESS_LIKELY**2))[:, None, None] * _no_similarity(ref)
    right = (weighted @ residual.unsqueeze(-1)).squeeze(-1)
    right = right - (prior @ F.pad(affine.flatten(1), (0, 2)).unsqueeze(-1)).squeeze(-1)
    update = solve_spd(normal + prior, right)[:, :6].reshape(-1, 2, 3)
    # Compose: first the update in the reference's frame, then the motion so far. The clamp keeps a bad step from flying off.
    update = update.clamp(-0.3, 0.3)
    linear = affine[:, :, :2]
    return torch.cat([linear + linear @ update[:, :, :2], affine[:, :, 2:] + linear @ update[:, :, 2:]], dim=2)


def _no_similarity(like: Tensor) -> Tensor:
    """`[8, 8]`: projects the unknowns of a step on what no rotation, zoom or shift does: stretch and shear (the identity has neither)."""
    stretch, shear = like.new_tensor([[1.0, 0, 0, 0, -1, 0, 0, 0], [0, 1, 0, 1, 0, 0, 0, 0]])
    return (torch.outer(stretch, stretch) + torch.outer(shear, shear)) / 2


def _mismatch(affine: Tensor, ref: Tensor, moving: Tensor) -> Tensor:
    """1 − correlation over the pixels that both pictures see; 2 where they hardly overlap."""
    grid = affine_grid(affine, *ref.shape[-2:])
    inside = (grid.abs().amax(dim=-1) <= 1).to(ref.dtype).flatten(1)
    moved, ref = warp(_blur(moving), grid).flatten(1), _blur(ref).flatten(1)
    total = inside.sum(1, keepdim=True)
    moved, ref = ((x - (x * inside).sum(1, keepdim=True) / total.clamp(min=1)) * inside for x in (moved, ref))
    correlation = (moved * ref).sum(1) / (moved.norm(dim=1) * ref.norm(dim=1) + 1e-6)
    return torch.where(total[:, 0] > 0.4 * inside.shape[1], 1 - correlation, torch.full_like(correlation, 2.0))
