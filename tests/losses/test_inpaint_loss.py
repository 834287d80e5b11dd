"""The cross-over loss: equation 2.1 by hand, weights, the seam, and what it does without inputs."""

from __future__ import annotations

import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.mask import mix, pack_pair
from sharpening.losses.inpaint import InpaintLoss, seam_loss
from sharpening.losses.pixel import MSELoss


def pictures(size: int = 12):
    generator = torch.Generator().manual_seed(0)
    pred, target, base, source = torch.rand(4, 2, 3, size, size, generator=generator)
    mask = torch.zeros(2, 1, size, size)
    mask[0, :, 2:7, 3:9] = 1
    mask[1, :, :4] = 1
    return pred, target, base, source, mask


@pytest.mark.parametrize("n_in", [7, 9])
def test_equals_equation_2_1_pixel_by_pixel(n_in: int) -> None:
    pred, target, base, source, mask = pictures()
    loss = InpaintLoss(2.0, 0.5, reduction="none")
    got = loss(pred, target, pack_pair(base, source, mask, n_in=n_in))
    for i in range(2):
        total = 0.0
        for y in range(12):
            for x in range(12):
                wanted, weight = (source, 2.0) if mask[i, 0, y, x] else (base, 0.5)
                total += weight * float((pred[i, :, y, x] - wanted[i, :, y, x]).square().sum())
        assert float(got[i]) == pytest.approx(total / (3 * 12 * 12), rel=1e-5)
    assert float(sum(loss.parts.values())) == pytest.approx(float(got.mean()), rel=1e-5)


def test_with_equal_weights_it_is_the_error_against_the_cross_over() -> None:
    pred, target, base, source, mask = pictures()
    crossed = mix(base, source, mask)
    packed = pack_pair(base, source, mask)
    assert float(InpaintLoss()(pred, target, packed)) == pytest.approx(float((pred - crossed).square().mean()), rel=1e-5)
    assert float(InpaintLoss()(crossed, target, packed)) == 0


def test_without_inputs_it_is_an_ordinary_loss() -> None:
    pred, target, *_ = pictures()
    assert float(InpaintLoss(seam=1.0)(pred, target)) == pytest.approx(float((pred - target).square().mean()), rel=1e-5)


def test_seam_term_sees_the_border_and_nothing_else() -> None:
    _, _, _, source, mask = pictures()
    assert float(seam_loss(source, source, mask)) == 0
    assert float(seam_loss(source + 0.25, source, mask)) == pytest.approx(0, abs=1e-12)  # another light is no seam
    crossed = mix(source + 0.2, source, mask)
    # Every step across the border is 0.2 too high or too low, and no other is wrong.
    assert float(seam_loss(crossed, source, mask)) == pytest.approx(0.04, rel=1e-4)
    assert float(seam_loss(crossed, source, torch.ones_like(mask))) == 0
    inside = source.clone()
    inside[0, :, 4:6, 5:7] = 0  # damage that does not touch the border
    assert float(seam_loss(inside, source, mask)) == 0


def test_added_terms_have_their_weights_and_names() -> None:
    pred, target, base, source, mask = pictures()
    loss = InpaintLoss(0.0, 1.0, seam=0.5, truth=2.0, features=MSELoss(), feature=0.25)
    loss(pred, target, pack_pair(base, source, mask))
    parts = {name: float(value) for name, value in loss.parts.items()}
    assert list(parts) == ["inside", "outside", "seam", "truth", "mse"]
    assert parts["inside"] == 0
    assert parts["truth"] == pytest.approx(2 * float((pred - target).square().mean()), rel=1e-5)
    assert parts["mse"] == pytest.approx(0.25 * float((pred - mix(base, source, mask)).square().mean()), rel=1e-5)
    assert parts["seam"] == pytest.approx(0.5 * float(seam_loss(pred, source, mask)), rel=1e-5)


def test_unfit_inputs_and_weights_are_told() -> None:
    pred, target, base, source, mask = pictures()
    with pytest.raises(ShapeError, match="packed"):
        InpaintLoss()(pred, target, mask)
    with pytest.raises(ShapeError):
        InpaintLoss()(pred, target, pack_pair(base, source, mask)[..., :6, :6])
    with pytest.raises(RangeError):
        InpaintLoss(0.0, 0.0)
    with pytest.raises(RangeError):
        InpaintLoss(-1.0)
