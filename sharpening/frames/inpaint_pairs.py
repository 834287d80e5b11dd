"""Pairs for a net that puts parts of one picture into another: a base with damaged patches, a source that has them, a mask.

Made of the same blocks as damaged sequences: a pair is a sequence of two, the source (moved and lit anew) and the base (the middle,
which stands still and gets the patches). Mask 1 = take from the source.

Source: the thesis, sections 2.3 and 3.4 (cross-over by a network; white patches, blurred sections).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import RangeError
from sharpening.frames.degrade import DegradeParams, DegradeSettings, Region, apply, draw, region_mask

__all__ = ["InpaintPair", "PairParams", "PairSettings", "draw_pair", "make_pair", "pair_settings"]

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class PairSettings:
    """How pairs are made. Pairs of numbers are ranges (from, to); single numbers are ± amplitudes.

    Attributes:
        kinds: Kinds of `degrade.Region` that damage the base, one drawn for each patch.
        n_patches: Number of patches.
        patch_size: Side or diameter of a patch, as a share of the width.
        blur: Sigma of a blurred patch, as a share of the width.
        grow: How much wider than its patch the mask is, as a share of the patch: whoever marks a part by hand marks too much.
        rotation: Of the source against the base [degrees].
        zoom: Of the source, share of the size.
        shift: Of the source, share of the width.
        brightness: Of the source, share of full range.
        margin: Share of the still's side that the pictures leave out.
        move_view: Whether their window moves inside the still, as augmentation.
    """

    kinds: tuple[str, ...] = ("white-square", "white-circle")
    n_patches: tuple[int, int] = (1, 3)
    patch_size: tuple[float, float] = (0.15, 0.35)
    blur: tuple[float, float] = (0.04, 0.08)
    grow: tuple[float, float] = (0.0, 0.2)
    rotation: float = 2.0
    zoom: float = 0.02
    shift: float = 0.01
    brightness: float = 0.06
    margin: tuple[float, float] = (0.06, 0.2)
    move_view: bool = False

    def __post_init__(self) -> None:
        if self.n_patches[0] < 1:
            raise RangeError("n_patches", self.n_patches, "at least 1 patch")


_KINDS = {"patches": ("white-square", "white-circle"), "blur": ("blur",)}


def pair_settings(how: str) -> PairSettings:
    """The settings called `how`: "patches" (white patches in the base) or "blur" (blurred sections).

    Raises:
        KeyError: for another word.
    """
    if how not in _KINDS:
        raise KeyError(f"pairs cannot be made by '{how}'; known: {', '.join(_KINDS)}")
    return PairSettings(kinds=_KINDS[how])


@dataclass(frozen=True)
class PairParams:
    """All that was drawn for one pair: source and base as a sequence of two, and the regions that the mask covers."""

    pair: DegradeParams
    masked: tuple[Region, ...]


class InpaintPair(NamedTuple):
    """A made pair.

    Attributes:
        base: uint8 `[S, S, 3]`, RGB: the picture to be mended.
        source: uint8 `[S, S, 3]`, RGB: another view, whole.
        mask: bool `[S, S]`: True where the source is to be taken. All damage of the base lies inside.
        label: uint8 `[S, S, 3]`, RGB: the base without damage.
    """

    base: Picture
    source: Picture
    mask: NDArray[np.bool_]
    label: Picture


def draw_pair(rng: np.random.Generator, how: PairSettings, *, size: int = 128) -> PairParams:
    """Draw one pair.

    Args:
        rng: The only source of chance.
        how: Ranges, for example `pair_settings("blur")`.
        size: Side of the pictures [px].
    """
    motion = DegradeSettings(
        name="pair",
        size_in=size,
        size_out=size,
        margin=how.margin,
        move_view=how.move_view,
        rotation=how.rotation,
        zoom=how.zoom,
        shift=how.shift * size,
        brightness=how.brightness,
        jpeg=None,
    )
    pair = draw(rng, motion, n_frames=2)
    patches = tuple(_draw_patch(rng, how, size) for _ in range(int(rng.integers(how.n_patches[0], how.n_patches[1] + 1))))
    masked = tuple(replace(patch, size=patch.size * (1 + rng.uniform(*how.grow))) for patch in patches)
    source, base = pair.frames
    return PairParams(replace(pair, frames=(source, replace(base, regions=patches))), masked)


def make_pair(picture: Picture, params: PairParams) -> InpaintPair:
    """Make the pair that `params` describe.

    Args:
        picture: uint8 `[S, S, 3]`, RGB, a sharp square still.
        params: From `draw_pair`.

    Raises:
        ShapeError: if the still is not square.
    """
    made = apply(picture, params.pair)
    source, base = made.frames
    masks = [region_mask(region, params.pair.size_out) for region in params.masked]
    return InpaintPair(base, source, np.logical_or.reduce(masks), made.label)


def _draw_patch(rng: np.random.Generator, how: PairSettings, size: int) -> Region:
    kind = how.kinds[int(rng.integers(len(how.kinds)))]
    x, y, side, blur = (rng.uniform(*bounds) for bounds in ((0.2, 0.8), (0.2, 0.8), how.patch_size, how.blur))
    return Region(kind, x, y, side, strength=blur * size if kind == "blur" else 0.0)
