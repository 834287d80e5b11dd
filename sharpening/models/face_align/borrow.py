"""The landmarks of every frame of a sequence, borrowed from its neighbours where a frame itself does not show them.

The same face is seen in all frames, so where it is blurred away or hidden in one, its landmarks follow from those of other frames and from
the motion between the two, which shows in all that is left to see. Each neighbour gives its own answer; the median of them counts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.convert import to_tensor
from sharpening.models.basic_blocks.registration import affine_grid, estimate_affine, pixel_affine
from sharpening.models.basic_blocks.warp import warp
from sharpening.models.face_align.detect import Face
from sharpening.models.face_align.landmarks import Landmarks, Points
from sharpening.models.face_align.points68 import find_landmarks
from sharpening.models.face_align.way import invert_affine

__all__ = ["SURE_ENOUGH", "sequence_landmarks"]

Picture = NDArray[np.uint8]

SURE_ENOUGH = 0.5
"""Landmarks that are less sure are borrowed, and none are borrowed from such."""

# Side of the window round the face in which the motion is estimated [eye distances], and the size to which it is brought [px].
_WINDOW, _SIDE = 7.0, 64
# As many neighbours are asked, the nearest first.
_NEIGHBOURS = 5
# A motion is believed when the pictures correlate by more than this in a quarter of the blocks; the rest may be covered or blurred away.
_MATCH, _BLOCKS = 0.8, 4
# What is covered pulls the estimate: it is found by its residual and filled from the source, so many times. Residuals above three times
# those of the best third, and above a few grey levels, are no light and no noise.
_ROUNDS, _BEST, _TIMES, _FLOOR = 4, 0.3, 3.0, 0.04
# Logistic regression for `sure`: constant, factors of log spread, log of the number of lenders and their mean match.
_SURE = (-27.42, -2.32, 2.78, 19.59)
# Borrowed landmarks that are less sure than this are none.
_LEAST = 0.1


@dataclass(frozen=True, eq=False)
class _Carried:
    """The landmarks of a neighbour, carried into a frame.

    Attributes:
        points: `[68, 2]` [px of the frame].
        match: how well the two pictures correlate once the motion is undone, in the better blocks [-].
        sure: of the neighbour's landmarks.
    """

    points: Points
    match: float
    sure: float


def sequence_landmarks(
    pictures: Sequence[Picture], *, faces: Sequence[Face | None] | None = None, sure_enough: float = SURE_ENOUGH
) -> list[Landmarks | None]:
    """The landmarks of one face in all frames of a sequence.

    Args:
        pictures: uint8 `[H, W, 3]` RGB, in order; only frames of one size borrow from each other.
        faces: the face in each frame; None searches, and a None among them searches that frame.
        sure_enough: below this the landmarks of a frame are borrowed; 0 borrows only where none were found.

    Returns:
        For each frame its landmarks, `how` "found" or "borrowed"; None where nothing was found and nothing matches. `sure` of borrowed ones
        means what it means in `find_landmarks` and is never above the lenders'. It was calibrated on 865 frames of 32×32, of real clips and
        made from training stills (blurred, covered and clear); on 430 valid ones it said 0.96, 0.80, 0.60, 0.42 and 0.18 where 0.99, 0.85,
        0.75, 0.28 and 0.42 were right. Borrowed points do not know the expression of the frame.

    Raises:
        ShapeError: for what is no picture, or another number of faces than of pictures.
        RangeError: when `sure_enough` is not in 0 … 1.
    """
    if faces is not None and len(faces) != len(pictures):
        raise ShapeError("faces", len(faces), f"{len(pictures)}, one for each picture")
    if not 0 <= sure_enough <= 1:
        raise RangeError("sure_enough", sure_enough, "0 … 1")
    given = faces if faces is not None else [None] * len(pictures)
    found = [find_landmarks(picture, face) for picture, face in zip(pictures, given, strict=True)]
    return [_better(i, pictures, found, sure_enough) for i in range(len(pictures))]


def _better(i: int, pictures: Sequence[Picture], found: list[Landmarks | None], sure_enough: float) -> Landmarks | None:
    own = found[i]
    if own is not None and own.sure >= sure_enough:
        return own
    borrowed = _combined(_all_carried(i, pictures, found, max(sure_enough, SURE_ENOUGH)))
    if borrowed is None or (own is not None and own.sure >= borrowed.sure):
        return own
    return borrowed


def _all_carried(i: int, pictures: Sequence[Picture], found: list[Landmarks | None], sure_enough: float) -> list[_Carried]:
    lenders = [
        (j, marks)
        for j, marks in enumerate(found)
        if j != i and marks is not None and marks.sure >= sure_enough and pictures[j].shape == pictures[i].shape
    ]
    lenders = sorted(lenders, key=lambda lender: abs(lender[0] - i))[:_NEIGHBOURS]
    return _carried([(pictures[j], marks) for j, marks in lenders], pictures[i]) if lenders else []


def _combined(carried: list[_Carried]) -> Landmarks | None:
    """The median of the answers that can be believed; less sure the further they lie apart."""
    believed = [one for one in carried if one.match > _MATCH]
    if not believed:
        return None
    points = np.stack([one.points for one in believed])
    middle = np.median(points, axis=0)
    sure = _sure(believed, middle)
    return Landmarks(middle, sure, "borrowed") if sure >= _LEAST else None


def _sure(believed: list[_Carried], middle: Points) -> float:
    """Probability that the points are right, see `sequence_landmarks`; never more than the lenders have themselves."""
    apart = np.stack([one.points for one in believed])[:, 17:] - middle[17:]
    unit = max(float(np.hypot(*(middle[36:42].mean(axis=0) - middle[42:48].mean(axis=0)))), 1e-6)
    spread = math.sqrt(float((apart**2).sum(axis=2).mean())) / unit
    constant, of_spread, of_number, of_match = _SURE
    match = float(np.mean([one.match for one in believed]))
    evidence = constant + of_spread * math.log(spread + 0.02) + of_number * math.log(len(believed)) + of_match * match
    return min(1 / (1 + math.exp(-evidence)), *(one.sure for one in believed))


def _carried(lenders: list[tuple[Picture, Landmarks]], frame: Picture) -> list[_Carried]:
    """Carry the landmarks of other pictures of the same size into a frame."""
    left, top, right, bottom = _window([marks for _, marks in lenders], frame.shape)
    small = torch.stack([_small(picture[top:bottom, left:right]) for picture in (*(p for p, _ in lenders), frame)])
    sources, frames = small[:-1], small[-1:].expand(len(lenders), -1, -1, -1)
    motions = _motions(sources, frames)
    matches = _matches(sources, frames, motions)
    return [
        _Carried(marks.moved(pixel_affine(motion, bottom - top, right - left, corner=(left, top))).points, match, marks.sure)
        for (_, marks), motion, match in zip(lenders, motions, matches, strict=True)
    ]


def _motions(sources: Tensor, frames: Tensor) -> Tensor:
    """Affine maps `[n, 2, 3]` of −1 … 1 from sources to frames `[n, 3, h, w]`, also where much of the frames is covered.

    Two guesses are followed, the plain estimate and no motion at all, since something large and flat leads the plain one astray.
    """
    n = len(sources)
    guesses = torch.cat([estimate_affine(sources, frames), torch.eye(2, 3).expand(n, 2, 3)])
    both = sources.repeat(2, 1, 1, 1), frames.repeat(2, 1, 1, 1)
    for _ in range(_ROUNDS):
        guesses = estimate_affine(both[0], _filled(*both, guesses))
    fit = torch.quantile(_residuals(*both, guesses).flatten(1), _BEST, dim=1)
    return torch.where((fit[:n] <= fit[n:])[:, None, None], guesses[:n], guesses[n:])


def _filled(sources: Tensor, frames: Tensor, motions: Tensor) -> Tensor:
    """The frames, with what does not fit the sources filled from these."""
    residuals = _residuals(sources, frames, motions)
    usual = torch.quantile(residuals.flatten(1), _BEST, dim=1)[:, None, None]
    covered = (residuals > _TIMES * usual + _FLOOR).float()
    soft = _smoothed(F.max_pool2d(covered, 3, 1, 1), 0.7)
    back = torch.from_numpy(np.stack([invert_affine(motion) for motion in motions.double().numpy()])).to(sources)
    there = warp(torch.cat([sources, soft[:, None]], dim=1), affine_grid(back, *sources.shape[-2:]))
    return frames + there[:, 3:] * (there[:, :3] - frames)


def _residuals(sources: Tensor, frames: Tensor, motions: Tensor) -> Tensor:
    """How far the frames, their motion undone, are from the sources at each pixel, a little smoothed: `[n, h, w]`."""
    moved = warp(frames, affine_grid(motions, *sources.shape[-2:]))
    return _smoothed((sources - moved).abs().mean(dim=1), 1.0)


def _smoothed(planes: Tensor, sigma: float) -> Tensor:
    return torch.stack([torch.from_numpy(cv2.GaussianBlur(plane.numpy(), (0, 0), sigma)) for plane in planes])


def _matches(sources: Tensor, frames: Tensor, motions: Tensor) -> list[float]:
    """Correlation of each source with its frame, the motion undone: upper quartile over blocks."""
    moved = warp(frames, affine_grid(motions, *sources.shape[-2:]))
    return [
        float(np.quantile([_correlation(a, b) for a, b in zip(_blocks(one), _blocks(other), strict=True)], 0.75))
        for one, other in zip(_smoothed(sources.mean(dim=1), 1.0).numpy(), _smoothed(moved.mean(dim=1), 1.0).numpy(), strict=True)
    ]


def _blocks(grey: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    return [block for row in np.array_split(grey, _BLOCKS) for block in np.array_split(row, _BLOCKS, axis=1)]


def _window(landmarks: list[Landmarks], size: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom [px] of what is looked at: round the faces of all lenders."""
    middle = np.mean([marks.points[17:].mean(axis=0) for marks in landmarks], axis=0)
    reach = _WINDOW / 2 * max(marks.eye_distance for marks in landmarks)
    (left, top), (right, bottom) = np.floor(middle - reach), np.ceil(middle + reach)
    height, width = size[:2]
    return max(int(left), 0), max(int(top), 0), min(int(right), width), min(int(bottom), height)


def _small(cut: Picture) -> Tensor:
    """`[3, h, w]` in [0, 1], its longer side 64 px at most: motion shows as well in that and costs little."""
    factor = _SIDE / max(cut.shape[:2])
    if factor < 1:
        size = max(8, round(cut.shape[1] * factor)), max(8, round(cut.shape[0] * factor))
        cut = np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_AREA), np.uint8)
    return to_tensor(cut)


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-3))
