"""Registration finds known motion to a small part of a pixel, under compression and other light, and does not invent any."""

import numpy as np
import pytest
import torch

from sharpening.frames.degrade import apply, draw, settings
from sharpening.models.basic_blocks import affine_grid, estimate_affine, solve_spd


def pairs(
    picture: np.ndarray, preset: str, count: int, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    made = [apply(picture, draw(rng, settings(preset))) for _ in range(count)]
    frames = torch.from_numpy(np.stack([m.frames for m in made])).permute(0, 1, 4, 2, 3).float() / 255
    motion = torch.from_numpy(np.stack([m.motion for m in made]))
    return frames[:, 3], frames[:, 0], motion[:, 0]


def error(found: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Mean distance over the picture, in pixels of 32."""
    return ((affine_grid(found, 32, 32) - affine_grid(true, 32, 32)) * 16).norm(dim=-1).mean(dim=(1, 2))


@pytest.mark.parametrize(("preset", "limit"), [("stills", 0.15), ("damaged-middle", 0.4)])
def test_known_motion_is_found(astronaut_face, rng, preset, limit):
    reference, moving, true = pairs(astronaut_face, preset, 12, rng)
    found = error(estimate_affine(reference, moving), true)
    assert error(torch.eye(2, 3).expand_as(true), true).median() > 1.0
    assert found.median() < limit


def test_other_light_changes_nothing(astronaut_face, rng):
    reference, moving, true = pairs(astronaut_face, "stills", 6, rng)
    assert error(estimate_affine(reference, 0.6 * moving + 0.1), true).median() < 0.15


def test_a_frame_registered_onto_itself_stays(astronaut_face, rng):
    reference, _, _ = pairs(astronaut_face, "stills", 3, rng)
    assert torch.allclose(estimate_affine(reference, reference), torch.eye(2, 3).expand(3, 2, 3), atol=1e-3)


def test_results_are_finite_where_there_is_nothing_to_see(generator):
    flat, noise = torch.full((2, 3, 32, 32), 0.5), torch.rand(2, 3, 32, 32, generator=generator)
    for reference, moving in ((flat, flat), (flat, noise), (noise, flat)):
        found = estimate_affine(reference, moving)
        assert torch.isfinite(found).all()
        assert (affine_grid(found, 32, 32).abs() < 3).all()


def test_solve_equals_torch(generator):
    root = torch.randn(5, 8, 8, generator=generator, dtype=torch.float64)
    matrix, right = root @ root.transpose(1, 2) + torch.eye(8), torch.randn(5, 8, generator=generator, dtype=torch.float64)
    assert torch.allclose(solve_spd(matrix, right), torch.linalg.solve(matrix, right))
