"""Iterated back-projection: what the frames say together about the large picture, with nothing learned (Irani and Peleg 1991)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from sharpening.models.basic_blocks.precision import in_full_precision
from sharpening.models.basic_blocks.registration import affine_grid
from sharpening.models.basic_blocks.warp import warp

__all__ = ["back_project", "frame_agreement", "inverse_affine"]


@in_full_precision
def back_project(
    stack: Tensor, affine: Tensor, belief: Tensor, *, scale: int = 4, iterations: int = 2, step: float = 1.0
) -> Tensor:
    """The large picture of the middle frame that explains all frames best.

    Start: the mean of all frames, enlarged and registered onto the middle. Then, `iterations` times: look at the result as each frame saw
    it, and bring the mean of what is missing back.

    Args:
        stack: `[bs, n, 3, h, w]`, 0 … 1.
        affine: `[bs·n, 2, 3]`: where the points of the middle frame lie in each frame; the middle's own is the identity.
        belief: `[bs·n, 1, ·, ·]`, from `frame_agreement`: how much each frame counts at each place.
        scale: How much larger the result is.
        iterations: More follow the frames more closely, and their compression too.
        step: Share of what is missing that is brought back.

    Returns:
        `[bs, 3, scale·h, scale·w]`, not clamped. No gradient flows through it.
    """
    bs, n, _, height, width = stack.shape
    large = (scale * height, scale * width)
    with torch.no_grad():
        # Frames differ in light; each is brought to the mean colour of the middle one.
        moving = (stack + (stack[:, n // 2, None] - stack).mean(dim=(3, 4), keepdim=True)).flatten(0, 1)
        gather_grid, see_grid = affine_grid(affine, *large), affine_grid(inverse_affine(affine), *large)
        weight = F.interpolate(belief, size=large, mode="bilinear", align_corners=False).unflatten(0, (bs, n))
        weight = weight / weight.sum(dim=1, keepdim=True).clamp(min=1e-6)

        def gather(pictures: Tensor) -> Tensor:
            """Enlarge, register and average in one sampling."""
            sampled = F.grid_sample(pictures, gather_grid, mode="bicubic", padding_mode="border", align_corners=False)
            return (sampled.unflatten(0, (bs, n)) * weight).sum(dim=1)

        result = gather(moving)
        for _ in range(iterations):
            seen = F.avg_pool2d(warp(result.repeat_interleave(n, dim=0), see_grid), scale)
            result = result + step * gather(moving - seen)
    return result


@in_full_precision
def inverse_affine(affine: Tensor) -> Tensor:
    """The way back `[b, 2, 3]` of affine maps `[b, 2, 3]` of −1 … 1 whose determinant is near 1, as plausible motions have."""
    a, b, c, d = affine[:, 0, 0], affine[:, 0, 1], affine[:, 1, 0], affine[:, 1, 1]
    # The determinant of a plausible motion is near 1; the clamp keeps an implausible one finite.
    inverse = torch.stack([d, -b, -c, a], dim=1).unflatten(1, (2, 2)) / (a * d - b * c).clamp(min=0.1)[:, None, None]
    return torch.cat([inverse, -inverse @ affine[:, :, 2:]], dim=2)


@in_full_precision
def frame_agreement(
    registered: Tensor, reference: Tensor, *, tolerance: float = 0.035, strict: float = 0.018, least: float = 0.25
) -> Tensor:
    """How far a registered frame can be believed, place by place, with nothing learned.

    Both are compared as they look from afar (means of 4×4 pixels, less the median difference of the colours): compression and an offset of
    the light hardly count; another scene, noise, an occluder and another contrast do. The frame as a whole is judged by its median place:
    a small occluder casts no doubt on the rest, as long as the frame was registered well. It is judged twice: loosely by all places, and
    strictly, with the contrast brought into line, by those where the reference has detail of its own, so that a blurred part of the
    reference does not speak against the frames that could mend it, while a head that has turned does.

    Args:
        registered: `[b, 3, h, w]`, 0 … 1.
        reference: The same shape.
        tolerance: Difference, as a share of full range, at which the belief is halved; twice as much for a single place.
        strict: The same for the second judgement.
        least: A frame whose best place is believed less than this by the loose judgement shows something else: it is believed nowhere,
            exactly 0.

    Returns:
        `[b, 1, h // 4, w // 4]`, 0 … 1.
    """
    far, wanted = F.avg_pool2d(registered, 4), F.avg_pool2d(reference, 4)
    miss = _miss(far, wanted)
    everywhere = miss.flatten(2).median(dim=2, keepdim=True).values.unsqueeze(3)
    belief = _halved_at(tolerance, everywhere) * _halved_at(2 * tolerance, _blurred(miss))
    belief = torch.where(belief.amax(dim=(2, 3), keepdim=True) >= least, belief, torch.zeros_like(belief))
    # Places next to a damaged one are not trusted to speak either.
    damaged = F.max_pool2d((_detail(reference) + _GRAIN < 0.5 * _detail(registered)).to(miss), 3, stride=1, padding=1) > 0
    alike = _miss(far * _contrast(far, wanted, (~damaged).to(miss)), wanted)
    sound = alike.masked_fill(damaged, torch.nan).flatten(2).nanmedian(dim=2, keepdim=True).values.unsqueeze(3)
    enough = (~damaged).to(miss).mean(dim=(2, 3), keepdim=True) >= 0.2
    return belief * torch.where(enough, _halved_at(strict, sound), torch.ones_like(sound))


_GRAIN = 1e-5  # of detail: below it there is only noise


def _miss(far: Tensor, wanted: Tensor) -> Tensor:
    difference = far - wanted
    light = difference.flatten(2).median(dim=2).values
    return (difference - light[:, :, None, None]).square().mean(dim=1, keepdim=True)


def _contrast(far: Tensor, wanted: Tensor, where: Tensor) -> Tensor:
    """The factor `[b, 1, 1, 1]` of contrast that brings `far` nearest to `wanted`, as far as exposure explains it."""

    def mean(maps: Tensor) -> Tensor:
        return (maps * where).sum(dim=(2, 3), keepdim=True) / where.sum(dim=(2, 3), keepdim=True).clamp(min=1)

    far, wanted = far - mean(far), wanted - mean(wanted)
    joint, own = (mean(far * part).mean(dim=1, keepdim=True) for part in (wanted, far))
    return (joint / own.clamp(min=1e-6)).clamp(0.8, 1.25)


def _halved_at(tolerance: float, squares: Tensor) -> Tensor:
    return 1 / (1 + (squares / tolerance**2) ** 2)


def _blurred(maps: Tensor) -> Tensor:
    return F.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False)


def _detail(pictures: Tensor) -> Tensor:
    """Mean square of what is finer than 4×4 pixels, around each such square: `[b, 3, h, w]` → `[b, 1, h // 4, w // 4]`."""
    coarse = F.interpolate(F.avg_pool2d(pictures, 4), size=pictures.shape[-2:], mode="bilinear", align_corners=False)
    return _blurred(F.avg_pool2d((pictures - coarse).square().mean(dim=1, keepdim=True), 4))
