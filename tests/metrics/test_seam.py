"""The seam: high for a sharp paste, about 1 without one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.convert import to_tensor
from sharpening.imaging.mask import mix
from sharpening.metrics.seam import seam


def oval(side: int = 128, a: float = 0.2, b: float = 0.28, x0: float = 0.0) -> torch.Tensor:
    y, x = np.mgrid[:side, :side] / side - 0.5
    return torch.from_numpy((((x - x0) / a) ** 2 + (y / b) ** 2 < 1).astype(np.float32))[None, None]


@pytest.fixture
def face(astronaut_face) -> torch.Tensor:
    return 0.1 + 0.75 * to_tensor(astronaut_face[16:144, 16:144])[None]


def softened(mask: torch.Tensor, sigma: float) -> torch.Tensor:
    return torch.from_numpy(cv2.GaussianBlur(mask[0, 0].numpy(), (0, 0), sigma))[None, None]


def test_a_brighter_patch_shows_and_softening_hides_it(face) -> None:
    mask = oval()
    none = float(seam(face, mask))
    sharp, soft = (float(seam(mix(face, face + 0.08, m), mask)) for m in (mask, softened(mask, 3)))
    assert none == pytest.approx(1, abs=0.35)  # the oval cuts through hair and brows
    assert sharp > none + 1
    assert abs(soft - none) < 0.3


def test_a_larger_step_scores_higher(face) -> None:
    scores = [float(seam(mix(face, face + step, oval()), oval())) for step in (0, 0.03, 0.06, 0.12)]
    assert scores == sorted(scores)
    assert scores[-1] > 3 * scores[0]


def test_texture_alone_is_no_seam(generator) -> None:
    noise = torch.rand(8, 3, 128, 128, generator=generator)
    assert seam(noise, oval()).numpy() == pytest.approx(np.ones(8), abs=0.1)
    ramp = torch.linspace(0, 1, 128).expand(1, 3, 128, 128)
    assert float(seam(ramp, oval())) == pytest.approx(1, abs=0.1)
    assert float(seam(torch.full((1, 3, 64, 64), 0.5), oval(64))) == 1


def test_other_texture_inside_is_no_seam_either(generator) -> None:
    calm, wild = (0.5 + s * (torch.rand(1, 3, 128, 128, generator=generator) - 0.5) for s in (0.1, 0.4))
    assert float(seam(mix(calm, wild, oval()), oval())) == pytest.approx(1, abs=0.25)


def test_a_step_beside_the_mask_is_not_at_its_border() -> None:
    picture = torch.full((1, 3, 128, 128), 0.4)
    picture[..., 64:] = 0.6
    beside, at = torch.zeros(1, 1, 128, 128), torch.zeros(1, 1, 128, 128)
    beside[..., 84:] = 1
    at[..., 64:] = 1
    assert float(seam(picture, beside)) < 1
    assert float(seam(picture, at)) > 10


def test_parts_of_different_size_are_compared_near_themselves(generator) -> None:
    mask = torch.maximum(oval(128, 0.03, 0.03, -0.35), oval(128, 0.2, 0.2, 0.15))
    noise = 0.5 + 0.1 * torch.rand(1, 3, 128, 128, generator=generator)
    assert float(seam(noise, mask)) == pytest.approx(1, abs=0.15)
    small = mask.clone()
    small[..., 40:] = 0
    assert float(seam(mix(noise, noise + 0.2, small), small)) > 2


def test_batch_is_picture_by_picture_and_masks_may_be_shared(generator) -> None:
    pictures = torch.rand(3, 3, 48, 48, generator=generator)
    masks = torch.cat([oval(48), oval(48, 0.3, 0.1), oval(48, 0.1, 0.3)])
    one_by_one = torch.cat([seam(pictures[i : i + 1], masks[i : i + 1]) for i in range(3)])
    assert torch.equal(seam(pictures, masks), one_by_one)
    assert torch.equal(seam(pictures, masks[:1]), torch.cat([seam(p[None], masks[:1]) for p in pictures]))
    assert seam(pictures.double(), masks).dtype == torch.float64
    assert torch.allclose(seam(pictures.half(), masks), seam(pictures, masks), rtol=0.02)


def test_no_border_no_score() -> None:
    pictures = torch.rand(2, 3, 32, 32)
    for value in (0.0, 1.0):
        assert seam(pictures, torch.full((2, 1, 32, 32), value)).isnan().all()


def test_wrong_inputs() -> None:
    pictures, mask = torch.rand(2, 3, 32, 32), oval(32)
    with pytest.raises(ShapeError, match="pixel by pixel"):
        seam(pictures, mask[..., :16])
    with pytest.raises(ShapeError, match="RGB"):
        seam(pictures[0], mask)
    with pytest.raises(RangeError, match="floating"):
        seam((pictures * 255).to(torch.uint8), mask)
    with pytest.raises(RangeError, match="255"):
        seam(pictures, mask * 255)
