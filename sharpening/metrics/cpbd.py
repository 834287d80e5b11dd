"""CPBD: how likely it is that a viewer notices no blur at the edges of a picture. It needs no true picture.

Vertical edges are measured: how many pixels the brightness keeps rising or falling across them. A width that just can be noticed
depends on the contrast of the 64×64 block; the score is the share of edges that are likely to look sharp.

The number means sharpness, not likeness: noise raises it. It counts on 0–255 luminance, in whole grey levels, and blocks are
chosen by Canny edges, whose detector differs between versions of scikit-image: LIVE's first picture has 0.1120 with old ones,
0.1091 with 0.26 and 0.1353 in Matlab. So give the version with a figure, and compare figures of one version only.
"""

from __future__ import annotations

from typing import TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.convert import to_uint8
from sharpening.metrics.metric import Metric

__all__ = ["CPBD", "canny_edges", "cpbd", "cpbd_of_edges", "cpbd_of_luminance", "edge_widths", "luminance", "sobel_edges"]

Map = NDArray[np.float64]
Mask = NDArray[np.bool_]
Places = NDArray[np.int64]
_Kind = TypeVar("_Kind", bound=np.generic)

_BLOCK = 64  # px
_EDGE_SHARE = 0.002  # a block counts when more of its pixels than this are Canny edges
_CANNY_THRESHOLDS = (0.1, 0.2)  # grey levels of slope after smoothing
_CANNY_REACH = 6  # px: blur, slope and thinning look no farther
_LOW_CONTRAST = 50  # grey levels
_JUST_NOTICEABLE = (5.0, 3.0)  # px: in blocks of low contrast, in all others
_BETA = 3.6
_LAST_BIN = 63  # %: blur is noticed by fewer than this at an edge of the just noticeable width
_LONGEST_SIDE = 101  # px


def cpbd(pictures: Tensor) -> Tensor:
    """Cumulative probability of blur detection of each picture.

    The pictures are rounded to 8 bits, as they would be written, and then to whole levels of luminance.

    Args:
        pictures: `[bs, 3, H, W]`, RGB, float in [0, 1].

    Returns:
        `[bs]` in [0, 1], higher is sharper; 0 when nothing in it counts as an edge; NaN for all when a side has fewer than 64 px,
        since then there is no block to look at (the published program says 0, which a table must not).

    Raises:
        ShapeError: when it is no batch of RGB pictures.
        RangeError: when it is not floating point, or holds NaN or infinity.

    Source: Narvekar and Karam, "A no-reference image blur metric based on the cumulative probability of blur detection (CPBD)",
        2011, doi:10.1109/TIP.2011.2131660.
    """
    if pictures.ndim != 4 or pictures.shape[1] != 3:
        raise ShapeError("pictures", list(pictures.shape), "[bs, 3, H, W]")
    if not pictures.is_floating_point():
        raise RangeError("pictures", f"dtype {pictures.dtype}", "floating point in [0, 1]", "Use imaging.convert.to_tensor first.")
    small = min(pictures.shape[-2:]) < _BLOCK
    scores = [np.nan if small else cpbd_of_luminance(luminance(picture)) for picture in to_uint8(pictures)]
    dtype = torch.float64 if pictures.dtype == torch.float64 else torch.float32
    return torch.tensor(scores, dtype=dtype, device=pictures.device)


def luminance(picture: NDArray[np.uint8]) -> Map:
    """Luma of ITU-R BT.601 in whole grey levels, as 8-bit grey files hold it.

    Args:
        picture: `[H, W, 3]`, RGB, 0–255.

    Returns:
        `[H, W]`, float64, 0–255.
    """
    return np.rint(picture @ np.array((0.299, 0.587, 0.114)))


def cpbd_of_luminance(luminance: NDArray[np.generic]) -> float:
    """CPBD of one picture of luminance.

    Args:
        luminance: `[H, W]`, 0–255 of any number type, sides of at least 64 px.

    Returns:
        The score in [0, 1].

    Raises:
        ShapeError: when it is no single picture, or too small to have a block.
        RangeError: when it holds NaN or infinity.
    """
    grey = _checked(luminance)
    places, widths = _measured(grey, sobel_edges(grey))
    blocks = _blocks_of(places, grey)
    # Canny's edges only say which blocks have enough of them. Most blocks show it sooner; the others are looked at in full.
    chosen = _surely_edge_blocks(grey)
    if not chosen[blocks[blocks >= 0]].all():
        chosen = _edge_blocks(canny_edges(grey))
    return _share_of_sharp_edges(grey, blocks, widths, chosen)


def cpbd_of_edges(luminance: NDArray[np.generic], sobel: Mask, canny: Mask) -> float:
    """CPBD of one picture whose edges are already found, free of any edge detector's version.

    Args:
        luminance: `[H, W]`, 0–255, sides of at least 64 px; what does not fill a block at the right and below is left out.
        sobel: `[H, W]`, the vertical edges to measure.
        canny: `[H, W]`, all edges, which choose the blocks.

    Returns:
        The score in [0, 1].

    Raises:
        ShapeError: when the shapes differ, or there is no block.
        RangeError: when the luminance holds NaN or infinity.
    """
    grey = _checked(luminance)
    if not grey.shape == sobel.shape == canny.shape:
        raise ShapeError("edges", f"{list(sobel.shape)} and {list(canny.shape)}", f"the luminance's shape {list(grey.shape)}")
    places, widths = _measured(grey, sobel)
    return _share_of_sharp_edges(grey, _blocks_of(places, grey), widths, _edge_blocks(canny))


def canny_edges(luminance: NDArray[np.generic]) -> Mask:
    """Edges `[H, W]` by Canny's method through scikit-image, with the arguments that the published program leaves to it.

    The thresholds are absolute, 0.1 and 0.2 on a scale of 0–255: nearly everything above noise is an edge.

    Args:
        luminance: `[H, W]`, 0–255.
    """
    from skimage.feature import canny

    return canny(
        np.asarray(luminance, np.float64), sigma=1.0, low_threshold=_CANNY_THRESHOLDS[0], high_threshold=_CANNY_THRESHOLDS[1]
    )


def sobel_edges(luminance: NDArray[np.generic]) -> Mask:
    """Vertical edges `[H, W]` by Sobel's filter, thinned.

    A pixel is one when its squared slope lies above twice the root of the picture's mean square, as in the published program (the
    slope itself would be the usual choice), and above both neighbours beside it, or both over and under it.

    Args:
        luminance: `[H, W]`, 0–255.
    """
    across = cv2.Sobel(np.asarray(luminance, np.float64), cv2.CV_64F, 1, 0, scale=1 / 8, borderType=cv2.BORDER_REPLICATE)
    strength = np.square(across, out=across)
    strength[strength <= 2 * np.sqrt(strength.mean())] = 0
    return _beats_neighbours(strength) | _beats_neighbours(strength.T).T


def _beats_neighbours(strength: Map) -> Mask:
    """Where a value is larger than those before and behind it in its row; there are zeros outside."""
    beats = strength > 0
    beats[:, 1:] &= strength[:, 1:] > strength[:, :-1]
    beats[:, :-1] &= strength[:, :-1] > strength[:, 1:]
    return beats


def edge_widths(luminance: NDArray[np.generic], edges: Mask) -> NDArray[np.int64]:
    """Width of each vertical edge: how far the brightness keeps rising, or falling, to its left and right.

    Only edges whose slope points within 22.5° of the row are measured; the outermost rows and columns are not. The walk begins one
    pixel beside the edge, so a side is at least 1 and an edge at least 2 px wide; a side of more than 101 px counts as 101.

    Args:
        luminance: `[H, W]`, 0–255.
        edges: `[H, W]`, where to measure.

    Returns:
        `[H, W]` [px], 0 where nothing was measured.
    """
    grey = np.asarray(luminance, np.float64)
    found = np.zeros(grey.shape, np.int64)
    places, widths = _measured(grey, edges)
    found.ravel()[places] = widths
    return found


def _measured(grey: Map, edges: Mask) -> tuple[Places, Places]:
    """Places, counted row by row, and widths [px] of the edges that can be measured."""
    inner = np.zeros(grey.shape, bool)
    inner[1:-1, 1:-1] = np.asarray(edges, bool)[1:-1, 1:-1]
    places, line, n = np.flatnonzero(inner), np.ascontiguousarray(grey).ravel(), grey.shape[1]
    down, across = line[places + n] - line[places - n], line[places + 1] - line[places - 1]
    # A flat row has the direction 0 here, whatever its column does.
    octants = np.where(across == 0, 0, np.rint(np.degrees(np.arctan2(down, across)) / 45))
    if not octants.any() and not _any_slope_is_oblique(grey):
        return places[:0], places[:0]
    level = (octants == 0) | (np.abs(octants) == 4)
    places = places[level]
    return places, _both_sides(grey, places, np.where(octants[level] == 0, 1, -1))


def _any_slope_is_oblique(grey: Map) -> bool:
    """Whether any slope leaves the direction 0: where none does, the published program measures nothing at all."""
    down, across = np.gradient(grey)
    return bool(((across != 0) & ((down != 0) | (across < 0))).any())


def _both_sides(grey: Map, places: Places, ways: Places) -> Places:
    """Widths of the edges at these places; `ways` is 1 where an edge rises to the right and -1 where it falls."""
    # Zeros at both ends stop every walk at the border, and part the rows in one long line.
    signs = np.zeros((grey.shape[0], grey.shape[1] + 1), np.int8)
    signs[:, 1:-1] = grey[:, 1:] > grey[:, :-1]
    signs[:, 1:-1] -= grey[:, 1:] < grey[:, :-1]
    line = signs.ravel()
    changes = np.concatenate([[True], line[1:] != line[:-1]])
    run = np.cumsum(changes, dtype=np.int32) - 1
    starts = np.flatnonzero(changes)
    ends = np.append(starts[1:], len(line))
    left = places + places // grey.shape[1] - 1  # the step that leads to the pixel on the left
    right = left + 3
    n_left = np.where(line[left] == ways, left - starts[run[left]] + 1, 0)
    n_right = np.where(line[right] == ways, ends[run[right]] - right, 0)
    return np.minimum(n_left + 1, _LONGEST_SIDE) + np.minimum(n_right + 1, _LONGEST_SIDE)


def _share_of_sharp_edges(grey: Map, blocks: Places, widths: Places, chosen: Mask) -> float:
    """The score, from the block (-1 for none) and width of each edge, and the chosen blocks `[n_blocks]`."""
    counts = (blocks >= 0) & chosen[blocks]
    if not counts.any():
        return 0.0
    squares = _in_blocks(grey)
    contrast = (squares.max(axis=(1, 3)) - squares.min(axis=(1, 3))).astype(np.int64).ravel()
    noticeable = np.where(contrast <= _LOW_CONTRAST, *_JUST_NOTICEABLE)[blocks[counts]]
    percent = np.rint(100 * (1 - np.exp(-((widths[counts] / noticeable) ** _BETA))))
    return float((percent <= _LAST_BIN).mean())


def _edge_blocks(edges: Mask) -> Mask:
    return _in_blocks(np.asarray(edges, bool)).sum(axis=(1, 3)).ravel() > _EDGE_SHARE * _BLOCK**2


def _surely_edge_blocks(grey: Map) -> Mask:
    """Blocks `[n_blocks]` that have enough Canny edges for certain; the others may have them or not.

    A slope over the upper threshold that is steeper than those of all eight neighbours is an edge for every form of Canny's
    method: thinning compares with means of neighbours, and only weaker edges depend on the ones that they touch.
    """
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (9, 9), 1.0, borderType=cv2.BORDER_REPLICATE)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *way, borderType=cv2.BORDER_REPLICATE) for way in ((1, 0), (0, 1)))
    strength = across * across + down * down
    ring = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)
    # Margins over the threshold and the neighbours, since filters of other libraries round otherwise.
    peaks = (strength > (1.05 * _CANNY_THRESHOLDS[1]) ** 2) & (strength > 1.01 * cv2.dilate(strength, ring))
    inside = np.zeros_like(peaks)
    inside[_CANNY_REACH:-_CANNY_REACH, _CANNY_REACH:-_CANNY_REACH] = True  # other borders change what lies near them
    return _edge_blocks(peaks & inside)


def _checked(luminance: NDArray[np.generic]) -> Map:
    if luminance.ndim != 2 or min(luminance.shape) < _BLOCK:
        advice = "Enlarge smaller pictures; a score without a block would mean nothing."
        raise ShapeError("luminance", list(luminance.shape), f"[H, W] with sides of at least {_BLOCK} px", advice)
    grey = np.asarray(luminance, np.float64)
    if not np.isfinite(grey).all():
        raise RangeError("luminance", "NaN or infinity", "finite numbers in 0–255")
    return grey


def _in_blocks(x: NDArray[_Kind]) -> NDArray[_Kind]:
    """`[H, W]` as `[n_down, 64, n_across, 64]`, without what fills no block."""
    n_down, n_across = x.shape[0] // _BLOCK, x.shape[1] // _BLOCK
    return x[: n_down * _BLOCK, : n_across * _BLOCK].reshape(n_down, _BLOCK, n_across, _BLOCK)


def _blocks_of(places: Places, grey: Map) -> Places:
    """Number of the block of each place, row by row; -1 outside of whole blocks."""
    n_down, n_across = grey.shape[0] // _BLOCK, grey.shape[1] // _BLOCK
    row, column = places // grey.shape[1] // _BLOCK, places % grey.shape[1] // _BLOCK
    return np.where((row < n_down) & (column < n_across), row * n_across + column, -1)


CPBD = Metric("CPBD", "-", "higher", (0.0, 1.0), needs_target=False, fn=cpbd, decimals=4)
