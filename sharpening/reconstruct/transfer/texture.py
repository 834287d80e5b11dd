"""What registration looks at: luma, its slopes, and how far two pictures show the same detail at a place."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Plane", "band", "confidence", "luma", "misfit", "slopes", "smooth"]

Plane = NDArray[np.float32]

_LUMA = (0.299, 0.587, 0.114)
_SLOPE = np.array([[-0.5, 0, 0.5]], np.float32)
# In eye distances. What is finer than FINE is the codec's; what is coarser than REACH is light.
_FINE, _REACH, _LIGHT = 0.06, 0.25, 0.5
_UNLIKE, _ALIKE = 0.2, 0.6  # ratio of the energies of detail: nothing is believed under, all over
_BORDER = 0.2  # eye distances: the border of a blurred area is an edge that the other picture has not
_LEAST = 0.02
_ROBUST = 0.1  # of luma: a difference of which more would say nothing more


def luma(picture: Tensor) -> Plane:
    """`[3, H, W]` as `[H, W]`."""
    return np.asarray(np.tensordot(np.array(_LUMA, np.float32), picture.detach().float().numpy(), axes=1), np.float32)


def smooth(plane: Plane, sigma: float) -> Plane:
    """Gaussian blur of `sigma` px."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)


def slopes(plane: Plane) -> tuple[Plane, Plane]:
    """Derivatives along x and y, per pixel."""
    along = cv2.filter2D(plane, -1, _SLOPE, borderType=cv2.BORDER_REPLICATE)
    down = cv2.filter2D(plane, -1, _SLOPE.T, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(along, np.float32), np.asarray(down, np.float32)


def band(plane: Plane, eyes: float, fine: float = 0.0) -> Plane:
    """Without the light: what is coarser than half an eye distance is taken out, and what is finer than `fine` eye distances."""
    finer = smooth(plane, fine * eyes) if fine else plane
    return finer - smooth(plane, _LIGHT * eyes)


def confidence(base: Plane, moved: Plane, eyes: float) -> Plane:
    """Where both pictures have alike much detail, so that comparing them says something, `[H, W]` in 0.02 … 1.

    Where one is blurred (or covered by one colour) and the other is not, differences come from that and not from motion.

    Args:
        base: luma.
        moved: luma of the other picture, about where the base has it.
        eyes: eye distance [px].
    """
    energies = []
    for plane in (base, moved):
        along, down = slopes(smooth(plane, _FINE * eyes))
        energies.append(smooth(along**2 + down**2, _REACH * eyes))
    least = _LEAST * max(float(each.mean()) for each in energies) + 1e-12
    ratio = np.minimum(*energies) / (np.maximum(*energies) + least)
    likeness = np.clip((ratio - _UNLIKE) / (_ALIKE - _UNLIKE), 0, 1).astype(np.float32)
    side = 2 * round(_BORDER * eyes) + 1
    shrunk = cv2.erode(likeness, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    return _LEAST + (1 - _LEAST) * smooth(np.asarray(shrunk, np.float32), 0.5 * _BORDER * eyes)


def misfit(base: Plane, moved: Plane, weights: Plane, eyes: float) -> float:
    """How badly two pictures fit where the weights are: 0 they are one, about 1 they have nothing in common; light counts for nothing.

    A robust share of the base's variance that the other picture does not explain, without what is very coarse or fine.
    """
    trusted = weights * confidence(base, moved, eyes)
    a, b = (band(plane, eyes, 0.04) for plane in (base, moved))
    total = trusted.sum() + 1e-9
    a, b = (each - (trusted * each).sum() / total for each in (a, b))
    gain = np.clip((trusted * a * b).sum() / ((trusted * b * b).sum() + 1e-9), 0.5, 2)
    left = a - gain * b
    unexplained, whole = ((trusted * each**2 / (1 + (each / _ROBUST) ** 2)).sum() for each in (left, a))
    return float(unexplained / (whole + 1e-6 * total))
