"""Which frames take part."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharpening.errors import InputError
from sharpening.restore.window import choose_middle, neighbours


def test_few_frames_take_the_one_in_their_middle() -> None:
    assert choose_middle([3, 4, 9], 7, {3: 9.0}, wanted=None, where="x")[0] == 4
    assert choose_middle([5], 7, {}, wanted=None, where="x")[0] == 5


def test_many_frames_take_the_sharpest_with_neighbours_on_both_sides() -> None:
    details = {i: float(i == 4) for i in range(10)} | {0: 99.0, 9: 99.0}
    middle, why = choose_middle(list(range(10)), 5, details, wanted=None, where="x")
    assert middle == 4
    assert "detail" in why


def test_equal_detail_takes_the_centre() -> None:
    assert choose_middle(list(range(11)), 3, dict.fromkeys(range(11), 1.0), wanted=None, where="x")[0] == 5


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
