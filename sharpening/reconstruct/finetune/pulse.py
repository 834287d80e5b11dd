"""PULSE as a finetuner: the face is exchanged for one that a generator painted and that shrinks to the same 32 pixels.

It is *a* face that fits, not the face that was. As the copy on which masks are made it does well (thesis section 2.3); as the result it
should go past the guard, which asks whether the person is still the same.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from sharpening.errors import NoFaceFound, RangeError, ShapeError
from sharpening.imaging.convert import to_uint8
from sharpening.imaging.resize import resize_tensor
from sharpening.models.face_align.points68 import find_landmarks
from sharpening.models.pulse import Pulse, PulseSettings, artifact_free, load_pulse, pulse_transfer
from sharpening.reconstruct.finetune.method import SingleFrame

__all__ = ["LARGEST", "build_pulse", "build_pulse_square"]

LARGEST = 1024
"""Largest side of a picture to finetune [px]."""


def build_pulse(
    weights: str | Path | None = None, pretrained: str | Path | None = None, *, steps: int | None = None
) -> SingleFrame:
    """PULSE on the aligned face, which goes back to its place with a soft border, in a picture of at least the generator's side.

    The result is also given when the search did not converge, as the thesis shows it. The same picture gives the same result.

    Args:
        weights: name or path of the generator's file; "pulse-synthesis", then "stylegan-ffhq" when left out. Of the Gaussian fit and the
            mapping one is needed too; they are found beside it, or by their names.
        pretrained: folder to search names in first.
        steps: of the search, 100 when left out; each takes seconds on a CPU.

    Raises:
        WeightsMissing: a file is nowhere; the message says where it comes from.
        WeightsMismatch: a file is not what it should be.
        RangeError: for no steps.

    Source: Menon et al. 2020, arXiv:2003.03808.
    """
    pulse = _loaded(weights, pretrained, steps)

    def finetune(picture: Tensor) -> Tensor:
        large = _enlarged(picture, pulse)
        landmarks = find_landmarks(to_uint8(large))
        if landmarks is None:
            raise NoFaceFound("picture to finetune", "PULSE would paint one into it; use another finetuner.")
        return pulse_transfer(pulse, large, landmarks).picture.to(picture)

    return finetune


def build_pulse_square(
    weights: str | Path | None = None, pretrained: str | Path | None = None, *, steps: int | None = None
) -> SingleFrame:
    """PULSE on a square picture that is in FFHQ's form already, as a face parser gets it: no face is searched in it, and all is exchanged.

    Arguments and errors as of `build_pulse`; the finetuner gives a picture of the generator's side, and refuses what is no square.

    Source: the thesis, section 2.3, which made its masks on such copies.
    """
    pulse = _loaded(weights, pretrained, steps)

    def finetune(picture: Tensor) -> Tensor:
        if picture.shape[1] != picture.shape[2]:
            raise ShapeError("picture", list(picture.shape), "[3, S, S], a square", "Align the face first, or take 'pulse'.")
        return artifact_free(pulse, picture[None]).hr[0].to(picture)

    return finetune


def _loaded(weights: str | Path | None, pretrained: str | Path | None, steps: int | None) -> Pulse:
    settings = PulseSettings() if steps is None else PulseSettings(steps=steps)
    return load_pulse(weights, pretrained=pretrained, settings=settings)


def _enlarged(picture: Tensor, pulse: Pulse) -> Tensor:
    side = max(picture.shape[1:])
    if side > LARGEST:
        raise RangeError("side of the picture", side, f"at most {LARGEST} px", "Shrink it, or cut the face out.")
    factor = max(1.0, pulse.resolution / side)
    size = round(picture.shape[1] * factor), round(picture.shape[2] * factor)
    return resize_tensor(picture[None].float(), size)[0].clamp(0, 1)
