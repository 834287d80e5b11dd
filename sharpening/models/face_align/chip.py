"""The aligned cut of a face ("chip") that dlib's face net wants, as a differentiable step.

The geometry is dlib's: five template points, put where they belong in a square with a margin, are brought onto the landmarks by the
similarity transform of least squared error. Landmarks are floats here, so nothing is rounded.
Everything is in pixels, (x, y), the centre of the first pixel being (0, 0); landmarks are in the order of `detect.py`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError
from sharpening.models.face_align.square import CENTRE_BELOW_EYES, CENTRE_BESIDE_EYES, SIDE_IN_EYE_DISTANCES, TYPICAL_LANDMARKS

__all__ = ["CHIP_PADDING", "CHIP_SIZE", "chip_geometry", "chip_grid", "extract_chip", "extract_square_chip", "square_landmarks"]

CHIP_SIZE = 150
CHIP_PADDING = 0.25

# dlib's template of the five points in the unit square (dlib/image_transforms, Boost licence): the mean of its training faces.
_TEMPLATE = (
    (0.8595674595992, 0.2134981538014),
    (0.6460604764104, 0.2289674387677),
    (0.1205750620789, 0.2137274526848),
    (0.3340850613712, 0.2290642403242),
    (0.4901123135679, 0.6277975316475),
)
# The filter with which dlib halves a picture that is much larger than the chip.
_HALVING = (1.0, 4.0, 6.0, 4.0, 1.0)
# Where dlib believes a point to be in the halved picture: p / 2 minus this. Exact would be (1, 1); the net learned on these.
_HALVING_SHIFT = (1.25, 0.75)


def chip_geometry(landmarks: Tensor, *, padding: float = CHIP_PADDING) -> tuple[Tensor, Tensor]:
    """Where the chip lies in the picture.

    Args:
        landmarks: `[bs, 5, 2]` (x, y) [px].
        padding: margin round the template on each side, as a part of its size.

    Returns:
        The centre `[bs, 2]` [px], and the chip's own x axis `[bs, 2]`: it points along the chip's upper edge in the picture and is
        as long as the chip's side [px].
    """
    _check_landmarks(landmarks)
    template = (landmarks.new_tensor(_TEMPLATE) + padding) / (1 + 2 * padding)
    middle, wanted = template.mean(dim=0), landmarks.mean(dim=1)
    source, target = template - middle, landmarks - wanted[:, None]
    along = (source * target).sum(dim=(1, 2))
    across = (source[:, 0] * target[..., 1] - source[:, 1] * target[..., 0]).sum(dim=1)
    axis = torch.stack([along, across], dim=1) / source.square().sum()
    offset = 0.5 - middle
    return wanted + offset[0] * axis + offset[1] * _turned(axis), axis


def chip_grid(landmarks: Tensor, height: int, width: int, *, size: int = CHIP_SIZE, padding: float = CHIP_PADDING) -> Tensor:
    """Sampling positions `[bs, size, size, 2]` for `grid_sample(align_corners=True)` in a picture of height × width [px]."""
    centre, axis = chip_geometry(landmarks, padding=padding)
    # dlib lays the outermost chip pixels onto the corner pixels of the box, so n pixels span n - 1 steps.
    side = torch.linalg.vector_norm(axis, dim=1, keepdim=True)
    step_x = axis * ((side - 1) / side / (size - 1))
    steps = torch.arange(size, dtype=landmarks.dtype, device=landmarks.device) - (size - 1) / 2
    right, down = steps[None, None, :, None], steps[None, :, None, None]
    places = centre[:, None, None] + right * step_x[:, None, None] + down * _turned(step_x)[:, None, None]
    return places * (2 / (places.new_tensor([width, height]) - 1).clamp(min=1)) - 1


def extract_chip(pictures: Tensor, landmarks: Tensor, *, size: int = CHIP_SIZE, padding: float = CHIP_PADDING) -> Tensor:
    """Cut the aligned faces out, as `dlib.get_face_chip` does (to less than a grey level), with gradients for both arguments.

    Faces more than twice as large as the chip are halved first, as dlib does, so that they do not alias. Outside is black.

    Args:
        pictures: float `[bs, 3, H, W]`, any range.
        landmarks: `[bs, 5, 2]` (x, y) [px] of the face in each picture.
        size: side of the chip [px].
        padding: margin round the template on each side, as a part of its size.

    Returns:
        `[bs, 3, size, size]` in the range of the pictures.

    Raises:
        ShapeError: when the two do not fit together.
        RangeError: when a landmark is not a finite number; leave pictures without a face out.
    """
    if pictures.ndim != 4 or len(pictures) != len(landmarks):
        raise ShapeError("pictures", tuple(pictures.shape), f"[{len(landmarks)}, channels, H, W], a picture for each landmarks")
    landmarks = landmarks.to(pictures)
    _, axis = chip_geometry(landmarks, padding=padding)
    if not bool(torch.isfinite(axis).all()):
        raise RangeError("landmarks", "NaN or infinity", "finite numbers", "Leave pictures without a face out.")
    halvings = _halvings(torch.linalg.vector_norm(axis.detach(), dim=1), size, min(pictures.shape[-2:]))
    if len(set(halvings)) <= 1:
        return _chip_after(pictures, landmarks, max(halvings, default=0), size, padding)
    one_by_one = zip(pictures.split(1), landmarks.split(1), halvings, strict=True)
    return torch.cat([_chip_after(picture, points, n, size, padding) for picture, points, n in one_by_one])


def square_landmarks(size: int) -> Tensor:
    """Where the five landmarks of a typical upright face lie in a standard crop of `size` px: float32 `[5, 2]` (x, y) [px]."""
    eye_distance = size / SIDE_IN_EYE_DISTANCES
    from_centre = torch.tensor(TYPICAL_LANDMARKS) - torch.tensor([CENTRE_BESIDE_EYES, CENTRE_BELOW_EYES])
    return from_centre * eye_distance + (size - 1) / 2


def extract_square_chip(pictures: Tensor) -> Tensor:
    """Chips `[bs, 3, 150, 150]` at the typical landmarks of standard crops `[bs, 3, S, S]`; no search, so fit for a loss."""
    if pictures.ndim != 4 or pictures.shape[2] != pictures.shape[3]:
        raise ShapeError("pictures", tuple(pictures.shape), "[bs, 3, S, S], standard crops", "Cut them with standard_square first.")
    landmarks = square_landmarks(pictures.shape[-1]).to(pictures)
    return extract_chip(pictures, landmarks.expand(len(pictures), 5, 2))


def _turned(vectors: Tensor) -> Tensor:
    """A quarter turn from x to y: the chip's y axis of its x axis."""
    return torch.stack([-vectors[..., 1], vectors[..., 0]], dim=-1)


def _check_landmarks(landmarks: Tensor) -> None:
    if landmarks.ndim != 3 or landmarks.shape[1:] != (5, 2):
        raise ShapeError("landmarks", tuple(landmarks.shape), "[bs, 5, 2]", "Five points (x, y) in dlib's order.")


def _halvings(sides: Tensor, size: int, short_side: int) -> list[int]:
    """How often to halve each picture: as long as the face stays larger than the chip and the picture larger than 8 px."""
    most = max(0, int(math.log2(short_side / 8)))
    return [min(max(0, int(n)), most) for n in torch.log2(sides / size).floor().tolist()]


def _chip_after(pictures: Tensor, landmarks: Tensor, halvings: int, size: int, padding: float) -> Tensor:
    for _ in range(halvings):
        pictures, landmarks = _halve(pictures), landmarks / 2 - landmarks.new_tensor(_HALVING_SHIFT)
    grid = chip_grid(landmarks, *pictures.shape[-2:], size=size, padding=padding)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=True)


def _halve(pictures: Tensor) -> Tensor:
    """Every second pixel of the smoothed picture, only where the 5×5 filter fits."""
    taps = pictures.new_tensor(_HALVING) / sum(_HALVING)
    channels = pictures.shape[1]
    kernel = torch.outer(taps, taps).expand(channels, 1, 5, 5)
    return F.conv2d(pictures, kernel, stride=2, groups=channels)
