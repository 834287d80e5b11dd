"""PULSE as a finetuner: the face is exchanged for one that a generator painted and that shrinks to the same 32 pixels.

It is *a* face that fits, not the face that was. As the copy on which masks are made it does well (thesis section 2.3); as the result it
should go past the guard, which asks whether the person is still the same.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from sharpening.errors import NoFaceFound, RangeError
from sharpening.imaging.convert import to_uint8
from sharpening.imaging.resize import resize_tensor
from sharpening.models.face_align.points68 import find_landmarks
from sharpening.models.pulse import Pulse, PulseSettings, load_pulse, pulse_transfer
from sharpening.reconstruct.finetune.method import SingleFrame

__all__ = ["LARGEST", "build_pulse"]

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
    settings = PulseSettings() if steps is None else PulseSettings(steps=steps)
    pulse = load_pulse(weights, pretrained=pretrained, settings=settings)

    def finetune(picture: Tensor) -> Tensor:
        large = _enlarged(picture, pulse)
        landmarks = find_landmarks(to_uint8(large))
        if landmarks is None:
            raise NoFaceFound("picture to finetune", "PULSE would paint one into it; use another finetuner.")
        return pulse_transfer(pulse, large, landmarks).picture.to(picture)

    return finetune


def _enlarged(picture: Tensor, pulse: Pulse) -> Tensor:
    side = max(picture.shape[1:])
    if side > LARGEST:
        raise RangeError("side of the picture", side, f"at most {LARGEST} px", "Shrink it, or cut the face out.")
    factor = max(1.0, pulse.resolution / side)
    size = round(picture.shape[1] * factor), round(picture.shape[2] * factor)
    return resize_tensor(picture[None].float(), size)[0].clamp(0, 1)
