"""The damage on which PSFR-GAN learns: blur, a small size, noise, JPEG, each drawn anew. Drawing and doing are two functions.

Source: Chen et al., "Progressive semantic-aware style transformation for blind face restoration", CVPR 2021, arXiv:2009.08709, and the
ranges of its published code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpening.errors import RangeError, ShapeError
from sharpening.frames.codec import jpeg_roundtrip
from sharpening.imaging.resize import resize

__all__ = ["Damage", "DamagedPair", "damage_pair", "draw_damage"]

Picture = NDArray[np.uint8]
Blur = Literal["none", "gaussian", "average", "median", "motion"]

_P_BLUR, _P_NOISE, _P_JPEG, _P_GREY = 0.5, 0.2, 0.7, 0.3
_BLURS: tuple[Blur, ...] = ("gaussian", "average", "median", "motion")
_KERNELS: dict[str, tuple[int, int]] = {"gaussian": (3, 15), "average": (3, 15), "median": (3, 15), "motion": (5, 25)}  # px, at 512
_SIDES = (32, 255)  # px
_FILTERS = ("nearest", "bilinear", "bicubic", "area", "lanczos")
_MOST_NOISE = 0.1 * 255
_COMPRESSION = (10, 65)
_LARGEST = 512  # px: the side for which all these are meant


@dataclass(frozen=True)
class Damage:
    """What was drawn for one still.

    Attributes:
        blur: its kind.
        kernel: odd side of its window [px of the still].
        angle: of a motion blur [degrees].
        side: of the small picture [px].
        shrink: filter to it.
        enlarge: filter back.
        noise: sigma of the Gaussian noise on the small picture [grey levels of 255].
        quality: of JPEG on the small picture, 1 … 100; None for none.
        grey: whether the still, and so the pair, has no colours.
        seed: of the noise.
    """

    blur: Blur
    kernel: int
    angle: float
    side: int
    shrink: str
    enlarge: str
    noise: float
    quality: int | None
    grey: bool
    seed: int


class DamagedPair(NamedTuple):
    """What the net gets, and what it should have made of it.

    Attributes:
        damaged: uint8 `[S, S, 3]`, RGB.
        label: uint8 `[S, S, 3]`, RGB: the still, grey where the damaged picture is.
    """

    damaged: Picture
    label: Picture


def draw_damage(rng: np.random.Generator, *, size: int = _LARGEST) -> Damage:
    """Draw the damage of one still.

    Args:
        rng: the only source of chance.
        size: side of the still [px]; what is counted in pixels is meant for 512 and shrinks with it.

    Raises:
        RangeError: for a still under 16 px.
    """
    if size < 16:
        raise RangeError("size", size, "16 px or more")
    blurred, noisy, coded, grey = rng.random(4) < (_P_BLUR, _P_NOISE, _P_JPEG, _P_GREY)
    kind = _BLURS[int(rng.integers(len(_BLURS)))]
    factor = min(1.0, size / _LARGEST)
    low, high = _KERNELS[kind]
    shrink, enlarge = (str(rng.choice(_FILTERS)) for _ in range(2))
    return Damage(
        blur=kind if blurred else "none",
        kernel=round(factor * rng.integers(low, high + 1)) // 2 * 2 + 1,
        angle=float(rng.uniform(0, 180)),
        side=max(4, round(factor * rng.integers(_SIDES[0], _SIDES[1] + 1))),
        shrink=shrink,
        enlarge=enlarge,
        noise=float(rng.uniform(0, _MOST_NOISE)) if noisy else 0.0,
        # imgaug's "compression" counts from the other end than JPEG's quality.
        quality=100 - int(rng.integers(_COMPRESSION[0], _COMPRESSION[1] + 1)) if coded else None,
        grey=bool(grey),
        seed=int(rng.integers(2**31)),
    )


def damage_pair(still: Picture, damage: Damage) -> DamagedPair:
    """Do what was drawn: the same still and damage give the same pair.

    Colours are taken away before everything else, so that the net is not asked to invent them; our sources do not say where the published
    program does it.

    Args:
        still: uint8 `[S, S, 3]`, RGB, an aligned face.
        damage: from `draw_damage` for this size.

    Raises:
        ShapeError: when it is no square picture.
    """
    if still.ndim != 3 or still.shape[2] != 3 or still.shape[0] != still.shape[1] or still.dtype != np.uint8:
        raise ShapeError("still", f"{still.dtype} {list(still.shape)}", "uint8 [S, S, 3]", "Align the face first.")
    label = _grey(still) if damage.grey else still
    small = resize(_blurred(label, damage), damage.side, damage.shrink)
    if damage.noise > 0:
        noise = np.random.default_rng(damage.seed).normal(0, damage.noise, small.shape)
        small = np.clip(np.rint(small + noise), 0, 255).astype(np.uint8)
    if damage.quality is not None:
        small = jpeg_roundtrip(small, damage.quality)
    return DamagedPair(resize(small, still.shape[0], damage.enlarge), label)


def _grey(picture: Picture) -> Picture:
    return np.repeat(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2).astype(np.uint8)


def _blurred(picture: Picture, damage: Damage) -> Picture:
    k = damage.kernel
    if damage.blur == "none" or k < 3:
        return picture
    if damage.blur == "gaussian":
        return np.asarray(cv2.GaussianBlur(picture, (k, k), 0), np.uint8)
    if damage.blur == "median":
        return np.asarray(cv2.medianBlur(picture, k), np.uint8)
    kernel = np.full((k, k), 1 / k**2, np.float32) if damage.blur == "average" else _motion_kernel(k, damage.angle)
    return np.asarray(cv2.filter2D(picture, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.uint8)


def _motion_kernel(side: int, angle: float) -> NDArray[np.float32]:
    """A line through the middle of a square window, its sum 1."""
    line = np.zeros((side, side), np.float32)
    line[side // 2] = 1
    middle = ((side - 1) / 2, (side - 1) / 2)
    turned = cv2.warpAffine(line, cv2.getRotationMatrix2D(middle, angle, 1), (side, side))
    return np.asarray(turned / turned.sum(), np.float32)
