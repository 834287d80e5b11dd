"""The aligned forms in which published networks want a face, and the way back from each."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from sharpening.errors import RangeError, ShapeError
from sharpening.models.face_align.ffhq import ffhq_quad, quad_affine
from sharpening.models.face_align.landmarks import Landmarks, Points
from sharpening.models.face_align.way import Affine, Aligned, Way

__all__ = ["FORMS", "align", "form_way", "similarity"]

# Five points in the order of `detect.Face.landmarks`, for 1024 px: the template of FFHQ that PSFR-GAN, DFDNet and BasicSR share.
_PSFR_TEMPLATE = (
    (686.77227723, 488.62376238),
    (586.77227723, 493.59405941),
    (337.91089109, 488.38613861),
    (437.95049505, 493.51485149),
    (513.58415842, 678.5049505),
)
_PSFR_SIZE = 512
# Where the annotated eyes of CelebA's aligned pictures lie on average, for 218 × 178 px, left and right as seen in the picture. Read in the
# published means of `list_landmarks_align_celeba.txt` (whole pixels: 69 111, 108 111), so right to half a pixel; CelebA's annotators marked
# pupils, here they are the means of six points. How far a single picture of CelebA lies off that mean we could not measure.
_CELEBA_EYES = ((69.0, 111.0), (108.0, 111.0))
_CELEBA_SIZE = (218, 178)

FORMS = {"ffhq": 1024, "psfr-gan": 512, "celeba": 218}
"""The forms, and the height at which each is published [px]."""


def align(picture: Tensor, landmarks: Landmarks, form: str, size: int | None = None) -> Aligned:
    """Bring a face into an aligned form.

    Args:
        picture: float `[3, H, W]` in [0, 1].
        landmarks: of it.
        form: "ffhq" (StyleGAN, PULSE), "psfr-gan" (PSFR-GAN and most face restorers) or "celeba" (the aligned pictures of CelebA).
        size: height of the aligned picture [px]; None for the published one (1024, 512, 218). Only CelebA's form is no square.

    Returns:
        The aligned picture, which repeats the border beyond the original (`way.inside()` tells where), and the way back.

    Raises:
        ShapeError: for what is no such picture.
        RangeError: for another form, a size under 1, or landmarks that span nothing.

    Source: Karras et al. 2019, arXiv:1812.04948 (ffhq); Chen et al. 2021, arXiv:2009.08709 (psfr-gan);
    Liu et al. 2015, arXiv:1411.7766 (celeba).
    """
    if picture.ndim != 3 or picture.shape[0] != 3 or not picture.is_floating_point():
        raise ShapeError("picture", f"{picture.dtype} {list(picture.shape)}", "float [3, H, W], RGB in [0, 1]")
    way = form_way(landmarks, (int(picture.shape[1]), int(picture.shape[2])), form, size)
    return Aligned(way.ahead(picture), way)


def form_way(landmarks: Landmarks, size_in: tuple[int, int], form: str, size: int | None = None) -> Way:
    """The way into an aligned form; see `align`.

    Args:
        landmarks: of the original.
        size_in: height and width of the original [px].
        form: name of the form.
        size: height of the aligned picture [px].
    """
    if form not in FORMS:
        raise RangeError("form", repr(form), f"one of {', '.join(FORMS)}")
    height = FORMS[form] if size is None else size
    if height < 1:
        raise RangeError("size", size, "at least 1 pixel")
    if form == "ffhq":
        return Way(quad_affine(ffhq_quad(landmarks), height), size_in, (height, height))
    if form == "psfr-gan":
        template = np.array(_PSFR_TEMPLATE) * (_PSFR_SIZE / 1024)
        return Way(similarity(landmarks.five, template), size_in, (_PSFR_SIZE, _PSFR_SIZE)).resized((height, height))
    left, right = landmarks.eye_centres
    width = max(1, round(height * _CELEBA_SIZE[1] / _CELEBA_SIZE[0]))
    return Way(similarity(np.stack([right, left]), np.array(_CELEBA_EYES)), size_in, _CELEBA_SIZE).resized((height, width))


def similarity(points: Points, target: Points, weights: Points | None = None) -> Affine:
    """Turn, scale and shift that bring points onto others with the least squared error: `[2, 3]`, never a mirror image.

    Args:
        points: `[n, 2]` [px], two or more that differ.
        target: `[n, 2]` [px].
        weights: how much each point counts, `[n]`, 0 or more; alike when left out.

    Raises:
        RangeError: when all points are one.

    Source: Umeyama, 1991, doi:10.1109/34.88573 (in the plane, where it has a closed form).
    """
    share = np.full(len(points), 1 / len(points)) if weights is None else weights / weights.sum()
    middle, wanted = share @ points, share @ target
    # A turn with a scale is one complex factor, so the least squares have a closed form.
    source, goal = ((p - m) @ np.array([1, 1j]) for p, m in ((points, middle), (target, wanted)))
    size = float(np.vdot(source, share * source).real)
    if size < 1e-12:
        raise RangeError("points", points.tolist(), "points that differ")
    factor = np.vdot(source, share * goal) / size
    linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.column_stack([linear, wanted - linear @ middle])
