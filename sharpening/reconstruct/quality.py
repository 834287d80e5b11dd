"""How much of the face's own detail each frame shows in each part: what the choice of sources rests on.

Sharpness alone is a poor judge of coded frames: blocks, ringing and noise are sharp too, and so is a hand before the mouth. What is
asked here is how much detail a frame has *in common with the other frames*, after all were brought onto the base. True detail is in all
of them; what a codec or the noise made is in one. A blurred part has little detail, a covered one or a closed eye has other detail than the
rest, so all three score low.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from sharpening.errors import ShapeError
from sharpening.reconstruct.align import Alignment, apply_map

__all__ = ["Quality", "aligned_stack", "consensus", "detail", "part_quality", "shading_likeness"]

_LUMA = (0.299, 0.587, 0.114)
# Of the Gaussians whose differences are the bands of detail, in pixels of the frames: below 0.5 lies what no frame can hold, above 4 is
# shading, which blur does not take away.
HARDLY_ANY = 0.6  # of the detail of the other frames
LEAST_PIXELS = 16
BAND_SIGMAS = (0.5, 1.0, 2.0, 4.0)


class Quality(NamedTuple):
    """What each frame shows of each part.

    Attributes:
        parts: names of the parts.
        score: `[n, parts]`: detail in common with the other frames, against the mean of all frames' (1: as good as the mean); NaN where a
            frame has no face or does not reach the part.
        likeness: `[n, parts]`: correlation of the shading of frame and base in and round the part, −1 … 1; NaN likewise. Where the base is
            so blurred that even its shading is (`blurred`), it is the correlation with the median of the other frames.
        own: `[parts]`: all detail of the base there, common or not, against the median of the other frames. Well under 1 the base is
            blurred; about 1 with a low score it shows something else (another expression, a closed eye, a hand).
    """

    parts: tuple[str, ...]
    score: NDArray[np.float64]
    likeness: NDArray[np.float64]
    own: NDArray[np.float64]

    @property
    def blurred(self) -> NDArray[np.bool_]:
        """`[parts]`: where the base has so little detail that even its shading may be gone."""
        return self.own < HARDLY_ANY


def aligned_stack(pictures: Tensor, alignments: Sequence[Alignment | None]) -> tuple[Tensor, Tensor]:
    """All frames on the base: pictures `[n, 3, H, W]`, and where each of them has pixels, `[n, 1, H, W]`."""
    moved, valid = [], []
    for picture, alignment in zip(pictures, alignments, strict=True):
        if alignment is None:
            moved.append(torch.zeros_like(picture))
            valid.append(torch.zeros_like(picture[:1]))
            continue
        moved.append(apply_map(picture, alignment.to_frame).clamp(0, 1))
        valid.append(_inside(alignment, picture.shape[-2], picture.shape[-1]))
    return torch.stack(moved), torch.stack(valid)


def detail(pictures: Tensor, pixel: float) -> tuple[Tensor, Tensor]:
    """Split the luma of pictures into bands of detail and the shading under them.

    Args:
        pictures: `[n, 3, H, W]`.
        pixel: how many pixels of these pictures are one of the frames.

    Returns:
        Bands `[n, 3, H, W]`, fine to coarse, and shading `[n, 1, H, W]`.
    """
    luma = (pictures * pictures.new_tensor(_LUMA)[:, None, None]).sum(dim=1, keepdim=True)
    levels = [_gauss(luma, sigma * pixel) for sigma in BAND_SIGMAS]
    bands = torch.cat([fine - coarse for fine, coarse in itertools.pairwise(levels)], dim=1)
    return bands, levels[-1]


def part_quality(stack: Tensor, valid: Tensor, masks: Mapping[str, Tensor], *, base: int, pixel: float) -> Quality:
    """Score every frame in every part.

    Args:
        stack: `[n, 3, H, W]`, all frames on the base, *not* cleaned by a network: what a network paints is no evidence.
        valid: `[n, 1, H, W]`: where each has pixels.
        masks: parts of the base, `[1, H, W]` each.
        base: number of the base.
        pixel: how many pixels of these pictures are one of the frames.

    Raises:
        ShapeError: if the masks have another size.
    """
    for name, mask in masks.items():
        if mask.shape != stack[0, :1].shape:
            raise ShapeError(f"mask '{name}'", list(mask.shape), f"{[1, *stack.shape[-2:]]}", "It lies on the base.")
    bands, shading = detail(stack, pixel)
    there = valid.flatten(1).any(dim=1)
    bands = bands * _gains(shading, valid, there, base)
    scores = [_common_detail(bands, valid, mask, there) for mask in masks.values()]
    own = np.array([_own_detail(bands, mask, there, base) for mask in masks.values()])
    others = _median_of_others(shading, there, base)
    alike = [
        _shading_likeness(shading, valid, mask, others if part < HARDLY_ANY else shading[base])
        for mask, part in zip(masks.values(), own, strict=True)
    ]
    return Quality(tuple(masks), np.stack(scores, axis=1), np.stack(alike, axis=1), own)


def consensus(stack: Tensor, valid: Tensor, base: int) -> Tensor:
    """The median of all frames but the base, `[3, H, W]`; the base itself where it is alone."""
    return _median_of_others(stack, valid.flatten(1).any(dim=1), base)


def _median_of_others(x: Tensor, there: Tensor, base: int) -> Tensor:
    others = there.clone()
    others[base] = False
    return x[others].median(dim=0).values if bool(others.any()) else x[base]


def _own_detail(bands: Tensor, mask: Tensor, there: Tensor, base: int) -> float:
    energy = (bands * mask).square().flatten(1).sum(dim=1).sqrt()
    others = there.clone()
    others[base] = False
    return float(energy[base] / energy[others].median().clamp(min=1e-6)) if bool(others.any()) else 1.0


def _common_detail(bands: Tensor, valid: Tensor, mask: Tensor, there: Tensor) -> NDArray[np.float64]:
    n = len(bands)
    reach = (valid * mask).flatten(1).sum(dim=1) / mask.sum().clamp(min=1)
    usable = there & (reach > 0.9)
    scores = np.full(n, np.nan)
    if not bool(usable.any()) or not bool(mask.any()):
        return scores
    # Bands weigh alike: in the mean frame each has the length 1.
    inside = (bands * mask)[usable].flatten(2)
    length = inside.square().sum(dim=2).mean(dim=0).sqrt().clamp(min=1e-6)
    inside = (inside / length[:, None]).flatten(1)
    total = inside.sum(dim=0)
    found = []
    for own in inside:
        # Alone, a frame has only itself to agree with.
        others = total - own if len(inside) > 1 else own
        found.append(float((own @ others) / others.norm().clamp(min=1e-6)))
    values = np.array(found)
    scores[usable.numpy()] = values / max(float(np.mean(np.maximum(values, 0))), 1e-6)
    return scores


def _gains(shading: Tensor, valid: Tensor, there: Tensor, base: int) -> Tensor:
    """What brings every frame to the contrast of the base, `[n, 1, 1, 1]`: more light is no more detail."""
    both = valid * valid[base]
    spread = []
    for i in range(len(shading)):
        there_i = both[i].bool()
        pair = [shading[k][there_i] for k in (base, i)]
        usable = bool(there[i]) and pair[0].numel() > 1
        spread.append(float(pair[0].std() / pair[1].std().clamp(min=1e-3)) if usable else 1.0)
    return shading.new_tensor(spread).clamp(0.5, 2.0)[:, None, None, None]


def _shading_likeness(shading: Tensor, valid: Tensor, mask: Tensor, reference: Tensor) -> NDArray[np.float64]:
    return np.array([shading_likeness(reference, each, mask * valid[i]) for i, each in enumerate(shading)])


def shading_likeness(base: Tensor, other: Tensor, mask: Tensor) -> float:
    """Correlation of two shadings `[1, H, W]` (see `detail`) over a part and a quarter of its size round it; NaN for no part."""
    place = _widened(mask).bool()
    if int(mask.sum()) < LEAST_PIXELS:
        return float("nan")
    a, b = (shading[place] - shading[place].mean() for shading in (base, other))
    return float((a @ b) / (a.norm() * b.norm()).clamp(min=1e-6))


def _widened(mask: Tensor) -> Tensor:
    reach = max(1, round(0.25 * float(mask.sum().clamp(min=1).sqrt())))
    wide = cv2.dilate(mask[0].numpy(), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    return torch.from_numpy(wide)[None]


def _inside(alignment: Alignment, height: int, width: int) -> Tensor:
    y, x = np.mgrid[0:height, 0:width]
    linear, shift = alignment.to_frame[:, :2], alignment.to_frame[:, 2]
    there_x, there_y = (linear[k, 0] * x + linear[k, 1] * y + shift[k] for k in (0, 1))
    inside = (there_x > -0.5) & (there_x < width - 0.5) & (there_y > -0.5) & (there_y < height - 0.5)
    return torch.from_numpy(inside[None].astype(np.float32))


def _gauss(x: Tensor, sigma: float) -> Tensor:
    reach = max(1, round(3 * sigma))
    places = torch.arange(-reach, reach + 1, dtype=x.dtype)
    taps = torch.exp(-0.5 * (places / sigma) ** 2)
    taps = taps / taps.sum()
    x = F.pad(x, (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(x, taps.view(1, 1, 1, -1)), taps.view(1, 1, -1, 1))
