"""Damage on the parts of a face: where it lies, and how it is dealt to the frames."""

import numpy as np
import pytest

from sharpening.frames.degrade import DegradeParams, apply, draw, region_mask, settings
from sharpening.frames.face_places import AREAS, JITTER, PART_BOXES, TYPICAL_FACE, FacePlace, part_mask

FACES = {
    "upright": FacePlace((0.6, 0.4), (0.4, 0.4)),
    "tilted": FacePlace((0.58, 0.5), (0.42, 0.38)),
    "moved": FacePlace((0.9, 0.3), (0.7, 0.33)),
}


def drawn(seed: int) -> DegradeParams:
    return draw(np.random.default_rng(seed), settings("sections"))


def test_places_are_given_in_the_face_s_own_axes():
    upright, tilted = FACES["upright"], FACES["tilted"]
    for face in FACES.values():
        np.testing.assert_allclose([face.at(0.5, 0), face.at(-0.5, 0)], [face.left_eye, face.right_eye], atol=1e-12)
    np.testing.assert_allclose(upright.at(0, 1), (0.5, 0.6), atol=1e-12)  # an eye distance of 0.2 below the eyes
    across = np.subtract(tilted.left_eye, tilted.right_eye)
    down = np.subtract(tilted.at(0, 1), tilted.at(0, 0))
    assert across @ down == pytest.approx(0, abs=1e-12)
    assert np.linalg.norm(down) == pytest.approx(np.linalg.norm(across))
    assert down[1] > 0


def test_motion_takes_the_face_along():
    quarter = np.array([[0, -1, 0.2], [1, 0, 0]])  # of the points, in -1 … 1
    moved = FacePlace((0.75, 0.5), (0.25, 0.5)).moved(quarter)
    np.testing.assert_allclose([moved.left_eye, moved.right_eye], [(0.6, 0.75), (0.6, 0.25)], atol=1e-12)


@pytest.mark.parametrize("face", FACES.values(), ids=FACES)
def test_part_masks_lie_where_the_places_say(face):
    size = 1024
    for part, (x, y, half_width, half_height) in PART_BOXES.items():
        found = part_mask(part, face, size)
        inside = [face.at(x + a * half_width, y + b * half_height) for a in (-0.9, 0, 0.9) for b in (-0.9, 0, 0.9)]
        outside = [face.at(x + a * half_width, y + b * half_height) for a, b in ((-1.2, 0), (1.2, 0), (0, -1.3), (0, 1.3))]
        for points, wanted in ((inside, True), (outside, False)):
            for px, py in points:
                if 0 <= px < 1 and 0 <= py < 1:
                    assert found[int(py * size), int(px * size)] == wanted, part


def test_the_middle_has_three_parts_and_each_other_frame_one():
    for seed in range(30):
        parts = [[region.part for region in frame.regions] for frame in drawn(seed).frames]
        assert [len(each) for each in parts] == [1, 1, 1, 3, 1, 1, 1]
        assert len(set(parts[3])) == 3
        others = [each[0] for i, each in enumerate(parts) if i != 3]
        # Six areas for four parts: none is damaged in more than two of the frames that could be its source.
        assert max(others.count(part) for part in AREAS) <= 2


def test_areas_lie_on_their_parts_with_the_promised_size_and_strength():
    regions = [region for seed in range(30) for frame in drawn(seed).frames for region in frame.regions]
    how = settings("sections")
    misses = np.array([np.subtract((r.x, r.y), TYPICAL_FACE.at(*AREAS[r.part])) for r in regions])
    assert np.abs(misses).max() <= JITTER + 1e-12
    assert np.abs(misses).max() > JITTER / 2
    assert {r.part for r in regions} == set(AREAS)
    for values, (low, high) in (([r.size for r in regions], how.region_size), ([r.strength for r in regions], how.region_blur)):
        assert low <= min(values) < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < max(values) <= high


def test_areas_are_blurred_strongly_and_nothing_else_is(rng):
    still = rng.integers(0, 256, (160, 160, 3), dtype=np.uint8)
    params = drawn(0)
    middle = params.frames[3]
    made = apply(still, params)
    plain = apply(still, DegradeParams.from_json(params.to_json().replace('"blur", "x"', '"kept", "x"')))
    area = np.zeros((128, 128), bool)
    for region in middle.regions:
        area |= region_mask(region, 128)
    inside = area.reshape(32, 4, 32, 4).mean((1, 3))
    wholly, outside = made.frames[3][inside == 1].astype(float), made.frames[3][inside == 0]
    assert wholly.std() < 0.6 * outside.std()  # JPEG gives it a little noise of its own
    far = np.abs(made.frames[3].astype(int) - plain.frames[3])[inside == 0]
    assert np.median(far) <= 12  # JPEG spreads a little of it inside its blocks
    np.testing.assert_array_equal(made.label, plain.label)


def test_parameters_survive_json_and_other_presets_draw_as_before():
    params = drawn(1)
    assert DegradeParams.from_json(params.to_json()) == params
    assert not any(
        region.part for frame in draw(np.random.default_rng(0), settings("damaged-middle")).frames for region in frame.regions
    )
