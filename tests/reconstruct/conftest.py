"""A short made film of one face with known blurred parts, and judges that need no network."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor

from sharpening.frames.degrade import DegradeParams, apply, draw, settings
from sharpening.frames.regions import Region
from sharpening.frames.sequence import FrameSequence

# Shares of the side in the label of the astronaut's face.
PLACES = {"left_eye": (0.64, 0.36), "right_eye": (0.36, 0.36), "nose": (0.5, 0.52), "mouth": (0.5, 0.68)}


@dataclass(frozen=True)
class Made:
    """A made sequence and which parts are blurred in which frame."""

    sequence: FrameSequence
    blurred: tuple[frozenset[str], ...]
    params: DegradeParams

    def inside(self) -> np.ndarray:
        """Bool [128, 128]: the blurred places of the middle."""
        mask = np.zeros((128, 128), bool)
        for region in self.params.frames[3].regions:
            half, x, y = region.size * 64, region.x * 128, region.y * 128
            mask[round(y - half) : round(y + half), round(x - half) : round(x + half)] = True
        return mask


def make_film(face: np.ndarray, seed: int = 0, *, middle: tuple[str, ...] = ("left_eye", "mouth")) -> Made:
    """Seven frames of 32×32; the middle lacks some parts, every other frame one."""
    rng = np.random.default_rng(seed)
    params = draw(rng, replace(settings("stills"), jpeg=(70, 92)), n_frames=7)
    others = [("nose",), ("right_eye",), ("left_eye",), (), ("mouth",), ("nose",), ("right_eye",)]
    blurred = [middle if i == 3 else parts for i, parts in enumerate(others)]
    frames = tuple(
        replace(frame, regions=tuple(Region("blur", *PLACES[part], 0.26, strength=9.0) for part in parts))
        for frame, parts in zip(params.frames, blurred, strict=True)
    )
    params = replace(params, frames=frames)
    made = apply(face, params)
    return Made(FrameSequence(made.frames, "film", made.label), tuple(map(frozenset, blurred)), params)


@pytest.fixture(scope="session")
def film(astronaut_face) -> Made:
    return make_film(astronaut_face)


class ColourJudge:
    """In place of a `FaceJudge`: the descriptor is the mean colour, so a tinted face is another person."""

    def __init__(self, scale: float = 4.0) -> None:
        self.scale = scale

    def descriptors(self, pictures: Tensor, landmarks: Tensor | None = None) -> Tensor:
        rows = self.scale * pictures.mean(dim=(2, 3))
        if landmarks is not None:
            rows[~landmarks.isfinite().all(dim=(1, 2))] = torch.nan
        return rows

    def same_person(self, pred: Tensor, target: Tensor, *, landmarks: Tensor | None = None):
        from sharpening.models.face_id.judge import Likeness

        a, b = self.descriptors(pred), self.descriptors(target)
        return Likeness(torch.cosine_similarity(a, b), (a - b).norm(dim=1))


@pytest.fixture
def colour_judge() -> ColourJudge:
    return ColourJudge()
