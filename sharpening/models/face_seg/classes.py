"""What the numbers of the two published parsers mean, and our parts out of their label maps.

The two number the same 19 classes differently, and the thesis's own list ("0..17, 1 skin, 2 right eye") fits neither. Whose left "l_eye"
is, the person's or the viewer's, neither repository says. It is a setting here (`sides`), and where landmarks are at hand it does not
matter: eyes and brows are then told apart by where they lie.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import RangeError
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_seg.landmark_masks import skin_regions
from sharpening.models.face_seg.margins import Mask

__all__ = ["BISENET_CLASSES", "CELEBAMASKHQ_CLASSES", "Sides", "label_parts", "sides_of"]

Labels = NDArray[np.uint8]
Sides = Literal["person", "viewer"]

CELEBAMASKHQ_CLASSES: tuple[str, ...] = (
    *("background", "skin", "nose", "eye_g", "l_eye", "r_eye", "l_brow", "r_brow", "l_ear", "r_ear", "mouth", "u_lip", "l_lip"),
    *("hair", "hat", "ear_r", "neck_l", "neck", "cloth"),
)
"""Class of each number of `CelebAMaskHQUNet`; `eye_g` are glasses, `ear_r` an earring, `neck_l` a necklace."""

BISENET_CLASSES: tuple[str, ...] = (
    *(
        "background",
        "skin",
        "l_brow",
        "r_brow",
        "l_eye",
        "r_eye",
        "eye_g",
        "l_ear",
        "r_ear",
        "ear_r",
        "nose",
        "mouth",
        "u_lip",
        "l_lip",
    ),
    *("neck", "neck_l", "cloth", "hair", "hat"),
)
"""Class of each number of `BiSeNet`; the names as in `CELEBAMASKHQ_CLASSES`."""

_CENTRAL = {"nose": ("nose",), "mouth": ("mouth", "u_lip", "l_lip"), "hair": ("hair",)}
_PAIRED = {"eye": ("l_eye", "r_eye"), "brow": ("l_brow", "r_brow")}


def label_parts(
    labels: Labels, classes: tuple[str, ...], landmarks: Landmarks | None = None, *, sides: Sides = "person"
) -> dict[str, Mask]:
    """Our parts out of a label map.

    Glasses count as the eyes behind them; ears, neck, cloth, hat and jewellery are none of our parts.

    Args:
        labels: uint8 `[H, W]`, numbers of classes.
        classes: what the numbers mean.
        landmarks: in pixels of the label map. They tell left from right and divide the skin; without them `sides` counts, glasses belong
            to no eye, and the parts of the skin are left out.
        sides: whose left the parser's "l_" is, where there are no landmarks.

    Returns:
        Bool `[H, W]` of each part; no two overlap.

    Raises:
        RangeError: for a number that is no class, or other `sides`.
    """
    _check(labels, classes, sides)
    parts = {part: _of(labels, classes, *names) for part, names in _CENTRAL.items()}
    if landmarks is None:
        left, right = (0, 1) if sides == "person" else (1, 0)
        for part, names in _PAIRED.items():
            parts[f"left_{part}"], parts[f"right_{part}"] = (_of(labels, classes, names[i]) for i in (left, right))
        return parts
    regions = skin_regions(landmarks, (labels.shape[0], labels.shape[1]))
    on_left = _nearer_left(landmarks, labels.shape)
    for part, names in _PAIRED.items():
        both = _of(labels, classes, *names, *(["eye_g"] if part == "eye" else []))
        parts[f"left_{part}"], parts[f"right_{part}"] = both & on_left, both & ~on_left
    skin = _of(labels, classes, "skin")
    return parts | {part: region & skin for part, region in regions.items()}


def sides_of(labels: Labels, classes: tuple[str, ...], landmarks: Landmarks) -> Sides | None:
    """Whose left the parser's "l_" is, judged by where its eyes and brows lie; None where it shows too little of them.

    Args:
        labels: uint8 `[H, W]`.
        classes: what the numbers mean.
        landmarks: in pixels of the label map.
    """
    on_left = _nearer_left(landmarks, labels.shape)
    said_left, said_right = (_of(labels, classes, *names) for names in zip(*_PAIRED.values(), strict=True))
    right_way = int((said_left & on_left).sum() + (said_right & ~on_left).sum())
    wrong_way = int((said_left & ~on_left).sum() + (said_right & on_left).sum())
    if max(right_way, wrong_way) < 2 * min(right_way, wrong_way) or right_way == wrong_way:
        return None
    return "person" if right_way > wrong_way else "viewer"


def _check(labels: Labels, classes: tuple[str, ...], sides: str) -> None:
    if sides not in ("person", "viewer"):
        raise RangeError("sides", repr(sides), '"person" or "viewer"')
    if labels.size and int(labels.max()) >= len(classes):
        raise RangeError("labels", int(labels.max()), f"0 to {len(classes) - 1}", "Is it the label map of this parser?")


def _of(labels: Labels, classes: tuple[str, ...], *names: str) -> Mask:
    return np.isin(labels, [classes.index(name) for name in names])


def _nearer_left(landmarks: Landmarks, shape: tuple[int, ...]) -> Mask:
    """Where the person's left eye is nearer than the right one."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    left, right = landmarks.eye_centres
    return np.asarray(np.hypot(x - left[0], y - left[1]) < np.hypot(x - right[0], y - right[1]))
