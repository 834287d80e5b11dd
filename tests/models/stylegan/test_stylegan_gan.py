"""What a StyleGAN does beyond its networks: truncation, noise, mixing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.models.stylegan import StyleGan, draw_noise, mix, mixing_grid
from sharpening.models.stylegan.gan import mean_style
from sharpening.models.stylegan.mixing import COARSE, DESTINATION_SEEDS, FINE, MIDDLE, MIXING_ROWS, SOURCE_SEEDS, seeded_codes
from tests.models.stylegan.made_gan import TINY, tiny


def codes(gan: StyleGan, n: int = 2, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, gan.synthesis.n_layers, TINY["n_latent"], generator=torch.Generator().manual_seed(seed))


def test_truncation_pulls_the_first_rows_to_the_mean() -> None:
    gan = tiny(64)
    w_plus = codes(gan)
    short = gan.truncated(w_plus, 0.7)
    torch.testing.assert_close(short[:, :8], 0.3 * gan.mean_w + 0.7 * w_plus[:, :8])
    assert torch.equal(short[:, 8:], w_plus[:, 8:])
    torch.testing.assert_close(gan.truncated(w_plus, 1.0), w_plus)
    torch.testing.assert_close(gan.truncated(w_plus, 0.0, 10), gan.mean_w.expand_as(w_plus))


def test_the_mean_is_found_with_the_mapping_where_the_file_has_none() -> None:
    gan = tiny(8, extras=False)
    with torch.no_grad():
        z = torch.randn(10_000, TINY["n_latent"], generator=torch.Generator().manual_seed(0))
        wanted = gan.mapping(z).mean(0)
    torch.testing.assert_close(gan.truncated(codes(gan), 0.0, 4)[0, 0], wanted, atol=1e-5, rtol=1e-3)
    assert mean_style(gan.mapping, 3, generator=torch.Generator().manual_seed(0)).shape == (TINY["n_latent"],)


def test_without_mapping_its_absence_is_said() -> None:
    gan = StyleGan(tiny(8).synthesis, name="pulse-synthesis")
    with pytest.raises(RangeError, match="mapping of pulse-synthesis: got none.*pulse-mapping"):
        gan.w(torch.zeros(1, TINY["n_latent"]))
    with pytest.raises(RangeError, match="none"):
        gan.truncated(codes(gan))


@torch.no_grad()
def test_noise_is_fixed_fresh_or_given() -> None:
    gan = tiny(16)
    w_plus = codes(gan)
    fixed = gan.pictures(w_plus)
    assert torch.equal(fixed, gan.pictures(w_plus))
    assert torch.equal(fixed, gan.pictures(w_plus, list(gan.noise)))
    fresh = [gan.pictures(w_plus, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(fresh[0], fresh[1])
    assert not torch.equal(fresh[0], fresh[2])
    assert not torch.equal(fresh[0], fixed)
    assert float(fixed.min()) >= 0
    assert float(fixed.max()) <= 1
    with pytest.raises(ShapeError, match="noise"):
        gan.pictures(w_plus, [])


@torch.no_grad()
def test_pictures_are_half_of_the_networks_range() -> None:
    gan = tiny(8)
    raw = gan.synthesis(codes(gan), gan.noise)
    torch.testing.assert_close(gan.pictures(codes(gan)), (raw / 2 + 0.5).clamp(0, 1))


def test_moving_takes_all_along() -> None:
    moved = tiny(8).to(dtype=torch.float64)
    assert moved.noise[0].dtype == moved.mean_w.dtype == moved.mapping.dense0.weight.dtype == torch.float64
    assert moved.pictures(codes(moved).double()).dtype == torch.float64


def test_drawn_noise_has_the_layers_sides() -> None:
    maps = draw_noise(tiny(16).synthesis, generator=torch.Generator().manual_seed(0), batch=2)
    assert [tuple(each.shape) for each in maps] == [(2, 1, side, side) for side in (4, 4, 8, 8, 16, 16)]
    assert float(torch.cat([each.flatten() for each in maps]).std()) == pytest.approx(1, abs=0.05)


def test_mix_takes_rows_before_the_cut_from_a() -> None:
    a, b = torch.zeros(1, 6, 3), torch.ones(1, 6, 3)
    assert mix(a, b, 2)[0, :, 0].tolist() == [0, 0, 1, 1, 1, 1]
    assert torch.equal(mix(a, b, 0), b)
    assert torch.equal(mix(a, b, 6), a)
    with pytest.raises(RangeError, match="0 … 6"):
        mix(a, b, 7)
    with pytest.raises(ShapeError, match="twice the same"):
        mix(a, b[:, :4], 2)


@torch.no_grad()
@pytest.mark.parametrize("fixed", [True, False])
def test_the_grid_shows_sources_destinations_and_their_mixtures(fixed: bool) -> None:
    gan = tiny(32, extras=fixed)
    sources, destinations = codes(gan, 2), codes(gan, 3, seed=1)
    dice = None if fixed else torch.Generator().manual_seed(3)
    noise = gan.noise if fixed else draw_noise(gan.synthesis, generator=torch.Generator().manual_seed(3))
    grid = mixing_grid(gan, sources, destinations, [COARSE, MIDDLE, FINE], generator=dice)
    assert grid.shape == (4, 3, 3, 32, 32)
    assert bool((grid[0, 0] == 1).all())
    for m, source in enumerate(sources):
        torch.testing.assert_close(grid[0, m + 1], gan.pictures(source[None], noise)[0])
        torch.testing.assert_close(grid[1, m + 1], gan.pictures(mix(source[None], destinations[:1], 4), noise)[0])
        middle = torch.cat([destinations[1, :4], source[4:8]])
        torch.testing.assert_close(grid[2, m + 1], gan.pictures(middle[None], noise)[0])
        torch.testing.assert_close(grid[3, m + 1], gan.pictures(destinations[2:], noise)[0])  # no layer of 8 … 17 at 32 px
    torch.testing.assert_close(grid[2, 0], gan.pictures(destinations[1:2], noise)[0])
    with pytest.raises(ShapeError, match="one for each destination"):
        mixing_grid(gan, sources, destinations)


def test_the_published_figure_has_five_sources_and_six_destinations() -> None:
    assert len(SOURCE_SEEDS) == 5
    assert len(DESTINATION_SEEDS) == len(MIXING_ROWS) == 6
    assert [i for rows in (COARSE, MIDDLE, FINE) for i in rows] == list(range(18))
    z = seeded_codes(SOURCE_SEEDS, 16)
    assert z.shape == (5, 16)
    np.testing.assert_array_equal(z[1].numpy(), np.random.RandomState(701).randn(16).astype(np.float32))
