"""Parts of a face that move by themselves are told from motion, coding and noise, which change all parts alike."""

import numpy as np
import pytest

from sharpening.frames.face_places import TYPICAL_FACE
from sharpening.restore.expression import LIVELY, liveliness, lively_words
from sharpening.restore.regions import regions_of

MASKS = regions_of(TYPICAL_FACE, (128, 128))


@pytest.fixture
def frames(rng) -> np.ndarray:
    """Seven frames of one face, `[7, 128, 128]`, that differ by noise alone."""
    return (0.5 + 0.03 * rng.standard_normal((7, 128, 128))).astype(np.float32)


def changed(frames: np.ndarray, part: str, which: list[int], by: float = 0.2) -> np.ndarray:
    frames = frames.copy()
    for i in which:
        frames[i][MASKS[part]] += by
    return frames


def test_noise_is_no_expression(frames):
    found = liveliness(frames, 3, MASKS)
    assert set(found) == set(LIVELY)
    assert all(0.8 < value < 1.2 for value in found.values())
    assert lively_words(found) == []


@pytest.mark.parametrize("part", sorted(LIVELY))
def test_a_part_that_moves_is_named(frames, part):
    found = liveliness(changed(frames, part, [0, 1, 2, 4, 5]), 3, MASKS)
    assert [name for name, value in found.items() if value > LIVELY[name]] == [part]
    (words,) = lively_words(found)
    assert f"the {part} changes" in words


def test_one_odd_frame_is_not_enough(frames):
    assert lively_words(liveliness(changed(frames, "mouth", [0]), 3, MASKS)) == []


def test_a_change_of_everything_is_no_expression(frames):
    brighter = frames.copy()
    brighter[[0, 1, 2]] += 0.2
    assert lively_words(liveliness(brighter, 3, MASKS)) == []


def test_a_change_of_light_hides_no_expression(frames):
    talking = changed(frames, "mouth", [0, 1, 2, 4, 5], by=0.1)
    talking[3] += 0.08
    (words,) = lively_words(liveliness(talking, 3, MASKS))
    assert "the mouth changes" in words


def test_several_parts_are_named_together(frames):
    both = changed(changed(frames, "mouth", [0, 1, 2, 4]), "left eye", [0, 1, 2, 4])
    (words,) = lively_words(liveliness(both, 3, MASKS))
    assert "the mouth and the left eye change" in words


def test_nothing_is_said_of_one_frame_or_of_no_face(frames):
    assert liveliness(frames[:1], 0, MASKS) == {}
    assert liveliness(changed(frames[:3], "mouth", [0]), 1, MASKS) == {}  # of two others one odd one is the median
    assert liveliness(frames, 3, regions_of(None, (128, 128))) == {}
