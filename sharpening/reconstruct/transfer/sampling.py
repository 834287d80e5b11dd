"""Taking a picture's pixels from where a field of coordinates points."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import ShapeError
from sharpening.imaging.mask import check_mask
from sharpening.models.face_align.way import Affine
from sharpening.reconstruct.view import Moved, View

__all__ = [
    "Field",
    "affine_field",
    "as_array",
    "as_tensor",
    "check_transfer",
    "compose",
    "inside",
    "pixel_grid",
    "sample",
    "through",
]

Field = NDArray[np.float32]
"""For each pixel of the base its place in the source, `[2, H, W]` (x, y) [px]."""

_SHRINKS = 1.1  # source pixels on one of the base, from which on they are averaged


def check_transfer(source: View, base: View, mask: Tensor) -> None:
    """Refuse a mask that does not lie on the base, or landmarks that are one point.

    Raises:
        ShapeError, RangeError: what came, and what was wanted.
    """
    wanted = (1, *base.picture.shape[1:])
    if tuple(mask.shape) != wanted:
        raise ShapeError("mask", list(mask.shape), str(list(wanted)), "It lies on the base, pixel by pixel.")
    check_mask(mask)
    for name, view in (("source", source), ("base", base)):
        if np.ptp(view.landmarks.points, axis=0).min() < 1e-3:
            raise ShapeError(f"landmarks of the {name}", "points on a line or in one place", "68 points of a face")


def pixel_grid(height: int, width: int) -> Field:
    """The field that leaves everything in its place."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return np.stack([x, y])


def affine_field(affine: Affine, height: int, width: int) -> Field:
    """The field of an affine map, on a base of that size."""
    return compose(affine, pixel_grid(height, width))


def compose(outer: Affine, inner: Field) -> Field:
    """The field that goes through `inner` and then through the affine map."""
    x, y = inner
    return np.stack([a * x + b * y + c for a, b, c in outer]).astype(np.float32)


def through(flow: Field, field: Field) -> Field:
    """The field that goes along a flow on the base first, `[2, H, W]` [px], and then through `field`."""
    still = pixel_grid(*field.shape[1:])
    place = still + flow
    # The differences are looked up, not the places: repeated at the border they are right, where places would stand still.
    moves = [cv2.remap(each, place[0], place[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for each in field - still]
    return place + np.stack(moves)


def as_array(picture: Tensor) -> NDArray[np.float32]:
    """`[c, H, W]` as `[H, W, c]`, as OpenCV wants it."""
    return np.ascontiguousarray(picture.detach().movedim(0, -1).float().numpy())


def as_tensor(picture: NDArray[np.floating]) -> Tensor:
    """`[H, W, c]` or `[H, W]` as float32 `[c, H, W]`."""
    picture = picture[..., None] if picture.ndim == 2 else picture
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(picture, -1, 0), dtype=np.float32))


def inside(field: Field, height: int, width: int) -> NDArray[np.bool_]:
    """Where a field points into a picture of that size; pixels reach half a pixel beyond their centres."""
    x, y = field
    return (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)


def sample(picture: Tensor, field: Field) -> Moved:
    """Take a picture's pixels where a field points.

    Bicubic between pixels; where a pixel of the base covers several of the picture, the picture is first made smaller by area.

    Args:
        picture: `[c, H, W]` in [0, 1].
        field: `[2, h, w]`.

    Returns:
        The picture `[c, h, w]` in [0, 1], its border pixels repeated outside, and where it was inside.
    """
    height, width = picture.shape[-2:]
    valid = inside(field, height, width)
    array, field = _shrunk(as_array(picture), field)
    moved = cv2.remap(array, field[0], field[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return Moved(as_tensor(np.asarray(moved, np.float32)).clamp(0, 1), as_tensor(valid.astype(np.float32)))


def _shrunk(array: NDArray[np.float32], field: Field) -> tuple[NDArray[np.float32], Field]:
    steps = [np.gradient(side, axis=(0, 1)) for side in field]
    area = np.abs(steps[0][1] * steps[1][0] - steps[0][0] * steps[1][1])
    factor = float(np.sqrt(np.median(area)))
    if factor < _SHRINKS:
        return array, field
    height, width = array.shape[:2]
    size = max(1, round(width / factor)), max(1, round(height / factor))
    ratio = np.array([size[0] / width, size[1] / height], np.float32)[:, None, None]
    smaller = np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA), np.float32)
    return smaller.reshape(size[1], size[0], -1), ((field + 0.5) * ratio - 0.5).astype(np.float32)
