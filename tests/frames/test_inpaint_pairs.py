"""Pairs: all damage of the base lies inside the mask, the source is whole, and the drawn numbers make the pair again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sharpening.errors import RangeError, ShapeError
from sharpening.frames.inpaint_pairs import PairSettings, draw_pair, make_pair, pair_settings

STILL = {"rotation": 0.0, "zoom": 0.0, "shift": 0.0, "brightness": 0.0}


@pytest.fixture(scope="module")
def face(made_face):
    return made_face(160, np.random.default_rng(1))


@pytest.mark.parametrize("how", ["patches", "blur"])
@pytest.mark.parametrize("size", [64, 112])
def test_damage_lies_inside_the_mask_only(how: str, size: int, face) -> None:
    for seed in range(5):
        pair = make_pair(face, draw_pair(np.random.default_rng(seed), pair_settings(how), size=size))
        assert pair.base.shape == pair.source.shape == pair.label.shape == (size, size, 3)
        assert pair.mask.shape == (size, size)
        assert np.array_equal(pair.base[~pair.mask], pair.label[~pair.mask])
        assert not np.array_equal(pair.base[pair.mask], pair.label[pair.mask])
        assert 0.01 < pair.mask.mean() < 0.6


def test_patches_are_white_and_blurred_sections_are_not(face) -> None:
    for how, share in (("patches", 1.0), ("blur", 0.0)):
        settings = replace(pair_settings(how), grow=(0.0, 0.0))
        pair = make_pair(face, draw_pair(np.random.default_rng(0), settings))
        assert (pair.base[pair.mask] == 255).all(axis=-1).mean() == share
        assert not (pair.source == 255).all(axis=-1).any()


def test_unmoved_source_is_the_label_and_a_moved_one_is_near_it(face) -> None:
    still = make_pair(face, draw_pair(np.random.default_rng(0), replace(pair_settings("blur"), **STILL)))
    assert np.array_equal(still.source, still.label)
    moved = make_pair(face, draw_pair(np.random.default_rng(0), pair_settings("blur")))
    error = np.abs(moved.source.astype(int) - moved.label).mean()
    assert 1 < error < 30


def test_same_numbers_make_the_same_pair_and_other_dice_another(face) -> None:
    drawn = [draw_pair(np.random.default_rng(seed), pair_settings("patches")) for seed in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]
    for one, other in zip(make_pair(face, drawn[0]), make_pair(face, drawn[1]), strict=True):
        assert np.array_equal(one, other)


def test_number_and_size_of_patches_are_as_set(face) -> None:
    settings = replace(pair_settings("patches"), n_patches=(4, 4), patch_size=(0.2, 0.2), grow=(0.5, 0.5))
    drawn = draw_pair(np.random.default_rng(0), settings)
    source, base = drawn.pair.frames
    assert source.regions == ()
    assert [region.size for region in base.regions] == [0.2] * 4
    assert [region.size for region in drawn.masked] == pytest.approx([0.3] * 4)


def test_impossible_settings_and_stills_are_told(face) -> None:
    with pytest.raises(KeyError, match="patches, blur"):
        pair_settings("holes")
    with pytest.raises(RangeError, match="n_patches"):
        PairSettings(n_patches=(0, 2))
    with pytest.raises(ShapeError, match="square"):
        make_pair(face[:100], draw_pair(np.random.default_rng(0), pair_settings("blur")))
