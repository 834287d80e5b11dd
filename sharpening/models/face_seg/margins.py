"""How far masks reach beyond the parts, and who keeps what where two of them meet.

A *core* is the part itself, without a margin. The small parts (eyes, brows, mouth, nose) come before the skin and the hair, and no margin
reaches into the core of another small part, so that a seam never runs through an eye.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from sharpening.errors import RangeError
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_seg.parts import GROUPS, SMALL_PARTS

__all__ = ["MARGINS", "Mask", "face_scale", "margin_of", "widen", "with_margins"]

Mask = NDArray[np.bool_]

# Made pairs of 24 valid stills of 128 px: a part blurred (with 0.15 or 0.4 eye distances round it, or with all the face), landmarks found
# in what was left, and as the source the true picture shifted and bent by 0.015 or 0.04 eye distances. Gain in PSNR within 0.8 eye
# distances of the part [dB], mean of the six, for margins of 0 | 0.1 | 0.15 | 0.2 | 0.3 | 0.5 eye distances:
#   eyes 0.93 1.25 1.32 1.30 1.28 0.71, brows 0.75 1.10 1.21 1.19 1.05 0.44, nose 0.90 1.31 1.45 1.46 1.37 0.91,
#   mouth 1.50 2.01 2.20 2.26 2.28 1.65 (0.25: 2.29), and with these margins of the small parts, on 24 other stills,
#   cheeks 0.40 0.60 0.63 0.61 0.54 0.21, forehead 0.20 0.34 0.36 0.33 0.22 -0.19, chin 0.38 0.71 0.85 0.91 0.82 0.30.
# Eyes are wider than their best, since lids move; skin is narrower, since the background is near. Both cost under 0.1 dB.
MARGINS: dict[str, float] = {
    "left_eye": 0.2,
    "right_eye": 0.2,
    "left_brow": 0.15,
    "right_brow": 0.15,
    "nose": 0.2,
    "mouth": 0.25,
    "left_cheek": 0.1,
    "right_cheek": 0.1,
    "forehead": 0.1,
    "chin": 0.15,
    "hair": 0.05,
}
"""Margin of each part [eye distances] where none is asked for; that of hair is not measured."""

_CHIN = 0.5  # of the way from the eyes to the chin, in eye distances of a face seen from the front


def face_scale(landmarks: Landmarks) -> float:
    """The eye distance that the face would have from the front [px]; the unit of all margins.

    In a turned face the eyes come nearer to each other while the parts stay as tall, so the height of the face is asked too.

    Args:
        landmarks: of the face.

    Raises:
        RangeError: when the face is smaller than a pixel.
    """
    middle = np.mean(landmarks.eye_centres, axis=0)
    scale = max(landmarks.eye_distance, _CHIN * float(np.hypot(*(landmarks.points[8] - middle))))
    if scale < 1:
        raise RangeError("landmarks", f"an eye distance of {scale:.3g} px", "1 px or more", "Are they in pixels of the picture?")
    return scale


def margin_of(part: str, margin: float | None = None) -> float:
    """The margin of a part [eye distances]: the given one, or the tested default.

    Raises:
        RangeError: for a margin under 0 or not finite.
    """
    if margin is None:
        return MARGINS[part]
    if not (math.isfinite(margin) and margin >= 0):
        raise RangeError("margin", margin, "0 or more eye distances", "None takes the tested default of each part.")
    return float(margin)


def widen(mask: Mask, radius: float) -> Mask:
    """Add all pixels not further than `radius` [px] from the mask; a radius needs not be whole.

    Args:
        mask: bool `[H, W]`.
        radius: in pixels, Euclidean.
    """
    if radius < 1 or not mask.any():
        return mask.copy()
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away <= radius + 1e-4)


def with_margins(cores: Mapping[str, Mask], scale: float, margin: float | None = None) -> dict[str, Mask]:
    """Widen each part and settle who keeps what.

    Args:
        cores: bool `[H, W]` of each part without a margin; parts may be missing.
        scale: eye distance [px].
        margin: of all parts [eye distances]; None for the tested default of each.

    Returns:
        Bool `[H, W]` of each part. The small parts may overlap in their margins; skin never overlaps a small part, and hair
        overlaps nothing but the margin of the skin.
    """
    small = {part: cores[part] for part in SMALL_PARTS if part in cores}
    wide = {part: widen(core, margin_of(part, margin) * scale) for part, core in cores.items()}
    for part in small:
        others = [core for other, core in small.items() if other != part]
        wide[part] &= cores[part] | ~_any(others, cores[part].shape)
    shape = next(iter(cores.values())).shape
    taken = _any([wide[part] for part in small], shape)
    skin = _any([core for part, core in cores.items() if part in GROUPS["skin"]], shape)
    for part in wide.keys() - small.keys():
        wide[part] &= ~(taken | skin) if part == "hair" else ~taken
    return wide


def _any(masks: list[Mask], shape: tuple[int, ...]) -> Mask:
    return np.logical_or.reduce(masks) if masks else np.zeros(shape, bool)
