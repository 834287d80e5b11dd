"""Who is in a film: which frames are looked at, and what is said of stretches that show another person."""

from __future__ import annotations

import numpy as np

from sharpening.models.face_id.judge import SAME_PERSON_DISTANCE
from sharpening.restore import Restorer, film, film_people, restore_film
from sharpening.restore.agreement import Agreement
from sharpening.restore.film_path import FacePath
from sharpening.restore.film_people import EACH, LIMIT, MOST, PeopleWatch, watched
from sharpening.restore.same_person import same_person
from tests.restore_helpers import FakeJudge, scene


def path_of(*runs: int) -> FacePath:
    return FacePath(np.tile([16.0, 16, 32], (len(runs), 1)), ("found",) * len(runs), np.array(runs))


def looked(people: str, path: FacePath, judge: object = None) -> film_people.FilmPeople:
    watch = PeopleWatch(path, judge or FakeJudge(), 128)  # type: ignore[arg-type]
    for at, frame in enumerate(scene(people)):
        watch.look(at, frame)
    return watch.people()


def test_some_frames_of_each_stretch_are_looked_at() -> None:
    assert watched(path_of(*[0] * 4, -1, *[1] * 9, 2)) == [6, 9, 12, 0, 2, 3, 14]
    assert len(watched(path_of(*[0] * 2000))) == 20
    many = watched(path_of(*np.repeat(np.arange(50), 5)))
    assert len(many) == len(set(many)) == 50 * EACH


def looks(*lengths: int) -> list[int]:
    """How many frames of each stretch are looked at."""
    path = path_of(*np.repeat(np.arange(len(lengths)), lengths))
    return np.bincount(path.runs[watched(path)], minlength=len(lengths)).tolist()


def test_no_stretch_takes_the_looks_of_another() -> None:
    assert looks(2000, 6000, 1000) == [20, 30, 10]
    assert looks(100, 9000, 2) == [3, MOST - 5, 2]
    assert looks(*[100] * 30) == [EACH] * 30
    assert looks(*[5] * 100, 7) == [*[2] * 48, *[1] * 52, 2]
    assert looks(*[4] * LIMIT, 2, 2) == [*[1] * LIMIT, 0, 0]


def test_stretches_of_which_nothing_is_known_are_named(restore, tmp_path, monkeypatch) -> None:
    assert looked("aaaa--aa", path_of(0, 0, 0, 0, 1, 1, 2, 2)).unchecked == ((4, 5),)
    monkeypatch.setattr(film_people, "LIMIT", 1)
    assert looked("aaabba", path_of(0, 0, 0, 1, 1, 2)).unchecked == ((3, 4), (5, 5))
    monkeypatch.setattr(film_people.PeopleWatch, "_unchecked", lambda *_: ((1, 2), (3, 3)))
    done = restore_film(restore(), scene("aaaa"), tmp_path / "a.mp4", start=0)
    assert done.report["people"]["stretches_not_checked"] == [[1, 2], [3, 3]]
    assert any("frames 1 to 2, 3 was not checked" in words for words in done.warnings)


def test_an_outlier_in_the_longest_stretch_is_not_its_person(monkeypatch) -> None:
    monkeypatch.setattr(film_people, "EACH", 9)
    found = looked("baaaaaaaa", path_of(*[0] * 9))
    assert found.strangers == (0,)
    assert not found.unsure
    # Neither where the others are seen more often elsewhere; but then it is said.
    found = looked("baaabbbbb", path_of(*[0] * 4, *[1] * 3, *[2] * 2))
    assert found.strangers == (0, 4, 5, 6, 7, 8)
    assert found.unsure


def test_stretch_of_another_person_is_named() -> None:
    found = looked("aaaaabbbbaaaa", path_of(*[0] * 5, *[1] * 4, *[2] * 4))
    assert found.stretches == ((5, 8),)
    assert found.strangers == (5, 7, 8)
    assert found.n_described == 3 * EACH
    assert not looked("aaaaaaaaaaaaa", path_of(*[0] * 5, *[1] * 4, *[2] * 4)).strangers


def test_the_person_is_that_of_the_longest_stretch_with_a_face() -> None:
    assert looked("-----bbbbaaa", path_of(*[0] * 5, *[1] * 4, *[2] * 3)).stretches == ((9, 11),)
    assert "no face" in looked("-----", path_of(*[0] * 5)).problem


def test_frame_alone_is_named_where_its_stretch_shows_the_right_person_too(monkeypatch) -> None:
    monkeypatch.setattr(film_people, "EACH", 9)
    assert looked("aaaabaaaa", path_of(*[0] * 9)).stretches == ((4, 4),)


def test_what_was_not_checked_is_said() -> None:
    assert "left out" in PeopleWatch(path_of(0, 0), None, 128).people().problem
    assert "measured with" in looked("aa", path_of(0, 0), FakeJudge("another net")).problem


def test_film_is_restored_and_its_strangers_are_told(restore, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(film_people, "EACH", 12)
    done = restore_film(restore(), scene("aaaaaaaabbba"), tmp_path / "a.mp4")
    people = done.report["people"]
    assert people["checked"]
    assert people["frames_of_another_person"] == [8, 9, 10]
    assert any("8, 9, 10" in words and "another person" in words.lower() for words in done.warnings)
    assert done.report["frames"]["restored"] == 12


def test_film_of_one_person_has_no_such_warning(restore, tmp_path) -> None:
    assert not any("person than" in words for words in restore_film(restore(), scene("aaaa"), tmp_path / "a.mp4").warnings)


def test_the_film_is_judged_by_the_measured_table(restore, tmp_path, monkeypatch) -> None:
    identity = restore_film(restore(), scene("aaaaaaa"), tmp_path / "a.mp4").report["identity_agreement"]
    reading = same_person().read(identity["median_distance_to_mean_of_frames"], 7)
    assert identity["measured"]
    assert identity["same_person_below"] == round(reading.border, 4) != SAME_PERSON_DISTANCE
    assert identity["reading"] == reading.verdict == "alike"
    assert {row["reading"] for row in identity["frames"]} == {"alike"}
    # Below dlib's 0.6 for any two photographs, and above the border for the means of seven frames.
    far = Agreement(distance=0.59, to_person=0.595, frame_distances=(0.59,) * 7, reading=reading)
    monkeypatch.setattr(film, "measure", lambda *_, **__: far)
    done = restore_film(restore(), scene("aaaaaaa"), tmp_path / "a.mp4")
    assert done.report["identity_agreement"]["reading"] in ("unsure", "unlike")
    assert "identity agreement" in done.warnings[0]
    assert "median of 5 restored frame(s)" in done.warnings[0]


def test_the_table_says_nothing_of_other_weights(quiet, tmp_path) -> None:
    done = restore_film(Restorer(quiet.trained, judge=FakeJudge()), scene("aaaa"), tmp_path / "a.mp4")
    identity = done.report["identity_agreement"]
    assert (identity["reading"], identity["same_person_below"]) == (None, SAME_PERSON_DISTANCE)
    assert "not measured with results of these weights" in identity["reading_words"]
