"""What the few-shot face translation GAN is given: aligned pictures, a painted segmentation, an identity.

Three things of the original are not known to us and are ours here: the mean face that faces are brought to and its place in the
picture, the colours of the segmentation, and how the bridge of the nose is drawn over it. The original's identity net, FaceNet, is not at
hand either: any face net with as many numbers will do (IR-SE-50 has 512), but the published decoder did not learn on its numbers. Expect
less than the published faces; the thesis found that those failed on all its pictures.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError
from sharpening.models.face_align.forms import similarity
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.way import Way
from sharpening.models.face_id.protocol import FaceNet
from sharpening.models.face_seg.landmark_masks import landmark_masks
from sharpening.models.face_seg.parser import FaceParser

__all__ = ["IRIS", "MEAN_FACE", "PALETTE", "face_way", "identity_of", "painted", "segmentation_labels"]

MEAN_FACE: tuple[tuple[float, float], ...] = (
    *((-0.929, -0.201), (-0.783, -0.328), (-0.584, -0.363), (-0.384, -0.335), (-0.193, -0.256), (0.193, -0.256)),
    *((0.384, -0.335), (0.584, -0.363), (0.783, -0.328), (0.929, -0.201), (0, -0.029), (0, 0.165)),
    *((0, 0.36), (0, 0.562), (-0.224, 0.688), (-0.116, 0.729), (0, 0.763), (0.116, 0.729)),
    *((0.224, 0.688), (-0.695, 0.003), (-0.57, -0.069), (-0.424, -0.066), (-0.297, 0.03), (-0.436, 0.051)),
    *((-0.579, 0.05), (0.297, 0.03), (0.424, -0.066), (0.57, -0.069), (0.695, 0.003), (0.579, 0.05)),
    *((0.436, 0.051), (-0.454, 1.048), (-0.284, 0.974), (-0.125, 0.936), (0, 0.964), (0.125, 0.936)),
    *((0.284, 0.974), (0.454, 1.048), (0.292, 1.207), (0.132, 1.286), (0, 1.303), (-0.132, 1.286)),
    *((-0.292, 1.207), (-0.383, 1.06), (-0.124, 1.04), (0, 1.052), (0.124, 1.04), (0.383, 1.06)),
    *((0.127, 1.13), (0, 1.145), (-0.127, 1.13)),
)
"""Landmarks 17 to 67 of the mean face (x, y) [eye distances] from the middle between the eyes.

Ours: the median over 295 training stills, all drawn from the five sources, and their mirror images, each brought onto the others by its
similarity map, 23 November 2026."""

_SIDE_IN_EYE_DISTANCES = 3.2  # of the aligned picture: chin and brows in, hardly any background
_CENTRE_BELOW_EYES = 0.45  # eye distances
_FIRST = 17  # the jaw moves with the pose and is left out

PALETTE: dict[str, tuple[int, int, int]] = {
    "background": (0, 0, 0),
    "skin": (255, 204, 153),
    "brow": (102, 51, 0),
    "eye": (255, 255, 255),
    "glasses": (64, 64, 160),
    "ear": (255, 153, 102),
    "nose": (230, 140, 90),
    "mouth": (128, 0, 0),
    "upper_lip": (220, 60, 80),
    "lower_lip": (190, 30, 60),
    "neck": (204, 153, 102),
    "cloth": (0, 102, 51),
    "hair": (51, 25, 0),
    "hat": (102, 102, 0),
}
"""Colours of the segmentation (RGB, 0 … 255); ours, the original's are not known."""

IRIS = (125, 125, 125)
"""Colour of the irises, as in the original."""

_NAMES = tuple(PALETTE)
_IRIS_SIZE = 0.095  # radius in eye distances: 5.9 mm at 63 mm between the eyes
_BRIDGE = 0.05  # width of the line on the bridge of the nose in eye distances
_SHIFT = 4  # bits after the point that OpenCV's polygons have
# What the classes of the parsers are called here.
_CLASSES = {
    "skin": "skin",
    **dict.fromkeys(("l_brow", "r_brow"), "brow"),
    **dict.fromkeys(("l_eye", "r_eye"), "eye"),
    "eye_g": "glasses",
    **dict.fromkeys(("l_ear", "r_ear", "ear_r"), "ear"),
    "nose": "nose",
    "mouth": "mouth",
    "u_lip": "upper_lip",
    "l_lip": "lower_lip",
    **dict.fromkeys(("neck", "neck_l"), "neck"),
    "cloth": "cloth",
    "hair": "hair",
    "hat": "hat",
}

# Outlines of the mouth through the numbers of its landmarks.
_MOUTH = {
    "upper_lip": [*range(48, 55), *range(64, 59, -1)],
    "lower_lip": [*range(54, 60), 48, 60, *range(67, 63, -1)],
    "mouth": [*range(60, 68)],
}

Labels = NDArray[np.uint8]


def face_way(landmarks: Landmarks, size_in: tuple[int, int], size: int) -> Way:
    """The way into the form that the net wants: landmarks 17 to 67 on the mean face with the least squared error.

    Args:
        landmarks: of the picture.
        size_in: its height and width [px].
        size: side of the aligned picture [px].

    Raises:
        RangeError: for landmarks that span nothing.

    Source: Umeyama 1991, doi:10.1109/34.88573; the choice of points is the original's.
    """
    unit = size / _SIDE_IN_EYE_DISTANCES
    target = (np.array(MEAN_FACE) - (0, _CENTRE_BELOW_EYES)) * unit + (size - 1) / 2
    return Way(similarity(landmarks.points[_FIRST:], target), size_in, (size, size))


def segmentation_labels(picture: Tensor, landmarks: Landmarks, parser: FaceParser | None = None) -> Labels:
    """Which part each pixel belongs to.

    Args:
        picture: `[3, H, W]`, RGB in [0, 1].
        landmarks: of it.
        parser: sees hair, ears and neck as they are; without one masks are drawn from the landmarks, with hair as a band.

    Returns:
        uint8 `[H, W]`, numbers of the names in `PALETTE`.
    """
    height, width = picture.shape[1:]
    if parser is not None:
        numbers = [_NAMES.index(_CLASSES.get(name, "background")) for name in parser.classes]
        return np.array(numbers, np.uint8)[parser.parse(picture).numpy()]
    labels = np.zeros((height, width), np.uint8)
    parts = {"skin": ("skin", "nose", "eyes", "brows", "mouth"), "hair": ("hair",), "nose": ("nose",), "brow": ("brows",)}
    for name, words in parts.items():
        for mask in landmark_masks(landmarks, (height, width), margin=0, parts=words).values():
            labels[mask[0].numpy() > 0] = _NAMES.index(name)
    for name, points in _MOUTH.items():
        _fill(labels, landmarks.points[points], _NAMES.index(name))
    for side in ("left_eye", "right_eye"):
        _fill(labels, landmarks.group(side), _NAMES.index("eye"))
    return labels


def painted(labels: Labels, landmarks: Landmarks) -> Tensor:
    """The segmentation as a picture: parts in the colours of `PALETTE`, the bridge of the nose as a line, irises within the eyes.

    Args:
        labels: uint8 `[H, W]`, see `segmentation_labels`.
        landmarks: in pixels of it.

    Returns:
        float32 `[3, H, W]`, RGB in [0, 1].
    """
    colours = np.array(list(PALETTE.values()), np.uint8)[labels]
    unit = landmarks.eye_distance
    line = _whole(landmarks.points[27:31])
    cv2.polylines(colours, [line], False, PALETTE["brow"], max(1, round(_BRIDGE * unit)), cv2.LINE_8, _SHIFT)
    for side, centre in zip(("left_eye", "right_eye"), landmarks.eye_centres, strict=True):
        eye, iris = np.zeros_like(labels), np.zeros_like(labels)
        _fill(eye, landmarks.group(side), 1)
        x, y = (int(value) for value in _whole(centre[None])[0])
        cv2.circle(iris, (x, y), max(1, round(_IRIS_SIZE * unit * (1 << _SHIFT))), (1,), -1, cv2.LINE_8, _SHIFT)
        colours[(eye & iris).astype(bool)] = IRIS
    return torch.from_numpy(np.ascontiguousarray(colours.transpose(2, 0, 1))).float() / 255


@torch.no_grad()
def identity_of(face_net: FaceNet, faces: Sequence[tuple[Tensor, Landmarks]], n_identity: int) -> Tensor:
    """The identity of a person: the mean descriptor of some pictures, of length 1.

    Args:
        face_net: cuts the chips itself.
        faces: pictures `[3, H, W]` in [0, 1] with their landmarks, one or more.
        n_identity: numbers that the decoder wants.

    Returns:
        `[1, n_identity]`.

    Raises:
        RangeError: without a face.
        ShapeError: when the face net gives another count of numbers.
    """
    if not faces:
        raise RangeError("faces", 0, "one picture of the person or more")
    like = next(iter(face_net.parameters()))
    rows = []
    for picture, landmarks in faces:
        five = torch.from_numpy(landmarks.five).to(like)[None]
        rows.append(face_net(face_net.cut(picture[None].to(like), five)))
    found = torch.cat(rows)
    if found.shape[1] != n_identity:
        advice = "The published decoder wants 512, as of load_ir_se50('model_ir_se50.pth')."
        raise ShapeError(f"descriptors of {face_net.name}", list(found.shape), f"[n, {n_identity}]", advice)
    return F.normalize(found.mean(dim=0, keepdim=True), dim=1)


def _whole(points: NDArray[np.float64]) -> NDArray[np.int32]:
    return np.rint(np.clip(points, -(1 << 20), 1 << 20) * (1 << _SHIFT)).astype(np.int32)


def _fill(canvas: Labels, points: NDArray[np.float64], number: int) -> None:
    cv2.fillPoly(canvas, [_whole(points)], (number,), lineType=cv2.LINE_8, shift=_SHIFT)
