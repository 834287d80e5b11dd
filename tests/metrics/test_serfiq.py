"""SER-FIQ: the formulas by slow loops, the shared trunk against m whole passes, dice, gradients, bad input, the official numbers."""

import itertools
import math
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError
from sharpening.metrics import metrics
from sharpening.metrics.serfiq import (
    SerFiq,
    draw_masks,
    pair_distances,
    serfiq_code,
    serfiq_half,
    serfiq_metric,
    serfiq_paper,
    serfiq_published,
    serfiq_thesis,
)

FORMS = ("paper", "code", "published", "thesis", "half")


class TinyNet(nn.Module):
    """A trunk that is costly to count, and a head with a normalisation, as the real ones have."""

    name, p_drop = "tiny", 0.4

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.conv, self.fc = nn.Conv2d(3, 6, 3, stride=2), nn.Linear(6 * 49, 8)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.2
        self.requires_grad_(False)
        self.n_trunks = 0

    def trunk(self, pictures):
        self.n_trunks += 1
        return torch.tanh(self.conv(pictures.to(self.conv.weight.dtype)))

    def head(self, maps):
        return self.fc(maps.flatten(1))


@pytest.fixture
def network():
    return TinyNet()


@pytest.fixture
def pictures(generator):
    return torch.rand((3, 3, 16, 16), generator=generator)


@pytest.fixture
def descriptors(generator):
    return torch.randn((3, 10, 20), generator=generator)


def slow_distances(rows):
    """All pairs of rows, one after the other, in Python's own numbers."""
    units = [[x / math.sqrt(sum(y * y for y in row)) for x in row] for row in rows.tolist()]
    return [math.dist(a, b) for a, b in itertools.combinations(units, 2)]


def logistic(x):
    return 1 / (1 + math.exp(-x))


def test_distances_are_those_of_all_pairs(descriptors):
    wanted = torch.tensor([slow_distances(rows) for rows in descriptors])
    assert pair_distances(descriptors).shape == (3, 45)
    assert torch.allclose(pair_distances(descriptors), wanted, atol=1e-5)


def test_near_descriptors_keep_their_digits(generator):
    base = torch.randn((1, 1, 512), generator=generator)
    rows = base + 1e-3 * torch.randn((1, 4, 512), generator=generator)
    assert pair_distances(rows)[0].tolist() == pytest.approx(slow_distances(rows[0]), rel=1e-3)


@pytest.mark.parametrize("m", [2, 10, 100])
def test_forms_by_their_formulas(generator, m):
    rows = torch.randn((1, m, 6), generator=generator) * 0.2 + 1
    distances = slow_distances(rows[0])
    paper, code = 2 * logistic(-2 / m**2 * sum(distances)), 2 * logistic(-sum(distances) / len(distances))
    wanted = {
        serfiq_paper: paper,
        serfiq_code: code,
        serfiq_half: paper / 2,
        serfiq_published: logistic(130 * (code - 0.88)),
        serfiq_thesis: 0.75 + 0.25 * (paper - 0.78) / 0.13,
    }
    assert {form: float(form(rows)) for form in wanted} == pytest.approx(wanted, rel=1e-4)


def test_thesis_ends_become_075_and_1(descriptors):
    raw = serfiq_paper(descriptors)
    ends = (float(raw.min()), float(raw.max()))
    values = serfiq_thesis(descriptors, ends=ends)
    assert [float(values.min()), float(values.max())] == pytest.approx([0.75, 1])
    with pytest.raises(RangeError, match="second above the first"):
        serfiq_thesis(descriptors, ends=(0.9, 0.8))


def test_equal_descriptors_are_perfect_with_a_finite_gradient():
    rows = torch.ones(2, 5, 4, requires_grad=True)
    value = serfiq_paper(rows)
    value.sum().backward()
    assert value.tolist() == [1, 1]
    assert rows.grad.abs().max() == 0


def test_gradient_is_the_slope(network, generator):
    pictures = torch.rand((2, 3, 16, 16), generator=generator, dtype=torch.float64)
    quality = SerFiq(network.double(), m=4)
    assert torch.autograd.gradcheck(quality, pictures.requires_grad_(), fast_mode=True)


def test_without_dropout_the_gradient_stays_finite(network, pictures):
    pred = pictures.requires_grad_()
    score = SerFiq(network, form="paper", p_drop=0)(pred)
    score.sum().backward()
    assert score.tolist() == pytest.approx([1, 1, 1], abs=1e-6)
    assert bool(pred.grad.isfinite().all())


def test_shared_trunk_equals_m_whole_passes(network, pictures):
    masks = draw_masks(7, (6, 7, 7), network.p_drop, torch.Generator().manual_seed(3))
    wanted = torch.stack([network.head(network.trunk(pictures) * mask) for mask in masks], dim=1)
    network.n_trunks = 0
    got = SerFiq(network, m=7).descriptors(pictures, masks)
    assert network.n_trunks == 1
    assert torch.allclose(got, wanted, atol=1e-6)
    assert torch.allclose(serfiq_paper(got), serfiq_paper(wanted), atol=1e-5)


def test_chunks_change_nothing(network, pictures, monkeypatch):
    whole = SerFiq(network, m=9).descriptors(pictures)
    monkeypatch.setattr("sharpening.metrics.serfiq._CHUNK", 2000)
    assert torch.allclose(SerFiq(network, m=9).descriptors(pictures), whole, atol=1e-6)


def test_masks_keep_their_share_and_the_mean():
    masks = draw_masks(10, (50, 40), 0.6, torch.Generator().manual_seed(0))
    assert masks.unique().tolist() == pytest.approx([0, 2.5])
    assert float(masks.mean()) == pytest.approx(1, abs=0.03)
    assert float((masks[0] != masks[1]).float().mean()) == pytest.approx(0.48, abs=0.05)


def test_dice(network, pictures):
    fixed = SerFiq(network)
    assert torch.equal(fixed(pictures), fixed(pictures))
    state = torch.random.get_rng_state()
    fresh = [SerFiq(network, generator=torch.Generator().manual_seed(5)) for _ in range(2)]
    first, second = fresh[0](pictures), fresh[0](pictures)
    assert not torch.equal(first, second)
    assert torch.equal(fresh[1](pictures), first)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_score_does_not_depend_on_the_neighbours(network, pictures):
    quality = SerFiq(network)
    alone = torch.cat([quality(picture) for picture in pictures.split(1)])
    assert torch.allclose(quality(pictures), alone, atol=1e-6)


def test_less_dropout_is_a_better_score(network, pictures):
    scores = torch.stack([SerFiq(network, p_drop=p)(pictures) for p in (0.1, 0.3, 0.6)])
    assert bool((scores.diff(dim=0) < 0).all())


@pytest.mark.parametrize("form", FORMS)
def test_forms_by_name_as_metric(network, pictures, form):
    metric = serfiq_metric(SerFiq(network, form=form))
    values = metric(pictures)
    assert metric.heading == f"SER-FIQ (tiny, {form}) ↑ [%]"
    assert not metric.needs_target
    assert values.shape == (3,)
    assert bool(((values >= metric.range[0]) & (values <= metric.range[1])).all())
    assert not metric(pictures.requires_grad_()).requires_grad


def test_registered_metric_takes_the_descriptors(network, pictures):
    metric = metrics.get("serfiq")
    got = metric(SerFiq(network).descriptors(pictures))
    assert torch.allclose(got, serfiq_metric(SerFiq(network, form="half"))(pictures))
    assert torch.allclose(got, 50 * SerFiq(network, form="paper")(pictures))


def test_own_form_and_align(network, pictures):
    quality = SerFiq(network, form=serfiq_code, align=lambda x: x.flip(3))
    assert torch.equal(quality(pictures), SerFiq(network, form="code")(pictures.flip(3)))
    assert quality.form == "serfiq_code"


def test_it_can_be_pickled_with_its_dice(network, pictures):
    quality = SerFiq(network, generator=torch.Generator().manual_seed(1))
    assert torch.equal(pickle.loads(pickle.dumps(quality))(pictures), quality(pictures))


@pytest.mark.parametrize(
    "settings", [{"m": 1}, {"m": 0}, {"p_drop": 1.0}, {"p_drop": -0.1}, {"form": "theses"}], ids=lambda s: str(*s.items())
)
def test_impossible_settings_are_refused_at_once(network, settings):
    with pytest.raises(RangeError, match=next(iter(settings))):
        SerFiq(network, **settings)


def test_what_are_no_pictures_is_refused(network, pictures):
    quality = SerFiq(network)
    with pytest.raises(ShapeError, match="RGB"):
        quality(pictures[0])
    with pytest.raises(RangeError, match="to_tensor"):
        quality((pictures * 255).byte())
    pictures[1, 0, 3, 3] = math.nan
    with pytest.raises(RangeError, match="NaN"):
        quality(pictures)
    with pytest.raises(ShapeError, match=r"bs, m, d"):
        pair_distances(torch.zeros(10, 4))
    with pytest.raises(RangeError, match="at least 2"):
        pair_distances(torch.zeros(2, 1, 4))


@pytest.mark.parity
def test_official_scores(parity):
    stored = parity.npz("arcface_serfiq")
    for prefix, rows in (("", stored["stochastic_embeddings"]), ("tight.", stored["tight"])):
        rows = torch.from_numpy(rows).double()[None]
        assert float(serfiq_code(rows)) == pytest.approx(float(stored[f"{prefix}raw_code"]), rel=1e-5)
        assert float(serfiq_paper(rows)) == pytest.approx(float(stored[f"{prefix}raw_paper"]), rel=1e-5)
    rows = torch.from_numpy(stored["stochastic_embeddings"]).double()[None]
    tight = torch.from_numpy(stored["tight"]).double()[None]
    assert float(pair_distances(rows).mean()) == pytest.approx(float(stored["mean_dist"]), rel=1e-5)
    # 130 times steeper, so 130 times the error of the raw score.
    assert float(serfiq_published(rows)) == pytest.approx(float(stored["score.default"]), rel=2e-3)
    assert float(serfiq_published(tight)) == pytest.approx(float(stored["tight.score"]), rel=1e-5)
    assert float(serfiq_published(tight, alpha=1, r=0)) == pytest.approx(float(stored["tight.score_a1_r0"]), rel=1e-5)


def test_length_of_descriptors_does_not_count(descriptors):
    assert torch.allclose(serfiq_code(descriptors), serfiq_code(F.normalize(descriptors, dim=2) * 7), atol=1e-6)
