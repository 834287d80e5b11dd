"""Which frames take part."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharpening.errors import InputError
from sharpening.restore.window import choose_middle, merits, neighbours


def test_few_frames_take_the_one_in_their_middle() -> None:
    assert choose_middle([3, 4, 9], 7, {}, wanted=None, where="x")[0] == 4
    assert choose_middle([5], 7, {}, wanted=None, where="x")[0] == 5


def thumbnails(n: int, rng: np.random.Generator, *, sharp: int) -> dict[int, np.ndarray]:
    """The same pattern n times, blurred in all frames but one."""
    pattern = cv2.resize(rng.integers(0, 256, (10, 10), dtype=np.uint8), (32, 32), interpolation=cv2.INTER_LINEAR)
    blurred = cv2.GaussianBlur(pattern, (0, 0), 1.5)
    return {i: pattern if i == sharp else blurred for i in range(n)}


def test_many_frames_take_the_sharpest_with_neighbours_on_both_sides(rng) -> None:
    small = thumbnails(10, rng, sharp=4)
    small[0] = small[9] = rng.integers(0, 256, (32, 32), dtype=np.uint8)
    middle, why = choose_middle(list(range(10)), 5, small, wanted=None, where="x")
    assert middle == 4
    assert "sharpest" in why


def test_sharp_rubbish_is_not_the_middle(rng) -> None:
    small = thumbnails(9, rng, sharp=3)
    small[5] = rng.integers(0, 256, (32, 32), dtype=np.uint8)
    small[4] = small[4].copy()
    small[4][8:20, 6:18] = 255
    merit = merits(small)
    assert merit[5] == merit[4] == 0
    assert choose_middle(list(range(9)), 3, small, wanted=None, where="x")[0] == 3


def blurred_at(picture: np.ndarray, x: float, y: float, radius: float = 0.13) -> np.ndarray:
    """Blurred round one place, given in shares of the side."""
    side = len(picture)
    grid = (np.arange(side) + 0.5) / side
    mask = ((grid[None] - x) ** 2 + (grid[:, None] - y) ** 2 < radius**2)[..., None]
    return np.where(mask, cv2.GaussianBlur(picture, (0, 0), 0.06 * side), picture)


@pytest.mark.parametrize(
    ("part", "blur"),
    [(((0.39, 0.46), (0.61, 0.46)), 1.2), (((0.39, 0.46),), 0.6), (((0.5, 0.7),), 0.6)],
    ids=["eyes", "eye", "mouth"],
)
def test_a_ruined_part_counts_more_than_a_little_sharpness(made_face, rng, part, blur) -> None:
    """A film of a drawn face: in most frames a part cannot be seen, and those are the sharper ones elsewhere.

    Sharpness and agreement of the whole alone are right in about 4, 5 and 1 of the 8.
    """
    right = 0
    for _ in range(8):
        face, small = made_face(128, rng), {}
        whole = set(rng.choice(9, 3, replace=False).tolist())
        for i in range(9):
            shift = np.float32([[1, 0, rng.uniform(-4, 4)], [0, 1, rng.uniform(-4, 4)]])
            frame = cv2.warpAffine(face, shift, (128, 128), borderMode=cv2.BORDER_REFLECT_101)
            if i in whole:
                frame = cv2.GaussianBlur(frame, (0, 0), blur)
            else:
                for x, y in part:
                    frame = blurred_at(frame, x + shift[0, 2] / 128, y + shift[1, 2] / 128)
            small[i] = cv2.cvtColor(cv2.resize(frame, (32, 32), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        merit = merits(small)
        right += max(merit, key=lambda i: merit[i]) in whole
    assert right >= 7  # by chance 2.7


def test_one_frame_and_none_and_flat_ones() -> None:
    assert merits({}) == {}
    flat = np.full((32, 32), 90, np.uint8)
    assert merits({4: flat}) == {4: 0.0}
    assert np.isfinite(list(merits(dict.fromkeys(range(5), flat)).values())).all()


def test_contrast_does_not_count(rng) -> None:
    small = thumbnails(3, rng, sharp=1)
    merit = merits(small | {1: (small[1] * 0.5 + 60).astype(np.uint8)})
    assert merit[1] == pytest.approx(merits(small)[1], rel=0.1)
    assert merit[1] > merit[0]


def test_equal_merit_takes_the_centre(rng) -> None:
    assert choose_middle(list(range(11)), 3, thumbnails(11, rng, sharp=-1), wanted=None, where="x")[0] == 5


def test_wanted_middle_wins_or_is_refused() -> None:
    assert choose_middle([1, 2, 3], 7, {}, wanted=3, where="x") == (3, "chosen by the user")
    with pytest.raises(InputError, match="nearest that can is frame 3"):
        choose_middle([1, 2, 3], 7, {}, wanted=8, where="x")


@given(st.sets(st.integers(0, 200), min_size=1, max_size=40), st.integers(1, 9), st.data())
def test_neighbours_are_the_nearest_and_the_middle_is_in_the_middle(numbers: set[int], n: int, data: st.DataObject) -> None:
    usable = sorted(numbers)
    middle = data.draw(st.sampled_from(usable))
    window = neighbours(usable, middle, n)
    assert len(window) == len(set(window)) == min(n, len(usable))
    assert window[len(window) // 2] == middle
    others = [i for i in window if i != middle]
    assert others == sorted(others)
    left_out = set(usable) - set(window)
    assert not left_out or min(abs(i - middle) for i in left_out) >= max((abs(i - middle) for i in others), default=0)
