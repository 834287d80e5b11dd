"""The alignment of the FFHQ data set, step for step as it was published, and its square alone for other sizes.

Pictures of FFHQ, and what StyleGAN and PULSE make, have their faces in this form. Shrinking, padding and the blurred border are copied in
effect, the half pixel by which the published code errs after shrinking too; only the way back is ours.

Source: Karras, Laine and Aila, "A style-based generator architecture for generative adversarial networks", CVPR 2019, arXiv:1812.04948,
appendix A; the published recipe of the data set (ffhq-dataset).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sharpening.errors import ShapeError
from sharpening.models.face_align.landmarks import Landmarks, Points
from sharpening.models.face_align.way import Affine, Way, invert_affine

__all__ = ["FfhqAligned", "align_ffhq", "ffhq_quad", "quad_affine"]

Picture = NDArray[np.uint8]

_SIZE, _FINE_SIZE = 1024, 4096
_LEFT_MOUTH_CORNER, _RIGHT_MOUTH_CORNER = 48, 54  # as seen in the picture


class FfhqAligned(NamedTuple):
    """A picture aligned as those of FFHQ.

    Attributes:
        picture: uint8 `[1024, 1024, 3]`, RGB.
        way: to it and back.
        quad: float64 `[4, 2]`, the square's corners in the picture that was warped last, borders of the first pixel at 0 [px].
        size_before: width and height of that picture [px].
    """

    picture: Picture
    way: Way
    quad: Points
    size_before: tuple[int, int]


def ffhq_quad(landmarks: Landmarks) -> Points:
    """The square that FFHQ cuts out.

    Args:
        landmarks: in any picture.

    Returns:
        float64 `[4, 2]` [px]: its corners, top left, bottom left, bottom right, top right of the upright face.
    """
    right, left = landmarks.eye_centres[::-1]
    eyes, between = (right + left) / 2, left - right
    mouth = (landmarks.points[_LEFT_MOUTH_CORNER] + landmarks.points[_RIGHT_MOUTH_CORNER]) / 2 - eyes
    along = between - _turned(mouth)
    along *= max(2 * np.hypot(*between), 1.8 * np.hypot(*mouth)) / np.hypot(*along)
    down, centre = _turned(along), eyes + 0.1 * mouth
    return np.stack([centre - along - down, centre - along + down, centre + along + down, centre + along - down])


def quad_affine(quad: Points, size: int) -> Affine:
    """The map `[2, 3]` from pixels of the picture to those of the quad's square, brought to `size` pixels."""
    right, down = (quad[3] - quad[0]) / size, (quad[1] - quad[0]) / size
    # The corners are borders of the square's pixels, half a pixel outside the first centre.
    return invert_affine(np.column_stack([right, down, quad[0] + (right + down) / 2]))


def align_ffhq(picture: Picture, landmarks: Landmarks) -> FfhqAligned:
    """Align as FFHQ was aligned: shrink, crop, pad with a blurred mirror image, warp at 4096 px, shrink to 1024.

    `forms.align` is faster, takes any size and repeats the border; this one is for networks that want exactly what they were trained on.

    Args:
        picture: uint8 `[H, W, 3]`, RGB.
        landmarks: of it.

    Raises:
        ShapeError: when the picture is not uint8 `[H, W, 3]`.
        RangeError: for landmarks that span no square.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or 0 in picture.shape:
        raise ShapeError("picture", f"{picture.dtype} {list(picture.shape)}", "uint8 [H, W, 3], RGB")
    quad = ffhq_quad(landmarks)
    Way(quad_affine(quad, _SIZE), picture.shape[:2], (_SIZE, _SIZE))  # refuses landmarks without a square before anything is done
    work = _shrunk(Image.fromarray(np.ascontiguousarray(picture)), quad)
    work = _padded(_cropped(work))
    corners = work.quad + 0.5
    data = tuple(corners.ravel().tolist())
    fine = work.image.transform((_FINE_SIZE, _FINE_SIZE), Image.Transform.QUAD, data, Image.Resampling.BILINEAR)
    aligned = np.asarray(fine.resize((_SIZE, _SIZE), Image.Resampling.LANCZOS))
    way = Way(_whole_map(work), (picture.shape[0], picture.shape[1]), (_SIZE, _SIZE))
    return FfhqAligned(aligned, way, corners, work.image.size)


@dataclass(frozen=True)
class _Work:
    """The picture between two steps, the quad in it, and where it came from: border coordinates e become e · factor + offset."""

    image: Image.Image
    quad: Points
    factor: Points
    offset: Points

    @property
    def side(self) -> float:
        return float(np.hypot(*(self.quad[3] - self.quad[0])))

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """Whole pixels round the quad: left, top, right, bottom."""
        (left, top), (right, bottom) = np.floor(self.quad.min(axis=0)), np.ceil(self.quad.max(axis=0))
        return int(left), int(top), int(right), int(bottom)

    @property
    def rim(self) -> int:
        return max(int(np.rint(0.1 * self.side)), 3)


def _turned(vector: Points) -> Points:
    """A quarter turn from x to y."""
    return np.array([-vector[1], vector[0]])


def _shrunk(image: Image.Image, quad: Points) -> _Work:
    work = _Work(image, quad, np.ones(2), np.zeros(2))
    shrink = math.floor(work.side / _SIZE * 0.5)
    if shrink <= 1:
        return work
    size = int(np.rint(image.width / shrink)), int(np.rint(image.height / shrink))
    factor = np.array(size) / (image.width, image.height)
    return _Work(image.resize(size, Image.Resampling.LANCZOS), quad / shrink, factor, np.zeros(2))


def _cropped(work: _Work) -> _Work:
    left, top, right, bottom = work.bounds
    rim, (width, height) = work.rim, work.image.size
    box = max(left - rim, 0), max(top - rim, 0), min(right + rim, width), min(bottom + rim, height)
    if box[2] - box[0] >= width and box[3] - box[1] >= height:
        return work
    corner = np.array(box[:2], np.float64)
    return _Work(work.image.crop(box), work.quad - corner, work.factor, work.offset - corner)


def _padded(work: _Work) -> _Work:
    left, top, right, bottom = work.bounds
    rim, (width, height) = work.rim, work.image.size
    wanted = (-left + rim, -top + rim, right - width + rim, bottom - height + rim)
    if max(wanted) <= rim - 4:
        return work
    least = int(np.rint(0.3 * work.side))
    pad = tuple(max(n, 0, least) for n in wanted)
    corner = np.array(pad[:2], np.float64)
    return _Work(_mirrored(work.image, pad, 0.02 * work.side), work.quad + corner, work.factor, work.offset + corner)


def _mirrored(image: Image.Image, pad: tuple[int, ...], sigma: float) -> Image.Image:
    """The picture with a mirrored border that fades into a blur, and further out into the median colour."""
    from scipy import ndimage

    left, top, right, bottom = pad
    wide = np.pad(np.asarray(image, np.float32), ((top, bottom), (left, right), (0, 0)), "reflect")
    height, width = wide.shape[:2]
    x, y = (np.arange(n, dtype=np.float32) for n in (width, height))
    far_x = 1 - np.minimum(x / left, x[::-1] / right)
    far_y = 1 - np.minimum(y / top, y[::-1] / bottom)
    far = np.maximum(far_x[None, :], far_y[:, None])[:, :, None]
    wide += (ndimage.gaussian_filter(wide, [sigma, sigma, 0]) - wide) * np.clip(3 * far + 1, 0, 1)
    wide += (np.median(wide, axis=(0, 1)) - wide) * np.clip(far, 0, 1)
    return Image.fromarray(np.clip(np.rint(wide), 0, 255).astype(np.uint8))


def _whole_map(work: _Work) -> Affine:
    """From pixels of the original, through all steps, to pixels of the aligned picture."""
    before = np.column_stack([np.diag(work.factor), 0.5 * work.factor + work.offset - 0.5])
    last = quad_affine(work.quad, _SIZE)
    return np.column_stack([last[:, :2] @ before[:, :2], last[:, :2] @ before[:, 2] + last[:, 2]])
