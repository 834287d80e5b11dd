"""PSFR-GAN as one thing: parse a face, restore it, and do so within a whole picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import NoFaceFound, RangeError, ShapeError
from sharpening.imaging.convert import to_uint8
from sharpening.imaging.ranges import from_signed, to_signed
from sharpening.imaging.resize import resize_tensor
from sharpening.models.face_align.fade import fading
from sharpening.models.face_align.forms import align
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.points68 import find_landmarks
from sharpening.models.face_align.way import Way
from sharpening.models.psfr_gan.generator import PsfrGenerator
from sharpening.models.psfr_gan.parse_net import ParseNet

__all__ = ["Enhanced", "PsfrGan", "one_hot", "truncated"]


class Enhanced(NamedTuple):
    """A whole picture after the enhancement of one face.

    Attributes:
        picture: `[3, H, W]` in [0, 1].
        mask: `[1, H, W]` in [0, 1]: how much of each pixel the net made. Where it is 0 the original stays.
        face: `[3, S, S]` in [0, 1], what the net made of the aligned face.
        way: from the original to the aligned face, and back.
    """

    picture: Tensor
    mask: Tensor
    face: Tensor
    way: Way


def one_hot(scores: Tensor) -> Tensor:
    """Which classes have the highest score, 0 or 1; where several share it, all of them, as published.

    Args:
        scores: `[bs, n_classes, H, W]`.

    Returns:
        `[bs, n_classes, H, W]` of the same type.
    """
    return (scores == scores.amax(dim=1, keepdim=True)).to(scores)


def truncated(picture: Tensor) -> NDArray[np.uint8]:
    """A picture as the published program saves it: numbers are cut off, not rounded, so it is half a grey level darker.

    Args:
        picture: `[3, H, W]` in [0, 1].

    Returns:
        uint8 `[H, W, 3]`, RGB.
    """
    values = picture.detach().float().clamp(0, 1) * 255
    return np.ascontiguousarray(values.to(torch.uint8).cpu().movedim(0, -1).numpy())


@dataclass(eq=False)
class PsfrGan:
    """The two networks of PSFR-GAN.

    Attributes:
        generator: restores.
        parse_net: tells it where the parts lie.
        name: of the weights.
        licence: terms of the weights.

    Raises:
        RangeError: when the two were made for different numbers of classes.
    """

    generator: PsfrGenerator
    parse_net: ParseNet
    name: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        if self.generator.n_classes != self.parse_net.n_classes:
            advice = "Take the parser that the generator was trained with."
            raise RangeError("classes of the parser", self.parse_net.n_classes, f"{self.generator.n_classes}", advice)

    @property
    def size(self) -> int:
        """Side of the pictures that the generator takes and gives [px], 512 for the published one."""
        return self.generator.size

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> PsfrGan:
        """Move both networks, and give this object back."""
        self.generator.to(device=device, dtype=dtype)
        self.parse_net.to(device=device, dtype=dtype)
        return self

    @torch.no_grad()
    def parse(self, pictures: Tensor) -> Tensor:
        """Which pixel belongs to which class of CelebAMask-HQ.

        Args:
            pictures: `[bs, 3, S, S]`, RGB in [0, 1], squares, faces aligned; another side than `size` is resized bicubically.

        Returns:
            `[bs, n_classes, size, size]`, 0 or 1.

        Raises:
            ShapeError: when they are no squares.
        """
        return one_hot(self.parse_net(to_signed(self._seen(pictures)))[0])

    @torch.no_grad()
    def enhance(self, pictures: Tensor, parts: Tensor | None = None) -> Tensor:
        """Restore pictures of aligned faces; with a picture that was only enlarged this is the thesis's way.

        Args:
            pictures: as in `parse`.
            parts: one-hot parts `[bs, n_classes, size, size]`; parsed from the pictures when left out.

        Returns:
            `[bs, 3, size, size]` in [0, 1], limited but not rounded (see `truncated`), in the type of the pictures.

        Raises:
            ShapeError: when they are no squares, or the parts do not fit.
        """
        seen = self._seen(pictures)
        parts = self.parse(pictures) if parts is None else parts.to(seen)
        return from_signed(self.generator(to_signed(seen), parts)).clamp(0, 1).to(pictures)

    def enhance_whole(self, picture: Tensor, landmarks: Landmarks | None = None, *, fade: float = 1 / 8) -> Enhanced:
        """Restore one face within a picture of any size: it is aligned, restored, and put back.

        The mask follows from the geometry alone. (The published program takes it from where the warped picture is not black, so that dark
        pupils of its own result count as outside.)

        Args:
            picture: `[3, H, W]`, RGB in [0, 1].
            landmarks: of the face; the largest face is taken when they are left out.
            fade: share of the aligned picture's side over which it fades into the original; 0 for the published hard border.

        Returns:
            A picture of the same size. Enlarge a small one before, or what was won is lost on the way back.

        Raises:
            ShapeError: when it is no picture.
            RangeError: for a fade outside 0 … 0.5.
            NoFaceFound: when no landmarks were given and there is no face.

        Source: Chen et al. 2021, arXiv:2009.08709, in its published code.
        """
        if picture.ndim != 3 or picture.shape[0] != 3 or not picture.is_floating_point():
            raise ShapeError("picture", f"{picture.dtype} {list(picture.shape)}", "float [3, H, W], RGB in [0, 1]")
        if landmarks is None:
            landmarks = find_landmarks(to_uint8(picture))
        if landmarks is None:
            raise NoFaceFound("picture to enhance", "PSFR-GAN would draw a face into it. Give landmarks, or enlarge the picture.")
        chip, way = align(picture, landmarks, "psfr-gan", self.size)
        face = self.enhance(chip[None])[0]
        mask = way.mask_back(fading(*way.size_out, fade).to(chip))
        return Enhanced(way.back(face, picture, fading(*way.size_out, fade).to(chip)).clamp(0, 1), mask, face, way)

    def _seen(self, pictures: Tensor) -> Tensor:
        if pictures.ndim != 4 or pictures.shape[1] != 3 or pictures.shape[2] != pictures.shape[3] or 0 in pictures.shape:
            raise ShapeError("pictures", list(pictures.shape), "[bs, 3, S, S], squares", "Align the face, or use `enhance_whole`.")
        like = self.generator.const_input
        seen = pictures.to(device=like.device, dtype=like.dtype)
        return seen if seen.shape[-1] == self.size else resize_tensor(seen, self.size).clamp(0, 1)
