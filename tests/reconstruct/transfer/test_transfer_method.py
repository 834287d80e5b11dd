"""The table of transfers, and what holds for all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.reconstruct.transfer.method import _networks, create_transfer, transfers
from sharpening.reconstruct.view import View


def test_the_names():
    assert [name for name in transfers if name not in _networks] == ["align-blend", "dlib", "dense"]
    assert {"few-shot", "interface-gan"} <= set(transfers)
    assert set(_networks) <= set(transfers)


def test_an_unknown_one_names_the_nearest():
    with pytest.raises(KeyError, match="did you mean dense"):
        create_transfer("densee")


def test_settings_are_kept(make_pair):
    made = make_pair()
    facts = {}
    create_transfer("dense", facts=facts)(made.source, made.base, made.mask)
    assert facts["how"] in facts["mismatches"]


@pytest.mark.parametrize("name", [name for name in transfers if name not in _networks])
class TestEach:
    def test_brings_the_source_onto_the_base(self, name, make_pair):
        made = make_pair(angle=9, zoom=0.9, shift=(9, 8))
        moved = create_transfer(name)(made.source, made.base, made.mask)
        assert moved.picture.shape == made.base.picture.shape
        assert moved.valid.shape == made.mask.shape
        assert moved.picture.dtype == moved.valid.dtype == torch.float32
        inside = made.mask.expand(3, -1, -1) > 0.5
        before = (made.source.picture - made.base.picture)[inside].square().mean()
        after = (moved.picture - made.base.picture)[inside].square().mean()
        assert after < 0.2 * before

    def test_the_same_picture_stays(self, name, make_pair):
        base = make_pair().base
        mask = make_pair().mask
        moved = create_transfer(name)(base, base, mask)
        assert (moved.picture - base.picture).abs().max() < 2e-2
        assert moved.valid.all()

    def test_other_sizes(self, name, make_pair):
        made = make_pair()
        large = View(
            torch.nn.functional.interpolate(made.source.picture[None], (400, 400), mode="bicubic").clamp(0, 1)[0],
            made.source.landmarks.enlarged(2.5),
        )
        plain = create_transfer(name)(made.source, made.base, made.mask)
        moved = create_transfer(name)(large, made.base, made.mask)
        assert moved.picture.shape == made.base.picture.shape
        inside = made.mask.expand(3, -1, -1) > 0.5
        assert (moved.picture - plain.picture)[inside].abs().mean() < 0.02

    def test_says_where_the_source_ends(self, name, make_pair):
        made = make_pair(angle=0, zoom=1, shift=(40, 0))
        valid = create_transfer(name)(made.source, made.base, made.mask).valid[0]
        assert valid[:, :110].all()
        assert not valid[:, 126:].any()

    def test_changes_nothing_it_was_given(self, name, make_pair):
        made = make_pair()
        kept = [t.clone() for t in (made.source.picture, made.base.picture, made.mask)]
        create_transfer(name)(made.source, made.base, made.mask)
        assert all(torch.equal(a, b) for a, b in zip(kept, (made.source.picture, made.base.picture, made.mask), strict=True))

    def test_an_empty_mask_asks_for_the_whole_face(self, name, make_pair):
        made = make_pair()
        moved = create_transfer(name)(made.source, made.base, torch.zeros_like(made.mask))
        assert (moved.picture - made.base.picture).square().mean() < (made.source.picture - made.base.picture).square().mean()

    def test_refuses_a_mask_of_another_size(self, name, make_pair):
        made = make_pair()
        with pytest.raises(ShapeError, match="lies on the base"):
            create_transfer(name)(made.source, made.base, made.mask[:, :100])
        with pytest.raises(RangeError, match="divided by 255"):
            create_transfer(name)(made.source, made.base, made.mask * 255)

    def test_refuses_landmarks_in_one_place(self, name, make_pair):
        made = make_pair()
        flat = replace(made.source, landmarks=Landmarks(np.full((68, 2), 5.0)))
        with pytest.raises(ShapeError, match="landmarks of the source"):
            create_transfer(name)(flat, made.base, made.mask)
