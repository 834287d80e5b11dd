"""Which pictures lie in a folder, and which of them is the label."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharpening.errors import InputError
from sharpening.frames.listing import is_label_name, list_pictures, natural_order, picture_folders, sequence_roles, stills


def relative(paths, root) -> list[str]:
    return [path.relative_to(root).as_posix() for path in paths]


def test_natural_order_counts_like_a_person():
    names = ["f10.png", "f9.png", "F1.png", "f01b.png", "a/f2.png", "a10/f1.png", "a9/f1.png"]
    got = [path.as_posix() for path in natural_order(names)]
    assert got == ["a/f2.png", "a9/f1.png", "a10/f1.png", "F1.png", "f01b.png", "f9.png", "f10.png"]


@given(st.lists(st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1), max_size=12))
def test_natural_order_takes_any_names_and_forgets_how_they_came(names):
    assert natural_order(names) == natural_order(reversed(names))


def test_pictures_of_one_folder_only_by_suffix_and_not_hidden(plant):
    root = plant("f10.PNG", "f2.jpg", "._f1.png", "notes.txt", "film.mp4", "deep/f0.png", "f1.webp")
    assert relative(list_pictures(root), root) == ["f1.webp", "f2.jpg", "f10.PNG"]


def test_an_empty_folder_says_what_is_looked_for(plant):
    root = plant("notes.txt")
    with pytest.raises(InputError, match=r"\.png, \.jpg.*\.webp"):
        list_pictures(root)
    with pytest.raises(InputError, match=r"at any depth.*\.png"):
        stills(root)
    with pytest.raises(InputError, match="folder seq in it does"):
        list_pictures(plant("seq/0.png"))


def test_absent_and_file(plant):
    root = plant("a.png")
    with pytest.raises(InputError, match="no such folder"):
        list_pictures(root / "absent")
    with pytest.raises(InputError, match="is a file, not a folder"):
        stills(root / "a.png")


def test_stills_at_any_depth(plant):
    root = plant("b/2.png", "b/10.png", "a.jpg", ".cache/c.png", "d/e/f.webp", "d/x.csv")
    assert relative(stills(root), root) == ["a.jpg", "b/2.png", "b/10.png", "d/e/f.webp"]
    assert relative(picture_folders(root), root) == [".", "b", "d/e"]


@pytest.mark.parametrize(
    "name", ["label.png", "Labels", "LABEL_0.png", "gt.png", "gt-128.png", "target.jpg", "hr_256.png", "HR256.png"]
)
def test_names_of_labels(name):
    assert is_label_name(name)


@pytest.mark.parametrize("name", ["0.png", "frame_0.png", "gtx.png", "hrad.png", "targeted.png", "sharpened.png", "my_label.png"])
def test_names_of_others(name):
    assert not is_label_name(name)


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["0.png", "1.png", "label.png"], ["label.png"]),
        (["0.png", "1.png", "gt/0.png"], ["gt/0.png"]),
        (["frames/0.png", "frames/1.png", "label/any.png"], ["label/any.png"]),
        (["LR/0.png", "LR/1.png", "HR_128.png"], ["HR_128.png"]),
        (["0.png", "1.png"], []),
        (["hr_0.png", "hr_1.png"], []),
        (["0.png", "1.png", "other/label.png"], []),
    ],
)
def test_roles(plant, names, labels):
    root = plant(*names)
    got = sequence_roles(root)
    assert relative(got.labels, root) == labels
    assert len(got.frames) == 2
