"""The few-shot face translation GAN as one thing: a person's face in the pose of another picture.

What the original calls source (its pose is kept) is the base here, and its targets are the sources: the words of `reconstruct`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.ranges import from_signed, to_signed
from sharpening.models.face_align.fade import fading
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_align.way import Way
from sharpening.models.face_id.protocol import FaceNet
from sharpening.models.face_seg.parser import FaceParser
from sharpening.models.few_shot.inputs import face_way, identity_of, painted, segmentation_labels
from sharpening.models.few_shot.model import FewShotNet

__all__ = ["Face", "FewShot", "Translated", "translate"]

Face = tuple[Tensor, Landmarks]
"""A picture `[3, H, W]`, RGB in [0, 1], and its landmarks."""


@dataclass(eq=False)
class FewShot:
    """The net and what prepares its inputs.

    Attributes:
        net: encoder and decoder.
        face_net: gives identities, as many numbers as the decoder wants.
        parser: segments the base; None draws masks from landmarks.
        size: side of the net's pictures [px].
        name: of the weights.
        licence: terms of the weights.

    Raises:
        ShapeError: when the face net has another count of numbers than the decoder wants.
        RangeError: for a size that the net does not take.
    """

    net: FewShotNet
    face_net: FaceNet
    parser: FaceParser | None = None
    size: int = FewShotNet.size_in
    name: str = ""
    licence: str = ""

    def __post_init__(self) -> None:
        wanted = self.net.decoder.n_identity
        if self.face_net.n_descriptor != wanted:
            advice = "The published decoder wants 512, as of load_ir_se50('model_ir_se50.pth')."
            raise ShapeError(f"numbers of {self.face_net.name}", self.face_net.n_descriptor, f"{wanted}", advice)
        if self.size < 32 or self.size % 16:
            raise RangeError("size", self.size, "32 px or more, a multiple of 16")


class Translated(NamedTuple):
    """What the net made of a base.

    Attributes:
        picture: `[3, H, W]` in [0, 1]: the base with the new face, feathered in.
        mask: `[1, H, W]` in [0, 1]: how much of each pixel the net made.
        face: `[3, S, S]` in [0, 1], aligned.
        way: from the base to the aligned face, and back.
    """

    picture: Tensor
    mask: Tensor
    face: Tensor
    way: Way


@torch.no_grad()
def translate(network: FewShot, base: Face, sources: Sequence[Face], *, fade: float = 1 / 8) -> Translated:
    """Draw the person of the sources in pose and expression of the base.

    The identity is the mean over all sources; the first one also is the reference picture that the encoder sees.

    Args:
        network: net, face net, parser.
        base: whose pose, expression and background are kept.
        sources: one picture of the person or more.
        fade: share of the aligned picture's side over which it fades into the base.

    Raises:
        RangeError: without a source, for landmarks that span nothing, for a fade outside 0 … 0.5.
        ShapeError: when something is no picture.

    Source: shaoanlu/fewshot-face-translation-GAN (2019); see `inputs` for what is not the original's.
    """
    if not sources:
        raise RangeError("sources", 0, "one picture of the person or more")
    for what, (picture, _) in (("base", base), *(("source", face) for face in sources)):
        if picture.ndim != 3 or picture.shape[0] != 3 or not picture.is_floating_point():
            raise ShapeError(what, f"{picture.dtype} {list(picture.shape)}", "float [3, H, W], RGB in [0, 1]")
    (posed, way), (reference, _) = (_aligned(face, network.size) for face in (base, sources[0]))
    landmarks = way.points(base[1])
    segmentation = painted(segmentation_labels(posed, landmarks, network.parser), landmarks)
    identity = identity_of(network.face_net, sources, network.net.decoder.n_identity)
    like = next(network.net.parameters())
    inputs = [to_signed(each[None].to(like)) for each in (posed, reference, segmentation)]
    face = from_signed(network.net(*inputs, identity.to(like)))[0].clamp(0, 1).to(base[0])
    border = fading(network.size, network.size, fade).to(base[0])
    return Translated(way.back(face, base[0], border).clamp(0, 1), way.mask_back(border), face, way)


def _aligned(face: Face, size: int) -> tuple[Tensor, Way]:
    picture, landmarks = face
    way = face_way(landmarks, (int(picture.shape[1]), int(picture.shape[2])), size)
    return way.ahead(picture), way
