"""Which frame shows most of a part: on made sequences with known blur, codecs, noise and hands in the way."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from sharpening.errors import ShapeError
from sharpening.frames.codec import jpeg_roundtrip
from sharpening.imaging.convert import to_tensor
from sharpening.imaging.resize import resize
from sharpening.reconstruct.align import Alignment
from sharpening.reconstruct.quality import aligned_stack, part_quality, shading_likeness

SIZE, PIXEL = 128, 4
PLACES = {"left_eye": (0.61, 0.42), "right_eye": (0.39, 0.42), "nose": (0.5, 0.55), "mouth": (0.5, 0.68)}
STILL = Alignment(np.array([[1.0, 0, 0], [0, 1.0, 0]]), 1.0, "base")


def box(x: float, y: float, half: float = 0.1) -> torch.Tensor:
    mask = torch.zeros(1, SIZE, SIZE)
    left, right, top, bottom = (round(v * SIZE) for v in (x - half, x + half, y - half, y + half))
    mask[:, top:bottom, left:right] = 1
    return mask


MASKS = {part: box(*place) for part, place in PLACES.items()}


def blurred(face: np.ndarray, part: str, sigma: float = 9) -> np.ndarray:
    soft = cv2.GaussianBlur(face, (0, 0), sigma)
    wide = box(*PLACES[part], half=0.15)[0].numpy().astype(bool)
    return np.where(wide[..., None], soft, face)


def enlarged(faces: list[np.ndarray], quality: list[int]) -> torch.Tensor:
    small = [jpeg_roundtrip(resize(face, SIZE // PIXEL, "area"), q) for face, q in zip(faces, quality, strict=True)]
    return torch.stack([to_tensor(resize(each, SIZE, "bicubic")) for each in small])


@pytest.fixture(scope="module")
def face(astronaut_face) -> np.ndarray:
    return resize(astronaut_face, SIZE, "area")


def rated(stack: torch.Tensor, base: int = 0):
    return part_quality(stack, torch.ones(len(stack), 1, SIZE, SIZE), MASKS, base=base, pixel=PIXEL)


@pytest.mark.parametrize("part", PLACES)
def test_a_blurred_part_is_the_poorest(face, part, rng) -> None:
    faces = [blurred(face, part), *[face.copy() for _ in range(4)]]
    quality = rated(enlarged(faces, rng.integers(40, 90, 5).tolist()))
    column = quality.score[:, quality.parts.index(part)]
    assert column.argmin() == 0
    assert column[0] < 0.75 * column[1:].min()


def test_noise_and_codec_are_no_detail(face, rng) -> None:
    """The noisy frame has by far the most energy, and shows the least of what the frames have in common."""
    stack = enlarged([face] * 5, [90] * 5)
    noise = torch.from_numpy(rng.normal(0, 0.12, (3, SIZE, SIZE)).astype(np.float32))
    stack[2] = enlarged([np.full_like(face, 128)], [90])[0] + noise
    assert (rated(stack).score.argmin(axis=0) == 2).all()


def test_a_hand_before_the_mouth_scores_low_and_looks_different(face) -> None:
    covered = face.copy()
    cv2.ellipse(covered, (64, 88), (26, 16), 20, 0, 360, (90, 60, 50), -1)
    for x in range(40, 90, 6):
        cv2.line(covered, (x, 74), (x + 6, 102), (40, 30, 20), 1)
    quality = rated(enlarged([face, face, covered, face], [90] * 4))
    mouth = quality.parts.index("mouth")
    assert quality.score[:, mouth].argmin() == 2
    assert quality.likeness[2, mouth] < 0.6 < quality.likeness[1, mouth]


def test_blur_does_not_change_the_shading(face) -> None:
    quality = rated(enlarged([face, blurred(face, "nose"), face], [90] * 3))
    assert quality.likeness[1, quality.parts.index("nose")] > 0.8


def test_more_contrast_is_no_more_detail(face) -> None:
    stack = enlarged([face] * 3, [90] * 3)
    stack[1] = (stack[1] - 0.5) * 1.3 + 0.5
    score = rated(stack).score
    assert np.abs(score[1] / score[0] - 1).max() < 0.1


def test_one_frame_alone_is_the_mean(face) -> None:
    assert np.allclose(rated(enlarged([face], [90])).score, 1)


def test_frames_without_a_face_or_beside_the_picture_have_no_score(face) -> None:
    stack = enlarged([face] * 4, [90] * 4)
    away = Alignment(np.array([[1.0, 0, 90], [0, 1.0, 0]]), 0.2, "landmarks")
    aligned, valid = aligned_stack(stack, [STILL, None, away, STILL])
    quality = part_quality(aligned, valid, MASKS, base=0, pixel=PIXEL)
    assert np.isnan(quality.score[1]).all()
    assert np.isnan(quality.likeness[1]).all()
    assert np.isnan(quality.score[2]).any()
    assert np.isfinite(quality.score[[0, 3]]).all()


def test_masks_of_another_size_are_refused(face) -> None:
    stack = enlarged([face] * 2, [90] * 2)
    with pytest.raises(ShapeError, match="mask 'nose'"):
        part_quality(stack, torch.ones(2, 1, SIZE, SIZE), {"nose": torch.ones(1, 64, 64)}, base=0, pixel=4)


def test_likeness_of_shading() -> None:
    ramp = torch.linspace(0, 1, SIZE).expand(1, SIZE, SIZE)
    assert shading_likeness(ramp, 0.3 * ramp + 0.2, MASKS["nose"]) == pytest.approx(1, abs=1e-5)
    assert shading_likeness(ramp, 1 - ramp, MASKS["nose"]) == pytest.approx(-1, abs=1e-5)
    assert np.isnan(shading_likeness(ramp, ramp, torch.zeros(1, SIZE, SIZE)))
