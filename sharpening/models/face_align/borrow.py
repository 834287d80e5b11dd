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

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.convert import to_tensor
from sharpening.models.basic_blocks.registration import affine_grid, estimate_affine
from sharpening.models.basic_blocks.warp import warp
from sharpening.models.face_align.detect import Face
from sharpening.models.face_align.landmarks import Landmarks, Points
from sharpening.models.face_align.points68 import find_landmarks
from sharpening.models.face_align.way import Affine, invert_affine

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
        made from training stills (blurred, covered and clear); on 473 valid ones it said 0.95, 0.80, 0.60, 0.42, 0.18 and 0.05 where 0.99,
        0.85, 0.79, 0.30, 0.42 and 0.10 were right. Borrowed points do not know the expression of the frame.

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
    lenders.sort(key=lambda lender: abs(lender[0] - i))
    return [_carried(pictures[j], pictures[i], marks) for j, marks in lenders[:_NEIGHBOURS]]


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


def _carried(source: Picture, frame: Picture, landmarks: Landmarks) -> _Carried:
    """Carry the landmarks of one picture into another of the same size."""
    left, top, right, bottom = window = _window(landmarks, source.shape[:2])
    here, there = (_small(picture[top:bottom, left:right]) for picture in (source, frame))
    motion = _motion(here, there)
    return _Carried(landmarks.moved(_in_pixels(motion, window)).points, _match(here, there, motion), landmarks.sure)


def _motion(source: Tensor, frame: Tensor) -> Tensor:
    """Affine map `[2, 3]` of −1 … 1 from source to frame, also where much of the frame is covered.

    Two guesses are followed, the plain estimate and no motion at all, since something large and flat leads the plain one astray.
    """
    still = torch.eye(2, 3)
    guesses = [_uncovered(source, frame, guess) for guess in (_estimate(source, frame), still)]
    return min(guesses, key=lambda guess: float(torch.quantile(_residual(source, frame, guess), _BEST)))


def _estimate(source: Tensor, frame: Tensor) -> Tensor:
    return estimate_affine(source[None], frame[None])[0]


def _uncovered(source: Tensor, frame: Tensor, motion: Tensor) -> Tensor:
    """Estimate again and again, with what does not fit filled from the source."""
    for _ in range(_ROUNDS):
        residual = _residual(source, frame, motion)
        covered = residual > _TIMES * torch.quantile(residual, _BEST) + _FLOOR
        if not covered.any():
            break
        soft = cv2.GaussianBlur(cv2.dilate(covered.float().numpy(), np.ones((3, 3))), (0, 0), 0.7)
        back = torch.from_numpy(invert_affine(motion.double().numpy())).float()
        there = warp(torch.cat([source, torch.from_numpy(soft)[None]])[None], affine_grid(back[None], *source.shape[-2:]))[0]
        motion = _estimate(source, frame + there[3:] * (there[:3] - frame))
    return motion


def _residual(source: Tensor, frame: Tensor, motion: Tensor) -> Tensor:
    """How far the frame, its motion undone, is from the source at each pixel, a little smoothed: `[h, w]`."""
    moved = warp(frame[None], affine_grid(motion[None], *source.shape[-2:]))[0]
    return torch.from_numpy(cv2.GaussianBlur((source - moved).abs().mean(dim=0).numpy(), (0, 0), 1.0))


def _window(landmarks: Landmarks, size: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom [px] of what is looked at round the face."""
    middle, reach = landmarks.points[17:].mean(axis=0), _WINDOW / 2 * landmarks.eye_distance
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


def _in_pixels(affine: Tensor, window: tuple[int, int, int, int]) -> Affine:
    """A map of the window's −1 … 1 as one of the picture's pixels `[2, 3]`."""
    left, top, right, bottom = window
    half = np.array([right - left, bottom - top]) / 2
    centre = np.array([left, top]) + half - 0.5
    inward = np.column_stack([np.diag(1 / half), -centre / half])
    whole = np.vstack([affine.double().numpy(), [0, 0, 1]]) @ np.vstack([inward, [0, 0, 1]])
    return np.asarray(np.diag(half) @ whole[:2] + np.column_stack([np.zeros((2, 2)), centre]), np.float64)


def _match(source: Tensor, frame: Tensor, affine: Tensor) -> float:
    """Correlation of the source with the frame, its motion undone: upper quartile over blocks."""
    moved = warp(frame[None], affine_grid(affine[None], *source.shape[-2:]))[0]
    greys = [cv2.GaussianBlur(np.ascontiguousarray(picture.mean(dim=0).numpy()), (0, 0), 1.0) for picture in (source, moved)]
    blocks = [[b for row in np.array_split(grey, _BLOCKS) for b in np.array_split(row, _BLOCKS, axis=1)] for grey in greys]
    return float(np.quantile([_correlation(a, b) for a, b in zip(*blocks, strict=True)], 0.75))


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-3))
