"""The HeadPose set, on a made folder of its documented form."""

from __future__ import annotations

import numpy as np
import pytest

from sharpening.errors import InputError
from sharpening.frames.head_pose import FaceBox, HeadPose, parse_shot
from sharpening.imaging.files import write_picture

TILTS = (-60, -30, -15, 0, 15, 30, 60)
PANS = tuple(range(-90, 91, 15))


def plant(root, person=1, series=1, word="person", notes=True, directions=None):
    """One series: 93 directions in the documented order, or only those given."""
    every = [(-90, 0), *((tilt, pan) for tilt in TILTS for pan in PANS), (90, 0)]
    for number, (tilt, pan) in enumerate(every):
        if directions is not None and (tilt, pan) not in directions:
            continue
        name = f"{word}{person:02d}{series}{number:02d}{tilt:+d}{pan:+d}"
        path = root / f"Person{person:02d}" / f"{name}.jpg"
        write_picture(path, np.full((36, 48, 3), 100, np.uint8))
        if notes:
            path.with_suffix(".txt").write_text(f"{name}.jpg\n\nFace\n{20 + number}\n{18}\n{9}\n{12}\n")
    return root


FEW = ((0, 0), (0, 15), (15, 0), (0, 90), (-60, 90))


def test_a_whole_series_is_read(tmp_path):
    data = HeadPose(plant(tmp_path))
    assert len(data) == 93
    assert [shot.number for shot in data] == list(range(93))
    assert (data[0].tilt, data[0].pan) == (-90, 0)
    assert (data[92].tilt, data[92].pan) == (90, 0)
    assert {(shot.tilt, shot.pan) for shot in data[1:92]} == {(tilt, pan) for tilt in TILTS for pan in PANS}
    assert data[46].box == FaceBox(66, 18, 9, 12)
    assert data[5].read().shape == (36, 48, 3)
    assert "93 pictures of 1 persons" in repr(data)


def test_persons_and_series_are_told_apart(tmp_path):
    for person, series in ((2, 2), (1, 1), (1, 2)):
        plant(tmp_path, person, series, directions=FEW)
    data = HeadPose(tmp_path)
    assert [(s.person, s.series) for s in data[::5]] == [(1, 1), (1, 2), (2, 2)]
    assert {person: len(shots) for person, shots in data.by_person().items()} == {1: 10, 2: 5}
    assert len(HeadPose(tmp_path, persons=[1], series=2)) == 5
    assert len(HeadPose(tmp_path, most_pan=30, most_tilt=10)) == 6
    with pytest.raises(InputError, match="none of its 15 pictures"):
        HeadPose(tmp_path, persons=[7])


def test_pairs_stay_within_person_and_series(tmp_path):
    plant(tmp_path, 1, 1, directions=FEW)
    plant(tmp_path, 1, 2, directions=FEW)
    pairs = list(HeadPose(tmp_path).pairs())
    assert len(pairs) == 2 * 5 * 4
    assert all(a.series == b.series and a is not b for a, b in pairs)
    near = [(a.tilt, a.pan, b.tilt, b.pan) for a, b in HeadPose(tmp_path, series=1).pairs(most_angle=16)]
    assert sorted(near) == sorted([(0, 0, 0, 15), (0, 15, 0, 0), (0, 0, 15, 0), (15, 0, 0, 0)])


def test_angles_between_directions():
    front, right, down = (parse_shot(f"person01100{tail}.jpg") for tail in ("+0+0", "+0+90", "-60+0"))
    assert front.angle_to(front) == pytest.approx(0, abs=1e-5)
    assert front.angle_to(right) == pytest.approx(90)
    assert front.angle_to(down) == pytest.approx(60)
    assert parse_shot("person01100-60+90.jpg").angle_to(down) == pytest.approx(np.degrees(np.arccos(0.75)))


def test_the_french_word_and_no_annotation(tmp_path):
    shot = HeadPose(plant(tmp_path, 15, 2, word="Personne", notes=False, directions=FEW))[0]
    assert (shot.person, shot.series, shot.box) == (15, 2, None)


WRONG = ("face.jpg", "person1146-60+90.jpg", "person01146-60.jpg", "person0114660+90.jpg", "person01146-60+90b.jpg")


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_name_says_what_was_wanted(tmp_path, name):
    plant(tmp_path, directions=FEW)
    write_picture(tmp_path / name, np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(InputError, match=r"person01146-60\+90.jpg: two digits of the person"):
        HeadPose(tmp_path)
    assert len(HeadPose(tmp_path, others=True)) == 5


@pytest.mark.parametrize(("name", "words"), [("person01346-60+90.jpg", "series 3"), ("person01146-95+90.jpg", "-95 and 90")])
def test_impossible_numbers(name, words):
    with pytest.raises(InputError, match=words):
        parse_shot(name)


@pytest.mark.parametrize("notes", ["", "person01146-60+90.jpg\n\nFace\n10\n12\n", "Face\n1\n2\n0\n5\n"])
def test_a_broken_annotation(tmp_path, notes):
    path = tmp_path / "person01146-60+90.jpg"
    path.with_suffix(".txt").write_text(notes)
    with pytest.raises(InputError, match="where the face is"):
        parse_shot(path)


def test_annotations_in_one_line_and_with_other_words(tmp_path):
    path = tmp_path / "person01146-60+90.jpg"
    path.with_suffix(".txt").write_text("person01146-60+90.jpg\r\nFace 154 116.5\r\n53 84\r\n")
    assert parse_shot(path).box == FaceBox(154, 116.5, 53, 84)


def test_no_pictures(tmp_path):
    with pytest.raises(InputError):
        HeadPose(tmp_path)
