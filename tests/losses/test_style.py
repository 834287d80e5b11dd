"""The style loss by regions: PSFR-GAN's own numbers, region by region by hand, and its two forms."""

import pytest
import torch
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError
from sharpening.losses.feature import feature_loss
from sharpening.losses.style import STYLE_LAYERS, StyleLoss, region_grams, semantic_style_loss

SIZES = ((64, 32), (128, 16), (256, 16), (512, 8), (512, 4))
SMALL = ((8, 16), (16, 8), (16, 4))


def one_hot(labels, n_classes=19):
    return F.one_hot(torch.as_tensor(labels), n_classes).permute(0, 3, 1, 2).float()


def made(seed=0, n_classes=5, bs=2):
    """Maps of two levels of two pictures, and regions of their own in each."""
    generator = torch.Generator().manual_seed(seed)
    sizes = ((4, 12), (6, 6))
    pred, target = ([torch.randn((bs, c, s, s), generator=generator) for c, s in sizes] for _ in range(2))
    labels = torch.randint(0, n_classes - 1, (bs, 24, 24), generator=generator)  # the last class is nowhere
    return pred, target, labels


def by_hand(maps, labels, n_classes):
    """The Gram of each region out of a list of its pixels."""
    c, side = maps.shape[1:3]
    step = labels.shape[-1] // side
    grams = torch.zeros(len(maps), n_classes, c, c)
    for i, (picture, regions) in enumerate(zip(maps, labels[:, ::step, ::step], strict=True)):
        for k in regions.unique().tolist():
            pixels = picture[:, regions == k]  # [c, n]
            grams[i, k] = pixels @ pixels.T / pixels.shape[1]
    return grams


# --- against the published code


@pytest.mark.parity
def test_published_form_is_the_published_one(parity):
    stored, seeds = parity.npz("psfrgan_losses"), parity.seed_state
    pred, target = ([seeds.tensor_input(f"{x}{i}", (2, c, s, s)) for i, (c, s) in enumerate(SIZES)][2:] for x in ("xf", "yf"))
    masks = one_hot(seeds.rng("lab").randint(0, 19, (2, 32, 32)))
    assert float(semantic_style_loss(pred, target, masks)) == pytest.approx(float(stored["region_style"]), rel=1e-5)
    pred, target = ([3 * seeds.tensor_input(f"{x}{i}", (1, c, s, s)) for i, (c, s) in enumerate(SMALL)] for x in ("rx", "ry"))
    masks = one_hot(seeds.rng("rlab").randint(0, 19, (1, 32, 32)))
    assert float(semantic_style_loss(pred, target, masks)) == pytest.approx(float(stored["region_style_small"]), rel=1e-5)


@pytest.mark.parity
@pytest.mark.parametrize(("name", "weights"), [("fm", (1,) * 5), ("pcp", (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1))])
def test_its_feature_matching_and_perceptual_losses_are_feature_losses(parity, name, weights):
    pred, target = (
        [parity.seed_state.tensor_input(f"{x}{i}", (2, c, s, s)) for i, (c, s) in enumerate(SIZES)] for x in ("xf", "yf")
    )
    ours = feature_loss(pred, target, weights=weights, base="mse")
    assert float(ours) == pytest.approx(float(parity.npz("psfrgan_losses")[name]), rel=1e-5)


# --- by hand


def test_grams_of_regions_by_hand():
    pred, _, labels = made()
    for maps in pred:
        assert torch.allclose(region_grams(maps, one_hot(labels, 5)), by_hand(maps, labels, 5), atol=1e-5)


def test_both_forms_by_hand():
    pred, target, labels = made()
    published, paper = torch.zeros(2), torch.zeros(2)
    for a, b in zip(pred, target, strict=True):
        difference = by_hand(a, labels, 5) - by_hand(b, labels, 5)
        c = a.shape[1]
        published += (difference / c).square().sum(dim=(1, 2, 3)) / (5 * c * c)
        paper += difference.square().sum(dim=(2, 3)).sqrt().sum(dim=1)
    masks = one_hot(labels, 5)
    assert torch.allclose(semantic_style_loss(pred, target, masks, reduction="none"), published, rtol=1e-4)
    assert torch.allclose(semantic_style_loss(pred, target, masks, form="paper", reduction="none"), paper, rtol=1e-4)


@pytest.mark.parametrize("form", ["published", "paper"])
def test_a_region_forgets_where_but_not_which(form):
    pred, _, labels = made()
    mirrored = [x.flip(-1) for x in pred]
    masks = one_hot(labels, 5)
    halves = torch.zeros(2, 2, 24, 24)
    halves[:, 0, :, :12], halves[:, 1, :, 12:] = 1, 1
    whole = torch.ones(2, 1, 24, 24)
    assert float(semantic_style_loss(mirrored, pred, whole, form=form)) == pytest.approx(0, abs=1e-5)
    assert float(semantic_style_loss(mirrored, pred, halves, form=form)) > 1e-4
    assert float(semantic_style_loss(mirrored, pred, masks, form=form)) > 1e-4


@pytest.mark.parametrize("form", ["published", "paper"])
def test_gradient_is_finite_at_zero_distance_and_in_empty_regions(form):
    pred, _, labels = made()
    leaves = [x.clone().requires_grad_() for x in pred]
    semantic_style_loss(leaves, pred, one_hot(labels, 5), form=form).backward()
    assert all(bool(torch.isfinite(x.grad).all()) for x in leaves)


# --- as a loss on pictures


class Colours:
    """An extractor whose maps are the picture and its half; it notes what it saw."""

    def features(self, pictures, layers):
        self.seen = pictures.shape
        maps = (pictures, pictures[..., ::2, ::2])
        return [maps[i % 2] for i in range(len(layers))]


def test_class_asks_for_the_regions_of_the_target_once():
    asked = []

    def segment(pictures):
        asked.append(pictures)
        return one_hot((pictures[:, 0] > 0.5).long(), 2)

    pred, target = torch.rand((2, 2, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    loss = StyleLoss(Colours(), segment, layers=("fine", "coarse"))
    value = loss(pred, target)
    wanted = semantic_style_loss(
        [pred, pred[..., ::2, ::2]], [target, target[..., ::2, ::2]], one_hot((target[:, 0] > 0.5).long(), 2)
    )
    assert float(value) == pytest.approx(float(wanted), rel=1e-6)
    assert len(asked) == 1
    assert torch.equal(asked[0], target)
    assert list(loss.parts) == ["style_fine", "style_coarse"]


@pytest.mark.parametrize("form", ["published", "paper"])
def test_without_regions_it_is_the_plain_style_loss_on_the_layers_of_the_form(form):
    pred, target = torch.rand((2, 1, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    loss = StyleLoss(Colours(), form=form, enlarge_to=12)
    assert loss.layers == STYLE_LAYERS[form]
    assert float(loss(pred, target)) > 0
    assert loss.extractor.seen == (1, 3, 12, 12)
    whole = StyleLoss(Colours(), form=form, layers=("whole",))
    assert float(whole(pred.flip(-1), pred)) == pytest.approx(0, abs=1e-5)


def test_what_does_not_fit_is_refused():
    pred, target, labels = made()
    with pytest.raises(ShapeError, match="one_hot"):
        semantic_style_loss(pred, target, labels)
    with pytest.raises(ShapeError, match="n_classes"):
        semantic_style_loss(pred, target, one_hot(labels, 5)[:1])
    with pytest.raises(RangeError, match="0 to 255"):
        semantic_style_loss(pred, target, one_hot(labels, 5) * 255)
    with pytest.raises(RangeError, match="paper"):
        semantic_style_loss(pred, target, one_hot(labels, 5), form="gram")
    with pytest.raises(RangeError, match="paper"):
        StyleLoss(Colours(), form="gram")
