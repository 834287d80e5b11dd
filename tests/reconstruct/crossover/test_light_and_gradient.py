"""The two cross-overs that bring the source to the base's colours: by gain and offset, and by Poisson's equation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpening.imaging.convert import to_tensor
from sharpening.metrics.seam import seam
from sharpening.reconstruct.crossover import create_crossover
from sharpening.reconstruct.crossover.colour import match_light
from sharpening.reconstruct.crossover.parts import parts_of
from sharpening.reconstruct.crossover.poisson import Steps, laplacian, solve


def oval(side: int, a: float = 0.2, b: float = 0.28) -> torch.Tensor:
    y, x = np.mgrid[:side, :side] / side - 0.5
    return torch.from_numpy(((x / a) ** 2 + (y / b) ** 2 < 1).astype(np.float32))[None]


@pytest.fixture
def face(astronaut_face) -> torch.Tensor:
    return 0.1 + 0.75 * to_tensor(astronaut_face[16:144, 16:144])


def relit(picture: torch.Tensor) -> torch.Tensor:
    gain, offset = torch.tensor([1.08, 0.95, 0.92]), torch.tensor([0.03, -0.04, 0.05])
    return (gain[:, None, None] * picture + offset[:, None, None]).clamp(0, 1)


@pytest.mark.parametrize(("name", "error"), [("colour", 0.01), ("gradient", 0.03)])
def test_another_light_is_taken_back(name: str, error: float, face) -> None:
    mask, source = oval(128), relit(face)
    plain = create_crossover("sharp")(face, source, mask)
    made = create_crossover(name)(face, source, mask)
    inside = mask.bool().expand_as(face)
    assert float((made - face)[inside].abs().mean()) < error
    assert float((made - face)[inside].abs().mean()) < 0.4 * float((plain - face)[inside].abs().mean())
    scores = [float(seam(picture[None], mask[None])) for picture in (face, made, plain)]
    assert scores[1] < scores[0] + 0.1 < scores[2]


def test_light_is_found_in_spite_of_damage_inside_and_foreign_things_outside(face) -> None:
    mask, source = oval(128), relit(face)
    part = next(iter(parts_of(mask)))
    true = match_light(face, source, part)
    white = torch.where(mask.bool(), 1.0, face)
    assert np.abs(match_light(white, source, part).gain - true.gain).max() < 1e-5  # what lies inside does not count
    hand = source.clone()
    hand[:, 100:120, 40:70] = 0
    found = match_light(face, hand, part)
    assert np.abs(found.offset - true.offset).max() < 0.03
    np.testing.assert_allclose(true.gain, 1 / np.array([1.08, 0.95, 0.92]), atol=0.03)


def test_light_has_limits_and_knows_when_it_cannot_tell(face) -> None:
    part = next(iter(parts_of(oval(128))))
    dark = match_light(face, 0.2 * face, part)
    assert dark.gain.max() <= np.float32(1.33)
    assert dark.offset.max() <= np.float32(0.2)
    flat = match_light(torch.full((3, 128, 128), 0.5), torch.full((3, 128, 128), 0.4), part)
    np.testing.assert_allclose(flat.gain, 1, atol=1e-5)
    np.testing.assert_allclose(flat.offset, 0.1, atol=1e-4)
    whole = match_light(face, relit(face), next(iter(parts_of(torch.ones(1, 128, 128)))))
    assert whole.gain.tolist() == [1, 1, 1]


def test_each_part_has_its_own_light(face) -> None:
    left, right = torch.zeros(1, 128, 128), torch.zeros(1, 128, 128)
    left[:, 40:60, 20:40], right[:, 40:60, 88:108] = 1, 1
    source = face.clone()
    source[:, :, :64] += 0.06
    source[:, :, 64:] -= 0.06
    made = create_crossover("colour")(face, source, left + right)
    assert float((made - face).abs().max()) < 0.02


def test_large_parts_are_matched_at_a_small_size(face) -> None:
    large = torch.nn.functional.interpolate(face[None], 512, mode="bilinear")[0]
    small_part, large_part = (next(iter(parts_of(oval(side)))) for side in (128, 512))
    small, big = match_light(face, relit(face), small_part), match_light(large, relit(large), large_part)
    np.testing.assert_allclose(small.gain, big.gain, atol=0.03)
    np.testing.assert_allclose(small.offset, big.offset, atol=0.01)


@pytest.mark.parametrize("side", [128, 320])
def test_source_with_another_brightness_gives_the_base(side: int, generator) -> None:
    base = 0.3 + 0.3 * torch.rand(3, side, side, generator=generator)
    shift = torch.tensor([0.2, -0.1, 0.05])[:, None, None]
    made = create_crossover("gradient")(base, base + shift, oval(side))  # 320: large enough for the second grid
    assert float((made - base).abs().max()) < 1e-4


@pytest.mark.parametrize("mixed", [False, True])
def test_poisson_against_a_dense_solution(mixed: bool, generator) -> None:
    base, source = (0.3 + 0.4 * torch.rand(3, 14, 17, generator=generator).double() for _ in range(2))
    mask = torch.zeros(1, 14, 17)
    mask[:, 3:9, 0:8], mask[:, 9:13, 11:17] = 1, 1  # both reach the picture's border
    made = create_crossover("gradient", mixed=mixed, grow=0)(base, source, mask)
    wanted = _dense(base.numpy(), source.numpy(), mask[0].numpy() > 0, mixed)
    assert np.abs(made.numpy() - np.clip(wanted, 0, 1)).max() < 1e-12


def _dense(base: np.ndarray, source: np.ndarray, region: np.ndarray, mixed: bool) -> np.ndarray:
    """Equation 7 and 11-13 of Perez et al., pixel by pixel."""
    places = [tuple(p) for p in np.argwhere(region)]
    matrix, right = np.zeros((len(places), len(places))), np.zeros((len(places), 3))
    for i, (y, x) in enumerate(places):
        for q in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
            if not (0 <= q[0] < base.shape[1] and 0 <= q[1] < base.shape[2]):
                continue
            matrix[i, i] += 1
            step, other = source[:, y, x] - source[:, q[0], q[1]], base[:, y, x] - base[:, q[0], q[1]]
            right[i] += other if mixed and np.linalg.norm(other) > np.linalg.norm(step) else step
            if q in places:
                matrix[i, places.index(q)] -= 1
            else:
                right[i] += base[:, q[0], q[1]]
    made = base.copy()
    for place, value in zip(places, np.linalg.solve(matrix, right), strict=True):
        made[:, place[0], place[1]] = value
    return made


def test_two_grids_solve_what_one_does(rng) -> None:
    y, x = np.mgrid[:130, :150]
    region = (((x - 75) / 70) ** 2 + ((y - 40) / 75) ** 2 < 1) & ((x - 60) ** 2 + (y - 50) ** 2 > 100)
    steps = Steps(region)
    right = rng.normal(size=(int(region.sum()), 2))
    assert len(right) > 6000
    found = solve(steps, right, tolerance=1e-9)
    assert np.abs(laplacian(steps) @ found - right).max() < 1e-8


def test_mixed_keeps_the_bases_edges_where_the_source_is_flat() -> None:
    base = torch.full((3, 64, 64), 0.5)
    base[:, :, 30:33] = 0.2
    flat = torch.full((3, 64, 64), 0.7)
    mask = oval(64)
    plain, mixed = (create_crossover("gradient", mixed=m)(base, flat, mask) for m in (False, True))
    assert float(mixed[0, 32, 40] - mixed[0, 32, 31]) == pytest.approx(0.3, abs=0.02)
    assert abs(float(plain[0, 32, 40] - plain[0, 32, 31])) < 0.1
