"""Base, source and mask: mixing, packing, and masks that are none."""

from __future__ import annotations

import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.mask import check_mask, mix, pack_pair, unpack_pair


def pair(bs: int = 2, size: int = 8):
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(bs, n, size, size, generator=generator) for n in (3, 3, 1)]


def test_mask_of_one_takes_the_source_and_of_zero_the_base() -> None:
    base, source, mask = pair()
    assert torch.equal(mix(base, source, torch.ones_like(mask)), source)
    assert torch.equal(mix(base, source, torch.zeros_like(mask)), base)
    torch.testing.assert_close(mix(base, source, torch.full_like(mask, 0.25)), 0.25 * source + 0.75 * base)


@pytest.mark.parametrize("n_in", [7, 9])
@pytest.mark.parametrize("channels", [1, 3])
def test_packed_pair_comes_apart_again(n_in: int, channels: int) -> None:
    base, source, mask = pair()
    packed = pack_pair(base, source, mask.expand(-1, channels, -1, -1), n_in=n_in)
    assert packed.shape == (2, n_in, 8, 8)
    assert torch.equal(packed[:, 6:], mask.expand(-1, n_in - 6, -1, -1))
    for got, wanted in zip(unpack_pair(packed), (base, source, mask), strict=True):
        assert torch.equal(got, wanted)


def test_what_does_not_fit_is_told() -> None:
    base, source, mask = pair()
    with pytest.raises(RangeError, match="n_in"):
        pack_pair(base, source, mask, n_in=8)
    with pytest.raises(ShapeError, match="base and source"):
        pack_pair(base, source[:1], mask)
    for wrong in (mask[:, 0], mask[..., :4], mask[:1], mask.expand(-1, 2, -1, -1)):
        with pytest.raises(ShapeError, match="mask"):
            pack_pair(base, source, wrong)
    with pytest.raises(ShapeError, match="packed"):
        unpack_pair(base)


@pytest.mark.parametrize(
    "mask", [torch.ones(1, 1, 2, 2, dtype=torch.uint8), torch.full((1, 1, 2, 2), 255.0), torch.full((1, 1, 2, 2), torch.nan)]
)
def test_masks_of_another_form_are_told(mask) -> None:
    with pytest.raises(RangeError, match="255"):
        check_mask(mask)
    check_mask(torch.zeros(1, 1, 2, 2))
