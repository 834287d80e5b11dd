"""The losses say what their formulas say: by hand, as class and as function."""

import math

import pytest
import torch

from sharpening.errors import ShapeError
from sharpening.losses.feature import FeatureLoss, feature_loss
from sharpening.losses.gram import GramLoss, gram_loss, gram_matrix
from sharpening.losses.identity import IdentityLoss, identity_loss
from sharpening.losses.perceptual import PerceptualLoss
from sharpening.losses.pixel import CharbonnierLoss, L1Loss, MSELoss, PSNRLoss, charbonnier, l1, mse, psnr_loss
from sharpening.losses.ssim import SSIMLoss, ssim_loss

SHAPE = (2, 3, 16, 16)


class Maps:
    """An extractor whose maps are the picture itself and its half, so that everything can be done by hand."""

    def features(self, pictures, layers):
        maps = {"whole": pictures, "half": pictures[:, :2, ::2, ::2]}
        return [maps[name] for name in layers]


def pair():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(SHAPE, generator=generator), torch.rand(SHAPE, generator=generator)


def test_pixel_losses_by_hand():
    pred, target = torch.tensor([[[[0.3, 0.5]]]]), torch.tensor([[[[0.3, 0.1]]]])
    assert float(mse(pred, target)) == pytest.approx(0.16 / 2)
    assert float(l1(pred, target)) == pytest.approx(0.4 / 2)
    assert float(charbonnier(pred, target, eps=0.3)) == pytest.approx((0.5 - 0.3) / 2)


def test_charbonnier_is_between_square_and_absolute():
    pred, target = pair()
    assert float(charbonnier(pred, target)) == pytest.approx(float(l1(pred, target)), abs=1e-3)
    tiny = target + 1e-5
    assert float(charbonnier(tiny, target)) == pytest.approx(1e-10 / 2e-3, rel=0.1)


def test_classes_are_their_functions():
    pred, target = pair()
    for kind, function in [
        (MSELoss, mse),
        (L1Loss, l1),
        (CharbonnierLoss, charbonnier),
        (PSNRLoss, psnr_loss),
        (SSIMLoss, ssim_loss),
    ]:
        for reduction in ("mean", "sum", "none"):
            assert torch.allclose(kind(reduction=reduction)(pred, target), function(pred, target, reduction=reduction))


def test_settings_reach_the_functions():
    pred, target = pair()
    assert torch.equal(CharbonnierLoss(eps=0.2)(pred, target), charbonnier(pred, target, eps=0.2))
    assert torch.equal(SSIMLoss(data_range=5)(pred, target), ssim_loss(pred, target, data_range=5))


def test_ssim_loss_is_one_less_the_metric():
    from sharpening.metrics.ssim import ssim

    pred, target = pair()
    assert torch.allclose(ssim_loss(pred, target, reduction="none"), 1 - ssim(pred, target))


def test_gram_by_hand():
    x = torch.tensor([[[[1.0, 2.0]], [[3.0, -1.0]]]])  # two channels of 1×2
    assert gram_matrix(x)[0].flatten().tolist() == pytest.approx([5 / 4, 1 / 4, 1 / 4, 10 / 4])
    with pytest.raises(ShapeError):
        gram_matrix(x[0])


def test_gram_forgets_where():
    x = torch.rand((1, 4, 5, 5), generator=torch.Generator().manual_seed(0))
    assert torch.allclose(gram_matrix(x), gram_matrix(x.flip(-1).transpose(2, 3)), atol=1e-6)


def test_feature_and_gram_losses_by_hand():
    pred, target = pair()
    p_half, t_half = pred[:, :2, ::2, ::2], target[:, :2, ::2, ::2]
    settings = {"extractor": Maps(), "layers": ("half", "whole"), "weights": (3.0, 2.0)}
    features = 3 * (p_half - t_half).abs().mean() + 2 * (pred - target).abs().mean()
    grams = 9 * 5e3 * (gram_matrix(p_half) - gram_matrix(t_half)).abs().mean()
    grams = grams + 4 * 5e3 * (gram_matrix(pred) - gram_matrix(target)).abs().mean()
    assert float(FeatureLoss(**settings)(pred, target)) == pytest.approx(float(features), rel=1e-5)
    assert float(GramLoss(**settings)(pred, target)) == pytest.approx(float(grams), rel=1e-5)
    assert float(PerceptualLoss(**settings)(pred, target)) == pytest.approx(float(features + grams), rel=1e-5)


def test_map_functions_are_what_the_classes_compute():
    pred, target = pair()
    maps = [Maps().features(x, ("half", "whole")) for x in (pred, target)]
    for base in ("l1", "mse"):
        settings = {"weights": (3.0, 2.0), "base": base}
        as_class = {"extractor": Maps(), "layers": ("half", "whole"), **settings}
        assert torch.allclose(FeatureLoss(**as_class)(pred, target), feature_loss(*maps, **settings))
        assert torch.allclose(GramLoss(**as_class, factor=7.0)(pred, target), gram_loss(*maps, **settings, factor=7.0))


def test_identity_by_hand_and_through_a_network():
    descriptors = torch.tensor([[3.0, 4.0], [1.0, 0.0]]), torch.tensor([[3.0, 0.0], [-2.0, 0.0]])
    assert identity_loss(*descriptors, reduction="none").tolist() == pytest.approx([0.4, 2.0])
    pred, target = pair()
    loss = IdentityLoss(lambda x: x.mean(dim=(2, 3)), align=lambda x: x[..., :8], reduction="none")
    wanted = identity_loss(pred[..., :8].mean(dim=(2, 3)), target[..., :8].mean(dim=(2, 3)), reduction="none")
    assert torch.allclose(loss(pred, target), wanted)


def test_psnr_loss_counts_decibels_whatever_the_picture(generator):
    target = torch.rand(2, 3, 8, 8, generator=generator)
    error = 0.05 * torch.randn(target.shape, generator=generator) * torch.tensor([1.0, 4.0]).view(2, 1, 1, 1)
    before, after = (psnr_loss(target + k * error, target, reduction="none") for k in (1.0, 0.5))
    # Half of the error is 6 dB, for the good picture and for the poor one.
    assert torch.allclose(before - after, torch.full((2,), 0.025 * math.log(4)), rtol=0.01)
    assert psnr_loss(target, target) == 0
