"""Named value ranges and their ways back."""

from __future__ import annotations

import pytest
import torch

from sharpening.errors import ShapeError
from sharpening.imaging import ranges


@pytest.mark.parametrize("shape", [(3, 4, 4), (2, 3, 4, 4), (2, 7, 3, 4, 4)])
def test_imagenet_and_back(generator, shape):
    x = torch.rand(shape, generator=generator)
    there = ranges.to_imagenet(x)
    torch.testing.assert_close(ranges.from_imagenet(there), x)
    red = (x.select(-3, 0) - 0.485) / 0.229
    torch.testing.assert_close(there.select(-3, 0), red)


def test_imagenet_keeps_the_type():
    assert ranges.to_imagenet(torch.zeros(3, 2, 2, dtype=torch.float64)).dtype == torch.float64


@pytest.mark.parametrize("way", [ranges.to_imagenet, ranges.from_imagenet])
@pytest.mark.parametrize("shape", [(4, 4), (21, 4, 4), (2, 21, 4, 4)])
def test_a_stack_must_be_viewed_first(way, shape):
    with pytest.raises(ShapeError, match="View a stack"):
        way(torch.zeros(shape))


@pytest.mark.parametrize(("there", "back", "low", "high"), [("byte_range", "byte_range", 0, 255), ("signed", "signed", -1, 1)])
def test_ends_and_ways_back(there, back, low, high):
    x = torch.tensor([0.0, 1.0, 0.25])
    got = getattr(ranges, f"to_{there}")(x)
    assert got[:2].tolist() == [low, high]
    torch.testing.assert_close(getattr(ranges, f"from_{back}")(got), x)
