"""Words for parts of a face."""

import pytest

from sharpening.errors import RangeError
from sharpening.models.face_seg import GROUPS, PARTS, part_names
from sharpening.models.face_seg.margins import MARGINS
from sharpening.models.face_seg.parts import SMALL_PARTS


def test_groups_hold_parts_and_cover_them():
    assert set().union(*GROUPS.values()) | {"hair", "nose", "mouth"} == set(PARTS)
    assert set(GROUPS["face"]) == set(PARTS) - {"hair"}
    assert set(SMALL_PARTS).isdisjoint(GROUPS["skin"])
    assert set(MARGINS) == set(PARTS)


@pytest.mark.parametrize(
    ("word", "parts"),
    [("nose", ("nose",)), ("brows", ("left_brow", "right_brow")), (" Right eye", ("right_eye",)), ("LEFT-CHEEK", ("left_cheek",))],
)
def test_words(word, parts):
    assert part_names(word) == parts


def test_unknown_words_name_the_nearest():
    with pytest.raises(RangeError, match="Did you mean eyes"):
        part_names("eyse")
    with pytest.raises(RangeError, match="one of eyes, brows, skin"):
        part_names("zzz")
