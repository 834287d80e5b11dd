"""Bringing a picture into an aligned form, and the way back: one affine map that is known in both directions.

Coordinates are pixels, (x, y), the centre of the first pixel being (0, 0), in the original picture and in the aligned one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError
from sharpening.models.face_align.landmarks import Landmarks

__all__ = ["Affine", "Aligned", "Way", "compose_affine", "invert_affine", "resample"]

Affine = NDArray[np.float64]
"""`[2, 3]`: `p @ A[:, :2].T + A[:, 2]` [px]."""

# Shrinking by less than this does not alias visibly, and averaging would only soften it.
_HARMLESS = 1.25
# Pixels along the border of what comes back that the interpolation mixed with what lies outside; PSFR-GAN leaves out as many (5×5 window).
_RIM = 2


@dataclass(frozen=True, eq=False)
class Way:
    """The way from an original picture to its aligned form, and back.

    Attributes:
        matrix: float64 `[2, 3]`, from pixels of the original to pixels of the aligned picture.
        size_in: height and width of the original [px].
        size_out: height and width of the aligned picture [px].

    Raises:
        RangeError: for a map that has no way back.
    """

    matrix: Affine
    size_in: tuple[int, int]
    size_out: tuple[int, int]

    def __post_init__(self) -> None:
        matrix = np.asarray(self.matrix, np.float64)
        if matrix.shape != (2, 3) or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:, :2])) < 1e-12:
            raise RangeError(
                "affine map", matrix.tolist(), "[2, 3], finite, that can be inverted", "Landmarks that coincide give none."
            )
        object.__setattr__(self, "matrix", matrix)

    @property
    def inverse(self) -> Affine:
        """Float64 `[2, 3]`, from pixels of the aligned picture to pixels of the original."""
        return invert_affine(self.matrix)

    def points(self, landmarks: Landmarks) -> Landmarks:
        """Landmarks of the original, in the aligned picture."""
        return landmarks.moved(self.matrix)

    def inverse_points(self, landmarks: Landmarks) -> Landmarks:
        """Landmarks of the aligned picture, in the original."""
        return landmarks.moved(self.inverse)

    def resized(self, size: tuple[int, int]) -> Way:
        """The way to the same aligned picture resized to another height and width [px], as networks that enlarge leave it."""
        (h, w), (new_h, new_w) = self.size_out, size
        factor = np.array([new_w / w, new_h / h])
        matrix = self.matrix * factor[:, None]
        matrix[:, 2] += (factor - 1) / 2  # the outer borders of the pixel grid stay, not the pixel centres
        return replace(self, matrix=matrix, size_out=(int(new_h), int(new_w)))

    def ahead(self, picture: Tensor) -> Tensor:
        """Align a picture `[3, H, W]` in [0, 1]: `[3, h, w]`; beyond the original its border pixels are repeated."""
        _check(picture, "picture", 3, self.size_in)
        return resample(picture, self.matrix, self.size_out)

    def inside(self) -> Tensor:
        """Which pixels of the aligned picture come from inside the original: float32 `[1, h, w]`, 0 or 1."""
        return _covered(self.matrix, self.size_in, self.size_out)

    def reach(self) -> Tensor:
        """Which pixels of the original the aligned picture covers: float32 `[1, H, W]`, 0 or 1, without a rim of two pixels."""
        outside = 1 - _covered(self.inverse, self.size_out, self.size_in)
        return 1 - F.max_pool2d(outside[None], 2 * _RIM + 1, 1, _RIM)[0]

    def mask_back(self, mask: Tensor) -> Tensor:
        """Bring a mask of the aligned picture back.

        Args:
            mask: `[1, h, w]` in [0, 1].

        Returns:
            `[1, H, W]` in [0, 1], 0 where the aligned picture does not reach.
        """
        _check(mask, "mask", 1, self.size_out)
        return resample(mask, self.inverse, self.size_in, smooth=False) * self.reach().to(mask)

    def back(self, aligned: Tensor, onto: Tensor, mask: Tensor | None = None) -> Tensor:
        """Paste the aligned picture back where it came from.

        Args:
            aligned: `[3, h, w]` in [0, 1]; for another size see `resized`.
            onto: `[3, H, W]`, the original, which stays wherever the aligned picture does not reach.
            mask: `[1, h, w]` in [0, 1], in the aligned picture: 1 where it is to be taken; None takes all of it.

        Returns:
            `[3, H, W]`.

        Source: the border is left out as in PSFR-GAN's paste-back, Chen et al. 2021, arXiv:2009.08709.
        """
        _check(aligned, "aligned picture", 3, self.size_out)
        _check(onto, "picture to paste onto", 3, self.size_in)
        weight = self.reach().to(onto) if mask is None else self.mask_back(mask).to(onto)
        return onto + weight * (resample(aligned, self.inverse, self.size_in).to(onto) - onto)


class Aligned(NamedTuple):
    """An aligned picture and how it got there.

    Attributes:
        picture: `[3, h, w]` in [0, 1].
        way: to it and back.
    """

    picture: Tensor
    way: Way


def invert_affine(affine: Affine) -> Affine:
    """The affine map `[2, 3]` that undoes another one."""
    linear = np.linalg.inv(affine[:, :2])
    return np.column_stack([linear, -linear @ affine[:, 2]])


def compose_affine(outer: Affine, inner: Affine) -> Affine:
    """The affine map `[2, 3]` that does `inner` first and `outer` then."""
    return np.column_stack([outer[:, :2] @ inner[:, :2], outer[:, :2] @ inner[:, 2] + outer[:, 2]])


def resample(picture: Tensor, affine: Affine, size: tuple[int, int], *, smooth: bool = True) -> Tensor:
    """Put a picture through an affine map, without aliasing where it shrinks.

    Each new pixel is the mean over its own area of the picture (sampled at least once a pixel of it), or one sample where the map enlarges.
    Beyond the border the border pixels are repeated.

    Args:
        picture: float `[c, H, W]`, in [0, 1].
        affine: `[2, 3]`, from pixels of the picture to pixels of the result.
        size: height and width of the result [px].
        smooth: interpolate by cubics, which may overshoot within [0, 1]; otherwise linearly.

    Returns:
        `[c, h, w]` in [0, 1].
    """
    height, width = picture.shape[-2:]
    back = invert_affine(affine)
    steps = np.linalg.norm(back[:, :2], axis=0)  # pixels of the picture that one pixel of the result is wide and high
    fine_x, fine_y = (1 if step <= _HARMLESS else math.ceil(step) for step in steps)
    linear, offset = picture.new_tensor(back[:, :2]), picture.new_tensor(back[:, 2])
    x, y = (_centres(n, fine, picture) for n, fine in ((size[1], fine_x), (size[0], fine_y)))
    places = x[None, :, None] * linear[:, 0] + y[:, None, None] * linear[:, 1] + offset
    grid = (places + 0.5) * (2 / places.new_tensor([width, height])) - 1
    mode = "bicubic" if smooth else "bilinear"
    sampled = F.grid_sample(picture[None], grid[None], mode=mode, padding_mode="border", align_corners=False)
    return F.avg_pool2d(sampled, (fine_y, fine_x))[0].clamp(0, 1)


def _centres(n: int, fine: int, like: Tensor) -> Tensor:
    """Centres of n pixels, or of the `fine` parts of each [px]."""
    return (torch.arange(n * fine, dtype=like.dtype, device=like.device) + 0.5) / fine - 0.5


def _covered(affine: Affine, size_in: tuple[int, int], size_out: tuple[int, int]) -> Tensor:
    """Where the centres of the result's pixels lie within the picture's area: float32 `[1, h, w]`."""
    back = invert_affine(affine)
    x, y = np.arange(size_out[1]), np.arange(size_out[0])[:, None]
    at_x, at_y = (row[0] * x + row[1] * y + row[2] + 0.5 for row in back)
    tiny = 1e-6  # the borders of the two grids may coincide
    within = (at_x >= -tiny) & (at_x <= size_in[1] + tiny) & (at_y >= -tiny) & (at_y <= size_in[0] + tiny)
    return torch.from_numpy(within.astype(np.float32))[None]


def _check(picture: Tensor, what: str, channels: int, size: tuple[int, int]) -> None:
    if picture.shape != (channels, *size) or not picture.is_floating_point():
        advice = "Way.resized gives the way for another size of the aligned picture."
        raise ShapeError(what, f"{picture.dtype} {list(picture.shape)}", f"float {[channels, *size]}", advice)
