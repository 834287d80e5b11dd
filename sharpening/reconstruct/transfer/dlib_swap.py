"""The face swap over dlib's landmarks: Procrustes, hulls with a soft border, warp, colour correction, blend.

The steps are pure functions on numpy pictures. `published=True` (or uint8 pictures) does them as the published program does, with its
nearest-neighbour warp, fixed sizes and rounding; otherwise pictures are float, interpolated bicubically, and sizes follow the eye distance.

Source: matthewearl/faceswap (2016), as described by its author in "Switching Eds", 2015.
"""

from __future__ import annotations

from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from sharpening.imaging.convert import to_uint8
from sharpening.models.face_align.landmarks import Landmarks, Points
from sharpening.models.face_align.way import Affine
from sharpening.reconstruct.transfer.measure import measure
from sharpening.reconstruct.transfer.sampling import affine_field, as_array, as_tensor, check_transfer, inside, sample
from sharpening.reconstruct.view import Moved, View

__all__ = ["ALIGN_POINTS", "OVERLAYS", "blend", "colour_corrected", "dlib_swap", "hull_mask", "procrustes", "swap", "warp_nearest"]

Picture = NDArray[np.float32] | NDArray[np.uint8]
Pixel = TypeVar("Pixel", np.uint8, np.float64)

# The published groups leave out the last point of the nose and the inner lips.
_BROWS_AND_EYES = (*range(17, 27), *range(36, 48))
_NOSE_AND_MOUTH = (*range(27, 35), *range(48, 61))
ALIGN_POINTS = (*_BROWS_AND_EYES, *_NOSE_AND_MOUTH)
"""Numbers of the 43 landmarks that the two faces are aligned by."""
OVERLAYS = (_BROWS_AND_EYES, _NOSE_AND_MOUTH)
"""Numbers of the landmarks whose hulls are taken from the source."""

_PUBLISHED_FEATHER = 11  # px
_FEATHER = 0.2  # eye distances
_COLOUR_BLUR = 0.6  # eye distances: the side of the blur's window


def procrustes(base: Points, source: Points) -> Affine:
    """The similarity map `[3, 3]` from points of the base to those of the source, all counting alike.

    Args:
        base: `[n, 2]` (x, y) [px].
        source: the same points of the source.
    """
    base, source = base.astype(np.float64), source.astype(np.float64)
    middles = base.mean(axis=0), source.mean(axis=0)
    a, b = base - middles[0], source - middles[1]
    zoom = b.std() / a.std()
    u, _, vt = np.linalg.svd((a / a.std()).T @ (b / b.std()))
    turn = zoom * (u @ vt).T
    return np.vstack([np.hstack([turn, (middles[1] - turn @ middles[0])[:, None]]), [0.0, 0.0, 1.0]])


def hull_mask(points: Points, height: int, width: int, *, feather: int) -> NDArray[np.float64]:
    """The hulls of `OVERLAYS`, widened by half a feather and then made soft by it.

    Args:
        points: `[68, 2]` (x, y) [px].
        height: of the picture [px].
        width: of the picture [px].
        feather: odd side of the Gaussian window [px].

    Returns:
        `[height, width]` in [0, 1].
    """
    mask = np.zeros((height, width), np.float64)
    whole = np.rint(points).astype(np.int32)
    for numbers in OVERLAYS:
        cv2.fillConvexPoly(mask, cv2.convexHull(whole[list(numbers)]), 1.0)
    widened = (cv2.GaussianBlur(mask, (feather, feather), 0) > 0).astype(np.float64)
    return np.asarray(cv2.GaussianBlur(widened, (feather, feather), 0), np.float64)


def warp_nearest(picture: NDArray[Pixel], affine: Affine, height: int, width: int) -> NDArray[Pixel]:
    """The published warp: the nearest pixel of where the map `[3, 3]` points, black where there is none."""
    moved = np.zeros((height, width, *picture.shape[2:]), picture.dtype)
    cv2.warpAffine(picture, affine[:2], (width, height), dst=moved, flags=cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_TRANSPARENT)
    return moved


def colour_corrected(base: Picture, moved: Picture, landmarks: Landmarks) -> NDArray[np.float64]:
    """The moved source with the base's colours: their ratio after a wide blur is multiplied on.

    Args:
        base: `[H, W, 3]`, uint8 (then the blurs are rounded, as published) or float in [0, 1].
        moved: the same kind and size.
        landmarks: of the base; the blur's window is 0.6 eye distances.

    Returns:
        float64 `[H, W, 3]` in the range of the inputs, which it may leave.
    """
    unit = 1 if base.dtype == np.uint8 else 1 / 255
    side = max(1, int(_COLOUR_BLUR * landmarks.eye_distance)) | 1
    wanted, got = (cv2.GaussianBlur(each, (side, side), 0) for each in (base, moved))
    # Black would divide by nothing.
    got = got + (128 * unit * (got <= unit)).astype(got.dtype)
    return moved.astype(np.float64) * wanted.astype(np.float64) / got.astype(np.float64)


def blend(base: Picture, corrected: NDArray[np.float64], mask: NDArray[np.float64]) -> NDArray[np.float64]:
    """Base outside, source inside: `[H, W, 3]`, not limited to the range of the inputs; `mask` is `[H, W]`."""
    share = mask[..., None]
    return base * (1.0 - share) + corrected * share


def swap(base: Tensor, source: Tensor, l1: Landmarks, l2: Landmarks, *, published: bool = False) -> Tensor:
    """The whole face swap: eyes, brows, nose and mouth of the source on the base.

    Args:
        base: `[3, H, W]`, RGB in [0, 1].
        source: `[3, h, w]`, RGB in [0, 1].
        l1: landmarks of the base.
        l2: landmarks of the source.
        published: as the published program does it.

    Returns:
        `[3, H, W]` in [0, 1].
    """
    height, width = base.shape[-2:]
    to_source = procrustes(l1.points[list(ALIGN_POINTS)], l2.points[list(ALIGN_POINTS)])
    feathers = [_PUBLISHED_FEATHER if published else max(3, int(_FEATHER * each.eye_distance)) | 1 for each in (l1, l2)]
    other = hull_mask(l2.points, *source.shape[-2:], feather=feathers[1])
    own = hull_mask(l1.points, height, width, feather=feathers[0])
    head: Picture
    moved: Picture
    if published:
        head, moved = to_uint8(base), warp_nearest(to_uint8(source), to_source, height, width)
        warped_mask = warp_nearest(other, to_source, height, width)
    else:
        head = as_array(base)
        moved = as_array(_moved(source, to_source, height, width).picture)
        warped_mask = _moved(as_tensor(other), to_source, height, width, black=True).picture[0].double().numpy()
    result = blend(head, colour_corrected(head, moved, l1), np.maximum(own, warped_mask))
    return as_tensor(result / 255 if published else result).clamp(0, 1)


def dlib_swap(source: View, base: View, mask: Tensor, *, published: bool = False, facts: dict[str, Any] | None = None) -> Moved:
    """Align the source by 43 landmarks and give it the base's colours; blending is the cross-over's work.

    Args:
        source: the picture that has the part.
        base: the picture that wants it, of any other size.
        mask: `[1, H, W]` in [0, 1]; the whole face is aligned at once, so it makes no difference to the picture.
        published: with the published program's nearest-neighbour warp, on 8 bits.
        facts: is filled with what `measure` finds. The base's colours flatter it a little.

    Raises:
        ShapeError, RangeError: if the mask does not fit the base.
    """
    check_transfer(source, base, mask)
    height, width = base.picture.shape[-2:]
    numbers = list(ALIGN_POINTS)
    to_source = procrustes(base.landmarks.points[numbers], source.landmarks.points[numbers])
    if published:
        head, moved = to_uint8(base.picture), warp_nearest(to_uint8(source.picture), to_source, height, width)
        valid = as_tensor(inside(affine_field(to_source[:2], height, width), *source.picture.shape[-2:]).astype(np.float32))
        done = Moved(as_tensor(colour_corrected(head, moved, base.landmarks) / 255).clamp(0, 1), valid)
    else:
        found = _moved(source.picture, to_source, height, width)
        corrected = colour_corrected(as_array(base.picture), as_array(found.picture), base.landmarks)
        done = Moved(as_tensor(corrected).clamp(0, 1), found.valid)
    if facts is not None:
        facts.update(measure(base, done, mask))
    return done


def _moved(picture: Tensor, to_source: Affine, height: int, width: int, *, black: bool = False) -> Moved:
    found = sample(picture, affine_field(to_source[:2], height, width))
    return Moved(found.picture * found.valid, found.valid) if black else found
