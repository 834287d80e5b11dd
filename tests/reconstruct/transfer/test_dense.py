"""The dense transfer on motions that are known."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from sharpening.reconstruct.transfer import align_blend as align_module
from sharpening.reconstruct.transfer import dense as dense_module
from sharpening.reconstruct.transfer.align_blend import align_blend
from sharpening.reconstruct.transfer.dense import WAYS, _before, _enlarged, dense
from sharpening.reconstruct.transfer.flow import spline_flow
from sharpening.reconstruct.transfer.measure import at_work, measure
from sharpening.reconstruct.transfer.method import create_transfer
from sharpening.reconstruct.transfer.sampling import affine_field, pixel_grid
from sharpening.reconstruct.transfer.texture import confidence, misfit
from sharpening.reconstruct.view import View


@pytest.fixture
def field_of(monkeypatch):
    """`field_of(transfer, source, base, mask)`: the field that a transfer samples the source along."""
    seen = {}
    for module in (align_module, dense_module):
        true = module.sample

        def noted(picture, field, true=true):
            seen["field"] = field
            return true(picture, field)

        monkeypatch.setattr(module, "sample", noted)

    def run(transfer, made, **settings):
        transfer(made.source, made.base, made.mask, **settings)
        return seen["field"]

    return run


def test_rigid_motion_to_a_tenth_of_a_pixel(make_pair, field_of):
    made, facts = make_pair(angle=6, zoom=1.06, shift=(5, -4), landmark_noise=1.0), {}
    landmarks, dense_error = made.error(field_of(align_blend, made)), made.error(field_of(dense, made, facts=facts))
    assert facts["how"] == "affine"
    assert dense_error < 0.15
    assert dense_error < 0.5 * landmarks


def test_a_mouth_that_opens_is_followed(make_pair, field_of):
    # Landmarks of the whole face, two pixels off, against the pixels.
    made, facts = make_pair(bump=-3, landmark_noise=2.0), {}
    landmarks, dense_error = made.error(field_of(align_blend, made)), made.error(field_of(dense, made, facts=facts))
    assert facts["how"] == "flow"
    assert dense_error < 0.6
    assert dense_error < 0.8 * landmarks


def blurred_mouth(view: View) -> View:
    picture = np.ascontiguousarray(view.picture.permute(1, 2, 0).numpy())
    soft = cv2.GaussianBlur(picture, (0, 0), 11)
    picture[98:136, 52:114] = soft[98:136, 52:114]
    return replace(view, picture=torch.from_numpy(picture.transpose(2, 0, 1).copy()))


def test_in_a_blurred_part_the_motion_follows_from_round_it(make_pair, field_of):
    made = make_pair(angle=-5, shift=(4, 4), landmark_noise=1.0)
    whole, damaged = {}, {}
    dense(made.source, made.base, made.mask, facts=whole)
    made = replace(made, base=blurred_mouth(made.base))
    assert made.error(field_of(dense, made, facts=damaged)) < 0.5
    assert damaged["believed"] < 0.85 < whole["believed"]


def test_landmarks_far_off_do_not_matter(make_pair, field_of):
    made = make_pair(angle=3, shift=(3, 2))
    wrong = View(made.source.picture, made.source.landmarks.moved(np.array([[1, 0, 9], [0, 1, -7.0]])))
    made, facts = replace(made, source=wrong), {}
    assert made.error(field_of(align_blend, made)) > 8
    assert made.error(field_of(dense, made, facts=facts)) < 0.3
    assert facts["moved"] > 0.15


def test_takes_the_way_that_fits_best(make_pair):
    made, facts = make_pair(bump=4), {}
    moved = dense(made.source, made.base, made.mask, facts=facts)
    assert set(facts["mismatches"]) == set(WAYS)
    assert facts["how"] == min(facts["mismatches"], key=facts["mismatches"].get)
    assert facts["mismatch"] == facts["mismatches"][facts["how"]] < 0.9 * facts["mismatches"]["landmarks"]
    other = {}
    align_blend(made.source, made.base, made.mask, facts=other)
    assert measure(made.base, moved, made.mask)["mismatch"] < other["mismatch"]


@pytest.mark.parametrize("side", [512, 500, 331])
def test_standing_still_is_exact_at_sizes_that_do_not_divide(make_pair, side):
    """The working size is whole pixels, so the two axes are shrunk by their own factors."""
    base = make_pair(angle=0, zoom=1, shift=(0, 0)).base
    factor = side / base.picture.shape[-1]
    picture = torch.nn.functional.interpolate(base.picture[None], (side, side), mode="bicubic").clamp(0, 1)[0]
    large = View(picture[:, : side - 7], base.landmarks.enlarged(factor))
    work, to_work = at_work(large)
    field = affine_field(_before(np.eye(3)[:2], to_work), *work.shape[-2:])
    assert np.abs(_enlarged(field, large.picture.shape[-2:]) - pixel_grid(*large.picture.shape[-2:])).max() < 0.01


def test_every_transfer_measures_the_fit(make_pair, made_face):
    made, stranger = make_pair(), made_face(160, np.random.default_rng(3))
    other = View(torch.from_numpy(stranger.transpose(2, 0, 1).astype(np.float32) / 255), made.source.landmarks)
    for name in ("align-blend", "dlib", "dense"):
        facts, strange = {}, {}
        create_transfer(name, facts=facts)(made.source, made.base, made.mask)
        create_transfer(name, facts=strange)(other, made.base, made.mask)
        assert facts["mismatch"] < 0.4 < strange["mismatch"], name
        assert 0 < facts["believed"] <= 1


def test_another_person_is_a_large_mismatch(make_pair, made_face):
    made = make_pair()
    stranger = torch.from_numpy(made_face(160, np.random.default_rng(3)).transpose(2, 0, 1).astype(np.float32) / 255)
    facts, strange = {}, {}
    dense(made.source, made.base, made.mask, facts=facts)
    dense(View(stranger, made.source.landmarks), made.base, made.mask, facts=strange)
    assert facts["mismatch"] < 0.1
    assert strange["mismatch"] > 0.5


def test_light_is_no_mismatch(make_pair):
    made, plain, lit = make_pair(), {}, {}
    dense(made.source, made.base, made.mask, facts=plain)
    shade = torch.linspace(0.75, 1.0, 160)
    dense(View(made.source.picture * shade + 0.02, made.source.landmarks), made.base, made.mask, facts=lit)
    assert lit["how"] == plain["how"]
    assert lit["mismatch"] < plain["mismatch"] + 0.1


@pytest.mark.parametrize("factor", [2, 3.2])
def test_larger_pictures_give_the_same_motion(make_pair, field_of, factor):
    made = make_pair(angle=4, shift=(3, 2))
    size = round(160 * factor)

    def large(view: View) -> View:
        picture = torch.nn.functional.interpolate(view.picture[None], (size, size), mode="bicubic").clamp(0, 1)[0]
        return View(picture, view.landmarks.enlarged(factor))

    mask = torch.nn.functional.interpolate(made.mask[None], (size, size))[0]
    big = replace(made, source=large(made.source), base=large(made.base), mask=mask)
    found = field_of(dense, big)
    y, x = (np.clip(((pixel_grid(160, 160)[i] + 0.5) * factor - 0.5).round().astype(int), 0, size - 1) for i in (1, 0))
    at = np.stack([x, y]).astype(np.float32)
    # Where the large picture's pixel lies on the small grid, and what the field says there.
    moved = (found[:, y, x] - at + (at + 0.5) - 0.5 + 0.5) / factor - 0.5
    truth = np.stack([cv2.remap(made.truth[i], *((at + 0.5) / factor - 0.5), cv2.INTER_LINEAR) for i in (0, 1)])
    assert np.linalg.norm(moved - truth, axis=0)[made.mask[0].numpy() > 0.5].mean() < 0.2


def test_one_pair_is_registered_once(make_pair, monkeypatch):
    made, calls = make_pair(seed=5), []
    true = dense_module.spline_flow
    monkeypatch.setattr(dense_module, "spline_flow", lambda *a, **k: calls.append(1) or true(*a, **k))
    first = dense(made.source, made.base, made.mask)
    dense(made.source, made.base, torch.roll(made.mask, -40, 1))
    again = dense(made.source, made.base, made.mask)
    assert calls == [1, 1]  # a spline, and a stiffer one after it
    assert torch.equal(first.picture, again.picture)


def test_the_flow_of_equal_pictures_is_none(make_pair):
    plane = dense_module.luma(make_pair().base.picture)
    assert np.abs(spline_flow(plane, plane, np.ones_like(plane), 35.0)).max() < 1e-3


def test_a_flat_picture_gives_no_flow():
    flat = np.full((60, 70), 0.5, np.float32)
    found = spline_flow(flat, flat, np.ones_like(flat), 20.0)
    assert found.shape == (2, 60, 70)
    assert np.abs(found).max() < 1e-3


def test_confidence_is_low_where_one_is_blurred(make_pair):
    view = make_pair().base
    sharp, soft = dense_module.luma(view.picture), dense_module.luma(blurred_mouth(view).picture)
    trust = confidence(sharp, soft, 35.0)
    assert trust[108:126, 65:100].max() < 0.3
    assert np.median(trust[20:75]) > 0.9


def test_misfit_of_a_picture_with_itself_and_with_noise(make_pair, rng):
    plane = dense_module.luma(make_pair().base.picture)
    ones = np.ones_like(plane)
    assert misfit(plane, plane, ones, 35.0) < 1e-6
    assert misfit(plane, 0.8 * plane + 0.1, ones, 35.0) < 1e-3
    noise = cv2.GaussianBlur(rng.random(plane.shape).astype(np.float32), (0, 0), 3)
    noise = (noise - noise.mean()) / noise.std() * plane.std()
    assert misfit(plane, noise, ones, 35.0) > 0.7
