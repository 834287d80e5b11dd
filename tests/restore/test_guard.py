"""Frames of another person are found, named, left out and replaced; a distance is read by the measured table."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from sharpening.errors import InputError, RangeError
from sharpening.restore import Restorer
from sharpening.restore.agreement import Agreement, measure
from sharpening.restore.guard import find_strangers, sort_people, watch
from sharpening.restore.report import identity_warnings
from sharpening.restore.same_person import TABLE, Apart, load_table, same_person
from sharpening.weights.card import load_card
from sharpening.weights.names import true_name
from tests.restore_helpers import FakeJudge, crops, descriptors, scene

APART = Apart(noise=0.1, person=0.2, most=0.25)


@pytest.mark.parametrize(
    ("people", "middle", "strangers"),
    [
        ("aaaaaaa", 3, ()),
        ("abaaaaa", 3, (1,)),
        ("abaabaa", 3, (1, 4)),
        ("abbabaa", 3, (1, 2, 4)),  # two people 4:3
        ("bbbaaba", 3, (0, 1, 2, 5)),  # 3:4, but the middle is one of the three
        ("bcadaea", 4, (0, 1, 3, 5)),  # everybody else
        ("abaaaa-", 3, (1,)),
        ("a--a--a", 3, ()),
        ("abb-bba", 3, ()),  # nothing is known of the middle: it may be either of them
        ("-------", 3, ()),
        ("a", 0, ()),
        ("-", 0, ()),
        ("aa", 1, ()),
        ("ba", 1, (0,)),
        ("b-", 1, ()),
    ],
)
def test_strangers_are_found(people, middle, strangers) -> None:
    assert find_strangers(descriptors(people), middle, APART) == strangers
    assert find_strangers(torch.from_numpy(descriptors(people)).float(), middle, APART) == strangers


def test_order_of_the_frames_does_not_matter(rng) -> None:
    people = "abaacab-a"
    rows = descriptors(people, spread=0.3)
    for _ in range(5):
        order = rng.permutation(len(people))
        found = find_strangers(rows[order], int(np.flatnonzero(order == 0)[0]), APART)
        assert sorted(order[list(found)]) == [1, 4, 6]


def test_middle_that_is_a_stranger_itself_stays_and_is_told() -> None:
    people = sort_people(descriptors("bbbabbb"), 3, APART)
    assert people.strangers == (0, 1, 2, 4, 5, 6)
    assert people.minority
    assert not people.unsure


def test_of_a_middle_without_a_face_nothing_is_sure() -> None:
    assert sort_people(descriptors("abb-bbb"), 3, APART).unsure
    assert not sort_people(descriptors("bbb-bbb"), 3, APART).unsure


def test_most_frames_are_left_out_only_where_it_is_sure() -> None:
    rows = descriptors("bbbabbb", far=0.6, spread=0.0)  # 0.36 − 0.1 · (1 + 1/6) = 0.243: between the limits
    people = sort_people(rows, 3, APART)
    assert people.strangers == ()
    assert people.unsure
    assert sort_people(rows, 0, APART).strangers == (3,)  # the same frame, when another one is the middle


def test_limit_allows_for_the_noise_of_few_frames() -> None:
    rows = descriptors("aaaaaab", far=0.6, spread=0.0)
    assert find_strangers(rows, 3, APART) == (6,)
    # As far away, but one frame against one has twice as much noise: 0.36 − 0.2 is below the limit.
    assert find_strangers(rows[[0, 6]], 0, Apart(0.1, 0.2, 0.2)) == ()


def test_strangers_stay_strangers_when_more_of_them_are_seen() -> None:
    few, many = descriptors("aaaabbb", far=0.515), descriptors("aaaabbbbbb", far=0.515)
    assert sort_people(few, 0, APART).strangers == (4, 5, 6)
    assert sort_people(many, 0, APART).strangers == ()  # too many to be left out on so little
    assert sort_people(many, 0, APART, known=(4, 5, 6)).strangers == tuple(range(4, 10))


def test_distances_are_those_to_the_others_of_the_person() -> None:
    rows = descriptors("aba-a", spread=0.2)
    people = sort_people(rows, 2, APART)
    assert people.distances[1] == pytest.approx(np.linalg.norm(rows[1] - rows[[0, 2, 4]].mean(axis=0)))
    assert people.distances[0] == pytest.approx(np.linalg.norm(rows[0] - rows[[2, 4]].mean(axis=0)))
    assert people.distances[3] is None


def test_reading_is_monotone_and_has_words() -> None:
    table = same_person()
    for n in (1, 2, 3, 5, 7, 30):
        readings = [table.read(float(distance), n) for distance in np.linspace(0, 1.5, 151)]
        for before, after in pairwise(readings):
            assert after.probability <= before.probability
            assert after.false_accept >= before.false_accept
            assert after.false_reject <= before.false_reject
        assert [readings[30].verdict, readings[80].verdict] == ["alike", "unlike"]
        assert {"alike", "unsure", "unlike"} == {reading.verdict for reading in readings}
    near, far = table.read(0.3), table.read(0.62)
    assert "fewer than 1 of" in near.words
    assert f"1 of {round(1 / far.false_accept)} cases" in far.words
    assert "somebody else" in far.words
    assert near.facts()["calibrated_on"]
    assert table.read(near.border).probability == pytest.approx(0.5)
    assert table.read(0.55, 1).probability > table.read(0.55, 7).probability  # one frame is a poorer likeness


@pytest.mark.parametrize("distance", [-0.1, float("nan")])
def test_no_distance_is_no_reading(distance) -> None:
    with pytest.raises(RangeError, match="distance"):
        same_person().read(distance)


def _put(place: str, value: object) -> Callable[[dict], None]:
    return lambda facts: facts.__setitem__(place, value)


def _column(place: str, value: object) -> Callable[[dict], None]:
    return lambda facts: facts["same_person"][0][place].__setitem__(-1, value)


SPOILED: dict[str, Callable[[dict], object]] = {
    "another version": _put("version", 2),
    "no columns": _put("same_person", []),
    "no judge": lambda facts: facts.pop("judge"),
    "no noise": lambda facts: facts["frames"].pop("noise"),
    "limits the wrong way round": lambda facts: facts["frames"].update(most=facts["frames"]["person"] / 2),
    "columns in another order": lambda facts: facts["same_person"].reverse(),
    "probability rises": _column("probability", 0.99),
    "a rate above 1": _column("false_accept", 1.5),
    "a word": _column("distances", "near"),
    "no number": _column("distances", float("nan")),
    "a distance twice": lambda facts: facts["same_person"][0]["distances"].__setitem__(1, facts["same_person"][0]["distances"][0]),
    "a short row": lambda facts: facts["same_person"][0]["false_reject"].pop(),
}


@pytest.mark.parametrize("what", SPOILED)
def test_wrong_table_is_refused(tmp_path, what) -> None:
    facts, path = json.loads(TABLE.read_text()), tmp_path / "table.json"
    SPOILED[what](facts)
    path.write_text(json.dumps(facts))
    with pytest.raises(InputError, match="is no table of the identity guard") as caught:
        load_table(path)
    assert "sharpening guard" in str(caught.value)


@pytest.mark.parametrize("content", [None, "", '{"version": 1', "[]"])
def test_file_that_is_no_table_is_refused(tmp_path, content) -> None:
    path = tmp_path / "table.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match="identity guard"):
        load_table(path)


def used(restored) -> list[int]:
    return [row["index"] for row in restored.report["frames"]["used"]]


def test_strangers_are_replaced_by_the_next_frames(restore) -> None:
    restorer = restore()
    restored = restorer(scene("aaaabaabaaaaa"), middle=6)
    assert used(restored) == [2, 3, 5, 6, 8, 9, 10]
    assert restored.report["frames"]["middle"] == 6
    skipped = {row["index"]: row["why"] for row in restored.report["frames"]["skipped"]}
    assert list(skipped) == [4, 7]
    assert all("another person (distance 0.7" in why for why in skipped.values())
    facts = restored.report["identity_guard"]
    assert facts["left_out"] == [4, 7]
    assert facts["stand_ins"] == [2, 10]
    assert facts["n_described"] == 9
    assert restorer.judge.n == 9 + 1  # every frame once, and the result
    (warning,) = [words for words in restored.warnings if "another person" in words]
    assert "Frame(s) 4, 7 show another person than frame 6" in warning
    assert "2, 10 took their place" in warning
    assert not any("left out; the first" in words for words in restored.warnings)
    json.dumps(restored.report, allow_nan=False)


def test_stand_ins_are_looked_at_too(restore) -> None:
    restored = restore()(scene("abbaaabbaaaaaa"), middle=4)
    assert used(restored) == [0, 3, 5, 4, 8, 9, 10]
    assert restored.report["identity_guard"]["left_out"] == [1, 2, 6, 7]


def test_without_stand_ins_there_are_fewer_frames(restore) -> None:
    restored = restore()(scene("abaa-aa"))
    assert used(restored) == [0, 2, 4, 3, 5, 6]  # the middle stays at n // 2
    assert restored.frames.shape[0] == 6
    assert np.array_equal(restored.frames[3], scene("abaa-aa")[3])
    assert "took their place" not in " ".join(restored.warnings)


def test_strangers_that_were_left_out_change_nothing(restore) -> None:
    with_strangers = restore()(scene("aabaaab"), middle=3)
    alone = restore()(scene("aabaaab")[[0, 1, 3, 4, 5]])
    assert np.array_equal(with_strangers.picture, alone.picture)


def test_strangers_may_be_kept(restore) -> None:
    restored = restore(strangers="keep")(scene("abaaaaa"))
    assert used(restored) == list(range(7))
    assert restored.report["frames"]["skipped"] == []
    assert [row["index"] for row in restored.report["identity_guard"]["strangers"]] == [1]
    (warning,) = [words for words in restored.warnings if "another person" in words]
    assert "Frame(s) 1 show another person than frame 3, the middle, and were kept" in warning
    with pytest.raises(RangeError, match="strangers"):
        restore(strangers="throw")


def test_middle_that_is_a_stranger_is_restored_all_the_same(restore) -> None:
    restored = restore()(scene("bbbabbb"))
    assert used(restored) == [3]
    text = " ".join(restored.warnings)
    assert "More frames show that other person than the one of frame 3" in text
    assert "Only one frame" in text


def test_many_inputs_are_guarded_one_by_one(restore) -> None:
    inputs = [scene("abaaaaa"), scene("aaaaaaa"), scene("aabbaaa")[:3]]
    for each, frames in zip(restore().many(inputs), inputs, strict=True):
        alone = restore()(frames)
        assert used(each) == used(alone)
        np.testing.assert_allclose(each.picture, alone.picture, atol=2e-5)


def test_without_a_judge_nothing_is_checked_and_it_says_so(quiet) -> None:
    restored = quiet(scene("abaaaaa"))
    assert used(restored) == list(range(7))
    assert restored.report["identity_guard"]["checked"] is False
    assert any("not checked: the judge" in words for words in restored.warnings)
    assert restored.report["identity_agreement"]["probability_same_person"] is None


def test_without_any_face_nothing_is_checked_and_it_says_so(restore) -> None:
    guard = restore()(scene("-------")).report["identity_guard"]
    assert not guard["checked"]
    assert "no face was recognised" in guard["problem"]


def test_of_a_middle_without_a_face_it_is_told_that_nobody_knows_whose_it_is(restore) -> None:
    restored = restore()(scene("aaa-aaa"), middle=3)
    assert restored.report["identity_guard"]["middle_without_face"]
    assert any(
        "Whether frame 3, the middle, shows the person of the others could not be told" in words for words in restored.warnings
    )
    assert not restore()(scene("aaaa-aa"), middle=3).report["identity_guard"]["middle_without_face"]


def test_distance_that_nobody_can_read_is_told(quiet) -> None:
    (warning,) = identity_warnings([0], Agreement(0.9, 0.59, 0.59))
    assert "0.59 means was not measured for results that were made like this one" in warning
    (warning,) = identity_warnings([0], Agreement(0.9, 0.7, 0.7))
    assert warning.startswith("Low identity agreement")


def test_limits_of_another_judge_are_not_known(quiet) -> None:
    restored = Restorer(quiet.trained, judge=FakeJudge("another net"))(scene("abaaaaa"))
    assert used(restored) == list(range(7))
    assert "not with another net" in restored.report["identity_guard"]["problem"]
    agreement = restored.report["identity_agreement"]
    assert agreement["measured"]
    assert agreement["probability_same_person"] is None


def test_frames_that_cannot_be_cut_again_are_named_and_kept(quiet) -> None:
    from sharpening.restore.locate import locate
    from sharpening.restore.located import Choice
    from sharpening.restore.source import open_source

    located = replace(locate(open_source(scene("abaaaaa")), Choice(), n=7, size=32), again=None)
    again, guard = watch(located, FakeJudge(), scale=4.0)
    assert again is located
    assert guard.left_out == ()
    assert "were kept" in guard.warnings()[0]


def test_agreement_is_read(restore) -> None:
    agreement = restore()(scene("aaaaaaa")).report["identity_agreement"]
    reading = same_person().read(agreement["distance_to_mean_of_frames"], 7)
    assert agreement["probability_same_person"] == pytest.approx(reading.probability, abs=1e-3)
    assert agreement["false_accept_rate"] == pytest.approx(reading.false_accept, abs=1e-4)
    assert agreement["reading"] == "alike"
    assert agreement["same_person_below"] == pytest.approx(reading.border, abs=1e-3)


def test_low_agreement_is_told_in_plain_words() -> None:
    table = same_person()
    rising = table.columns[-1].probability[::-1], table.columns[-1].distances[::-1]
    for probability, start in ((0.95, None), (0.7, "Unsure identity agreement"), (0.2, "Low identity agreement")):
        distance = float(np.interp(probability, *rising))
        reading = table.read(distance, 7)
        words = identity_warnings([0], Agreement(0.9, distance, distance, reading=reading))
        if start is None:
            assert words == []
            continue
        (warning,) = words
        assert warning.startswith(start)
        assert f"{reading.probability:.0%}" in warning
        assert f"as near in {reading.how_often}" in warning


def test_command_line_hands_the_choice_on(monkeypatch, tmp_path) -> None:
    from sharpening.cli import app

    seen = []

    def from_weights(*args: object, **options: object) -> None:
        seen.append(options["strangers"])
        raise InputError("test", "stops here.")

    monkeypatch.setattr(Restorer, "from_weights", from_weights)
    frames = tmp_path / "frames"
    frames.mkdir()
    from sharpening.imaging.files import write_picture

    write_picture(frames / "0.png", crops(1)[0])
    for options in ([], ["--keep-strangers"]):
        CliRunner().invoke(app, ["restore", str(frames), "--out", str(tmp_path / "x.png"), *options])
    assert seen == ["leave-out", "keep"]


def test_dlib_describes_each_frame_once(restorer, film_frames) -> None:
    restored = restorer(film_frames)
    guard, agreement = restored.report["identity_guard"], restored.report["identity_agreement"]
    assert guard["checked"]
    assert guard["n_described"] == 7
    assert guard["strangers"] == []
    again = measure(restored.picture, list(restored.frames), restorer.judge)
    assert again.to_person == pytest.approx(agreement["distance_to_mean_of_frames"], abs=1e-4)
    assert agreement["reading"] is None  # these weights are not those of the table


def test_table_holds_for_the_results_of_its_weights_alone(quiet) -> None:
    frames, picture = list(scene("aaaaaaa")), np.full((128, 128, 3), 0.5, np.float32)
    table = same_person()
    assert measure(picture, frames, FakeJudge(), weights=table.weights).reading is not None
    for weights in ("another hash", None):
        agreement = measure(picture, frames, FakeJudge(), weights=weights)
        assert agreement.distance is not None
        assert agreement.reading is None
        assert agreement.facts()["reading_words"].startswith("Not known")
    assert measure(picture, frames, FakeJudge("another"), weights=table.weights).reading is None


def test_table_was_measured_with_the_shipped_weights() -> None:
    """New weights shift the distances: `sharpening guard --write` measures them anew."""
    card = load_card(Path(__file__).parents[2] / "pretrained" / f"{true_name('default')}.safetensors")
    assert same_person().weights == card.sha256
