"""PSFR-GAN as a finetuner: aligned and put back, or the thesis's way, which enlarges the picture and restores all of it."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from sharpening.errors import NoFaceFound, RangeError, ShapeError
from sharpening.imaging.convert import to_uint8
from sharpening.imaging.resize import resize_tensor
from sharpening.models.face_align.points68 import find_landmarks
from sharpening.models.psfr_gan import PsfrGan, load_psfr_gan
from sharpening.reconstruct.finetune.method import SingleFrame

__all__ = ["LARGEST", "build_psfr_gan", "build_psfr_gan_square"]

LARGEST = 1024
"""Largest side of a picture to finetune [px]."""


def build_psfr_gan(weights: str | Path | None = None, pretrained: str | Path | None = None) -> SingleFrame:
    """PSFR-GAN on the aligned face, which goes back to its place with a soft border, in a picture of at least 512 px.

    Args:
        weights: name or path of the generator's file; "psfrgan-generator" when left out. ParseNet is found beside it, or by its name.
        pretrained: folder to search names in first.

    Raises:
        WeightsMissing: one of the two files is nowhere; the message says where it comes from.
        WeightsMismatch: a file is not what it should be.

    Source: Chen et al. 2021, arXiv:2009.08709.
    """
    net = load_psfr_gan(weights, pretrained=pretrained)

    def finetune(picture: Tensor) -> Tensor:
        large = _enlarged(picture, net)
        landmarks = find_landmarks(to_uint8(large))
        if landmarks is None:
            raise NoFaceFound("picture to finetune", "PSFR-GAN would draw one into it; use another finetuner.")
        return net.enhance_whole(large, landmarks).picture.to(picture)

    return finetune


def build_psfr_gan_square(weights: str | Path | None = None, pretrained: str | Path | None = None) -> SingleFrame:
    """PSFR-GAN as the thesis used it: the square picture is brought to 512 px, parsed and restored as it is, without alignment.

    Arguments and errors as of `build_psfr_gan`; the finetuner refuses what is no square.

    Source: the thesis, section 2.3.
    """
    net = load_psfr_gan(weights, pretrained=pretrained)

    def finetune(picture: Tensor) -> Tensor:
        if picture.shape[1] != picture.shape[2]:
            raise ShapeError("picture", list(picture.shape), "[3, S, S], a square", "Cut the face out first.")
        return net.enhance(picture[None].float())[0].to(picture)

    return finetune


def _enlarged(picture: Tensor, net: PsfrGan) -> Tensor:
    side = max(picture.shape[1:])
    if side > LARGEST:
        raise RangeError("side of the picture", side, f"at most {LARGEST} px", "Shrink it, or cut the face out.")
    factor = max(1.0, net.size / side)
    size = round(picture.shape[1] * factor), round(picture.shape[2] * factor)
    return resize_tensor(picture[None].float(), size)[0].clamp(0, 1)
