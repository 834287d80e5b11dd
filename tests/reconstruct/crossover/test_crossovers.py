"""What every cross-over must keep: sizes, errors, the base outside, the source inside, borders of the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, ShapeError, WeightsMismatch, WeightsMissing
from sharpening.models.inpaint_net import InpaintNet
from sharpening.models.loading import load_trained
from sharpening.reconstruct.crossover import create_crossover, crossovers
from sharpening.reconstruct.crossover.stylegan import StyleGanCrossover
from sharpening.weights.card import WeightCard
from sharpening.weights.store import save_state
from tests.models.latent_editor.made_editor import tiny_gan

WITHOUT_NET = ("sharp", "soft", "colour", "gradient")
TINY = {"n_in": 9, "encoder": "resnet18", "width": 8}


@pytest.fixture(scope="module")
def net_weights(tmp_path_factory):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = InpaintNet(**TINY).state_dict()
    facts = {"source": "made by a test", "licence": "MIT", "free_use": True, "settings": TINY, "size_in": 64, "size_out": 64}
    card = WeightCard(name="tiny-inpaint", model="inpaint_net", **facts)
    return save_state(tmp_path_factory.mktemp("net") / "tiny-inpaint.safetensors", state, card)


@pytest.fixture
def make(net_weights):
    given = {"unet": {"weights": net_weights}, "stylegan": {"network": StyleGanCrossover(tiny_gan(), "pixels"), "steps": 2}}
    return lambda name, **settings: create_crossover(name, **given.get(name, {}), **settings)


def disc(side: int, radius: float, x: float = 0.5, y: float = 0.5) -> torch.Tensor:
    rows, columns = np.mgrid[:side, :side]
    inside = (rows - y * (side - 1)) ** 2 + (columns - x * (side - 1)) ** 2 <= radius**2
    return torch.from_numpy(inside.astype(np.float32))[None]


def pair(generator: torch.Generator, side: int = 96) -> tuple[torch.Tensor, torch.Tensor]:
    small = torch.rand(2, 3, 12, 12, generator=generator)
    large = torch.nn.functional.interpolate(small, side, mode="bilinear")
    return large[0], large[1]


def test_the_table_is_the_issues() -> None:
    assert crossovers.names() == [*WITHOUT_NET, "unet", "stylegan"]


@pytest.mark.parametrize("name", crossovers.names())
def test_shape_range_and_inputs_left_alone(name: str, make, generator) -> None:
    base, source = pair(generator)
    mask = disc(96, 20)
    before = [x.clone() for x in (base, source, mask)]
    made = make(name)(base, source, mask)
    assert made.shape == base.shape
    assert made.dtype == torch.float32
    assert 0 <= float(made.min()) <= float(made.max()) <= 1
    assert all(torch.equal(a, b) for a, b in zip((base, source, mask), before, strict=True))
    assert not torch.equal(made, base)


@pytest.mark.parametrize("name", crossovers.names())
def test_base_stays_far_from_the_mask(name: str, make, generator) -> None:
    base, source = pair(generator)
    far = disc(96, 40) == 0
    made = make(name)(base, source, disc(96, 16))
    assert torch.equal(made[far.expand_as(made)], base[far.expand_as(base)])


@pytest.mark.parametrize("name", crossovers.names())
def test_empty_mask_gives_the_base(name: str, make, generator) -> None:
    base, source = pair(generator)
    made = make(name)(base, source, torch.zeros(1, 96, 96))
    assert torch.equal(made, base)
    assert made.data_ptr() != base.data_ptr()


@pytest.mark.parametrize("name", WITHOUT_NET)
def test_full_mask_gives_the_source(name: str, make, generator) -> None:
    base, source = pair(generator)
    assert torch.allclose(make(name)(base, source, torch.ones(1, 96, 96)), source, atol=1e-6)


@pytest.mark.parametrize("name", crossovers.names())
@pytest.mark.parametrize("place", [(0.0, 0.5), (1.0, 1.0), (0.5, 0.0)])
def test_a_mask_that_reaches_the_border(name: str, place, make, generator) -> None:
    base, source = pair(generator)
    base, source = 0.2 + 0.2 * base, 0.6 + 0.2 * source
    mask = disc(96, 24, *place)
    made = make(name)(base, source, mask)
    assert torch.isfinite(made).all()
    if name in ("sharp", "soft"):  # right up to the picture's border
        deep = disc(96, 16, *place).bool().expand_as(made)
        assert float((made - source)[deep].abs().max()) < 0.02


@pytest.mark.parametrize("name", crossovers.names())
def test_no_square_and_no_multiple_of_anything(name: str, make, generator) -> None:
    base, source = (x[:, :71] for x in pair(generator))
    made = make(name)(base, source, disc(96, 14)[:, :71])
    assert made.shape == (3, 71, 96)


@pytest.mark.parametrize("name", WITHOUT_NET)
def test_equal_pictures_stay_as_they_are(name: str, make, generator) -> None:
    base, _ = pair(generator)
    assert torch.allclose(make(name)(base, base.clone(), disc(96, 20)), base, atol=1e-5)


@pytest.mark.parametrize("name", crossovers.names())
def test_wrong_inputs_are_refused(name: str, make) -> None:
    cross, base, mask = make(name), torch.rand(3, 64, 64), disc(64, 12)
    with pytest.raises(ShapeError, match="source"):
        cross(base, torch.rand(3, 64, 60), mask)
    with pytest.raises(ShapeError, match="pixel by pixel"):
        cross(base, base, mask[:, :32])
    with pytest.raises(ShapeError, match="base"):
        cross(base[None], base[None], mask)
    with pytest.raises(RangeError, match="255"):
        cross(base, base, mask * 255)
    with pytest.raises(RangeError, match="divided by 255"):
        cross(base, base, (mask * 255).to(torch.uint8))
    with pytest.raises(RangeError, match="NaN"):
        cross(base, base * float("nan"), mask)


def test_sharp_is_equation_2_1(generator) -> None:
    base, source = pair(generator)
    mask = torch.rand(1, 96, 96, generator=generator)
    wanted = mask.double() * source.double() + (1 - mask.double()) * base.double()
    assert torch.allclose(create_crossover("sharp")(base, source, mask).double(), wanted, atol=1e-6)


def test_names_and_settings_that_do_not_exist(net_weights) -> None:
    with pytest.raises(KeyError, match="gradient"):
        create_crossover("gradients")
    with pytest.raises(RangeError, match="softness"):
        create_crossover("soft", feather=3)
    with pytest.raises(RangeError, match="no network"):
        create_crossover("soft", weights=net_weights)
    for name, settings in (("colour", {"softness": -1}), ("gradient", {"grow": -0.1}), ("unet", {"grow": -1})):
        cross = create_crossover(name, weights=net_weights if name == "unet" else None, **settings)
        with pytest.raises(RangeError, match="0 or more"):
            cross(torch.rand(3, 64, 64), torch.rand(3, 64, 64), disc(64, 9))


class TestUnet:
    """The network's own."""

    def test_missing_weights_name_the_recipe(self, tmp_path) -> None:
        with pytest.raises(WeightsMissing, match="inpaint-truth-small"):
            create_crossover("unet")
        with pytest.raises(WeightsMissing, match="inpaint-truth-small"):
            create_crossover("unet", weights="nowhere", pretrained=tmp_path)

    def test_weights_of_another_network(self, tmp_path) -> None:
        card = WeightCard(name="other", model="unet", source="made by a test", licence="MIT", free_use=True)
        other = save_state(tmp_path / "other.safetensors", {"a": torch.zeros(1)}, card)
        with pytest.raises(WeightsMismatch, match="unet"):
            create_crossover("unet", weights=other)

    def test_at_its_own_side_it_is_the_network(self, net_weights, generator) -> None:
        base, source = pair(generator, 64)
        mask = disc(64, 14)
        network, _ = load_trained(InpaintNet, "inpaint_net", net_weights)
        with torch.no_grad():
            wanted = network(base[None], source[None], mask[None]).clamp(0, 1)[0]
        made = create_crossover("unet", weights=net_weights, keep_outside=False)(base, source, mask)
        assert torch.allclose(made, wanted, atol=1e-6)
        assert not torch.allclose(made[:, 0, 0], base[:, 0, 0])  # it repaints the rest too, unless it is kept
        kept = create_crossover("unet", weights=net_weights)(base, source, mask)
        assert torch.equal(kept[:, 0, 0], base[:, 0, 0])
        middle = kept[:, 32, 32]
        assert torch.allclose(middle, wanted[:, 32, 32], atol=1e-3)

    def test_larger_pictures_keep_the_sources_detail(self, net_weights, generator) -> None:
        base, source = pair(generator, 256)
        fine = 0.4 + 0.1 * (-1.0) ** torch.arange(256)  # stripes that 64 px cannot hold
        source = 0.2 * source + fine
        made = create_crossover("unet", weights=net_weights)(base, source, disc(256, 60))
        stripes = (made[:, 120:136, 120:136].diff(dim=2).abs().mean(), source[:, 120:136, 120:136].diff(dim=2).abs().mean())
        assert float(stripes[0] / stripes[1]) > 0.5
