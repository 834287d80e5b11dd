"""PULSE on faces as they come: aligned, shrunk, searched for, and put back.

What comes back is another face that shrinks to the same small picture. It has no artifacts, for the generator has never seen any, and it is
nobody's likeness: good for finding where the parts lie, not for saying who somebody is.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sharpening.errors import NoFaceFound, RangeError, ShapeError
from sharpening.imaging.convert import to_uint8
from sharpening.imaging.resize import resize_tensor
from sharpening.models.face_align.fade import fading
from sharpening.models.face_align.forms import align
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.points68 import find_landmarks
from sharpening.models.face_align.way import Way
from sharpening.models.pulse.downscale import downscale
from sharpening.models.pulse.search import Pulse, PulseResult

__all__ = ["SMALL", "Transferred", "artifact_free", "pulse_transfer"]

SMALL = 32
"""Side of the small picture that the copy must fit [px], as published."""


class Transferred(NamedTuple):
    """A whole picture with one face exchanged for its copy.

    Attributes:
        picture: `[3, H, W]` in [0, 1].
        mask: `[1, H, W]` in [0, 1]: how much of each pixel the generator painted. Where it is 0 the original stays.
        found: what the search gave; it says whether it converged.
        way: from the original to the aligned face, and back.
    """

    picture: Tensor
    mask: Tensor
    found: PulseResult
    way: Way


def artifact_free(pulse: Pulse, faces: Tensor, *, small: int = SMALL, generator: torch.Generator | None = None) -> PulseResult:
    """Copies of aligned faces that shrink to the same small picture but have none of their artifacts.

    Args:
        pulse: with its generator.
        faces: `[bs, 3, S, S]`, RGB in [0, 1], squares in FFHQ's form; another side than the generator's is resized bicubically.
        small: side of the small picture [px]; at most the generator's.
        generator: torch's dice; None for the same ones every time.

    Returns:
        The copies, as the search gives them.

    Raises:
        ShapeError: when they are no squares.
        RangeError: when `small` is no side for this generator.

    Source: the thesis, section 2.3, which parsed such a copy in place of the blurry picture.
    """
    if faces.ndim != 4 or faces.shape[1] != 3 or faces.shape[2] != faces.shape[3] or 0 in faces.shape:
        raise ShapeError("faces", list(faces.shape), "[bs, 3, S, S], squares", "Align the face, or use `pulse_transfer`.")
    side = pulse.resolution
    small = min(small, side)
    if small < 2 or side % small:
        raise RangeError("small", small, f"2 … {side} px, a power of two", "Published are 32 px.")
    seen = faces.float() if faces.shape[-1] == side else resize_tensor(faces.float(), side).clamp(0, 1)
    target = downscale(seen, side // small).clamp(0, 1)
    return pulse(target, torch.Generator().manual_seed(0) if generator is None else generator)


def pulse_transfer(
    pulse: Pulse,
    picture: Tensor,
    landmarks: Landmarks | None = None,
    *,
    small: int = SMALL,
    fade: float = 1 / 8,
    generator: torch.Generator | None = None,
) -> Transferred:
    """Exchange one face of a picture for its copy without artifacts: it is aligned as FFHQ, shrunk, searched for and put back.

    Args:
        pulse: with its generator.
        picture: `[3, H, W]`, RGB in [0, 1].
        landmarks: of the face; the largest face is taken when they are left out.
        small: as of `artifact_free`.
        fade: share of the aligned picture's side over which it fades into the original.
        generator: as of `artifact_free`.

    Returns:
        A picture of the same size. Enlarge a small one before, or what was won is lost on the way back.

    Raises:
        ShapeError: when it is no picture.
        RangeError: for a fade outside 0 … 0.5, or as `artifact_free`.
        NoFaceFound: when no landmarks were given and there is no face.

    Source: Menon et al. 2020, arXiv:2003.03808; the thesis, section 2.3.
    """
    if picture.ndim != 3 or picture.shape[0] != 3 or not picture.is_floating_point() or 0 in picture.shape:
        raise ShapeError("picture", f"{picture.dtype} {list(picture.shape)}", "float [3, H, W], RGB in [0, 1]")
    if landmarks is None:
        landmarks = find_landmarks(to_uint8(picture))
    if landmarks is None:
        raise NoFaceFound("picture to copy", "PULSE would paint a face all the same. Give landmarks, or enlarge the picture.")
    soft = fading(pulse.resolution, pulse.resolution, fade).to(picture)
    face, way = align(picture, landmarks, "ffhq", pulse.resolution)
    found = artifact_free(pulse, face[None], small=small, generator=generator)
    made = way.back(found.hr[0].to(picture), picture, soft).clamp(0, 1)
    return Transferred(made, way.mask_back(soft), found, way)
