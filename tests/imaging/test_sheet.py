"""Contact sheets."""

from __future__ import annotations

import numpy as np
import pytest

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.sheet import sheet


def contains(whole: np.ndarray, part: np.ndarray) -> bool:
    views = np.lib.stride_tricks.sliding_window_view(whole, part.shape)
    first = (views[..., 0, 0, :] == part[0, 0]).all(-1)
    return any(np.array_equal(views[place[0], place[1], 0], part) for place in np.argwhere(first[:, :, 0]))


def test_small_pictures_show_their_pixels(rng):
    tiny = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert contains(sheet([[tiny]], size=64), tiny.repeat(8, 0).repeat(8, 1))


def test_pictures_of_the_cell_size_are_untouched(made_face):
    face = made_face(64)
    got = sheet([[face, None], [None, face[:, ::-1].copy()]], size=64)
    assert contains(got, face)
    assert contains(got, face[:, ::-1])


def test_large_pictures_are_shrunk_and_keep_their_proportions():
    wide = np.full((100, 400, 3), (10, 200, 30), np.uint8)
    got = sheet([[wide]], size=64)
    green = (got == (10, 200, 30)).all(-1)
    assert green.any(0).sum() == 64
    assert green.any(1).sum() == 16


def test_words_take_room_and_are_drawn(made_face):
    faces = [[made_face(32)] * 3] * 2
    bare = sheet(faces, size=96)
    full = sheet(
        faces,
        size=96,
        titles=["middle", "bicubic → ×4", "a title much too long for its column"],
        row_titles=["Žofie", "two\nlines"],
        captions=[["28.1 dB", "", "two\nlines"], ["", "", ""]],
        heading="seven frames",
    )
    assert full.shape[0] > bare.shape[0]
    assert full.shape[1] > bare.shape[1]
    assert (full[:, :60].max(-1) > 200).any()  # the row titles
    assert (full[:40].max(-1) > 200).any()  # the heading


def test_a_long_title_stays_in_its_column(made_face):
    faces = [[made_face(32), made_face(32)]]
    got = sheet(faces, size=96, titles=["w" * 200, ""])
    gap = got[:30, 16 + 96 : 16 + 96 + 8]
    assert (gap == gap[0, 0]).all()


def test_rows_may_differ_in_length_and_the_result_is_repeatable(made_face):
    rows = [[made_face(32)], [made_face(32)] * 4]
    assert np.array_equal(sheet(rows, titles=list("abcd")), sheet(rows, titles=list("abcd")))


@pytest.mark.parametrize(
    "words",
    [{"titles": ["one"]}, {"row_titles": ["one", "two"]}, {"captions": [["one"]]}, {"captions": [["a", "b"], ["c", "d"]]}],
)
def test_words_must_match_the_pictures(made_face, words):
    with pytest.raises(ShapeError, match="one for each"):
        sheet([[made_face(32)] * 2], **words)


def test_what_cannot_be_drawn(made_face):
    with pytest.raises(ShapeError, match="at least one"):
        sheet([[None]])
    with pytest.raises(ShapeError, match="at least one"):
        sheet([])
    with pytest.raises(ShapeError, match="uint8"):
        sheet([[np.zeros((4, 4, 3), np.float32)]])
    with pytest.raises(RangeError, match="at least 16"):
        sheet([[made_face(32)]], size=8)
