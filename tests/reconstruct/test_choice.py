"""Choices are read, checked and written; what is wrong in them is told."""

from __future__ import annotations

import json

import pytest

from sharpening.errors import InputError, RangeError
from sharpening.reconstruct.choice import Choice, parse_sources, read_choice, write_choice
from sharpening.reconstruct.settings import Settings, check_kept


def test_groups_stand_for_their_parts() -> None:
    assert parse_sources(["eyes=1", "mouth=4"]) == {"left_eye": 1, "right_eye": 1, "mouth": 4}
    assert parse_sources(["nose=base"], base=3) == {"nose": 3}


@pytest.mark.parametrize("word", ["eyes", "eyes=", "eyes=-1", "eyes=one", "ear=2", "nose=base"])
def test_other_words_are_refused(word) -> None:
    with pytest.raises(RangeError):
        parse_sources([word])


def test_what_is_written_is_read_back(tmp_path) -> None:
    mask = {"mouth": str(tmp_path / "m.png")}
    choice = Choice(3, {"mouth": 1, "nose": 3}, "base", mask, found={"nose": 3}, frames=(1, 3, 5), middle=3)
    settings = Settings(clean="bicubic", crossover="gradient", margin=0.2)
    write_choice(tmp_path / "c.json", choice, settings, {"note": "for the reader"})
    assert read_choice(tmp_path / "c.json") == (choice, settings)


def test_an_edited_file_may_use_groups_and_leave_things_out(tmp_path) -> None:
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"version": 1, "base": 2, "sources": {"eyes": 5, "mouth": "base"}}))
    choice, settings = read_choice(file)
    assert choice == Choice(2, {"left_eye": 5, "right_eye": 5, "mouth": 2})
    assert settings == Settings()


def test_the_report_of_a_run_holds_a_choice(tmp_path) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps({"schema": "x", "choice": {"version": 1, "base": 0}}))
    assert read_choice(file)[0].base == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "{}",
        '{"version": 9}',
        '{"version": 1, "base": "three"}',
        '{"version": 1, "base": true}',
        '{"version": 1, "sources": {"ear": 1}}',
        '{"version": 1, "sources": [1]}',
        '{"version": 1, "rest": "maybe"}',
        '{"version": 1, "settings": {"colour": 1}}',
        '{"version": 1, "settings": {"enlarge": 0}}',
    ],
)
def test_a_file_that_holds_no_choice_is_told(text, tmp_path) -> None:
    file = tmp_path / "c.json"
    file.write_text(text)
    with pytest.raises(InputError, match="c.json"):
        read_choice(file)


def test_frames_that_are_not_there_are_named() -> None:
    Choice(2, {"nose": 4}).check([2, 3, 4])
    with pytest.raises(RangeError, match="source of nose: frame 9.*2, 3, 4"):
        Choice(2, {"nose": 9}).check([2, 3, 4])
    with pytest.raises(RangeError, match="base: frame 1"):
        Choice(1).check([2, 3])


def test_a_choice_names_parts_that_there_are() -> None:
    with pytest.raises(RangeError, match="ear"):
        Choice(sources={"ear": 1})
    with pytest.raises(RangeError, match="rest"):
        Choice(rest="none")


def test_settings_refuse_what_cannot_be() -> None:
    for wrong in ({"enlarge": 0}, {"clearly": 0.5}, {"most_change": -1}):
        with pytest.raises(RangeError):
            Settings(**wrong)
    with pytest.raises(RangeError, match="colour"):
        Settings.from_dict({"colour": 1})


def test_parts_that_differ_from_what_was_found_are_the_users() -> None:
    choice = Choice(3, {"mouth": 1, "nose": 2, "chin": 3}, found={"mouth": 1, "nose": 4})
    assert choice.by_hand == {"nose", "chin"}


@pytest.mark.parametrize("words", [["eyes=3", "left_eye=1"], ["left_eye=1", "eyes=3"], ["left_eye=1", "face=9", "eyes=3"]])
def test_a_part_outdoes_its_group_in_whatever_order(words) -> None:
    found = parse_sources(words)
    assert (found["left_eye"], found["right_eye"]) == (1, 3)
    with pytest.raises(RangeError, match="left_eye=2.*one frame"):
        parse_sources([*words, "left_eye=2"])


def test_parts_that_stay_still_do_when_somebody_edits_the_base(tmp_path) -> None:
    file = tmp_path / "c.json"
    write_choice(file, Choice(3, {"mouth": 1, "nose": 3}), Settings())
    facts = json.loads(file.read_text())
    assert facts["sources"] == {"mouth": 1, "nose": "base"}
    file.write_text(json.dumps({**facts, "base": 5}))
    assert read_choice(file)[0].sources == {"mouth": 1, "nose": 5}


def test_masks_are_looked_for_beside_the_choice(tmp_path) -> None:
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"version": 1, "masks": {"brows": "b.png", "right_brow": "/elsewhere/r.png"}}))
    assert read_choice(file)[0].masks == {"left_brow": str(tmp_path / "b.png"), "right_brow": "/elsewhere/r.png"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"enlarge": 2.5},
        {"enlarge": True},
        {"clearly": float("nan")},
        {"most_change": float("inf")},
        {"keep_person": "false"},
        {"margin": "0.2"},
        {"margin": -1},
        {"transfer": 5},
        {"masks": None},
        {"mask_clean": "pulse"},
    ],
)
def test_settings_of_another_kind_are_refused(wrong, tmp_path) -> None:
    file = tmp_path / "c.json"
    file.write_text(json.dumps({"version": 1, "settings": wrong}))
    with pytest.raises(InputError, match=next(iter(wrong))):
        read_choice(file)


def test_whole_numbers_are_numbers() -> None:
    assert Settings(clearly=2, margin=1).clearly == 2


def test_settings_of_steps_that_are_kept_must_stay() -> None:
    before = Settings(clean="bicubic", transfer="dlib", clearly=1.5)
    check_kept(Settings(clean="bicubic", transfer="dense", clearly=1.5), before, "transfer")
    check_kept(Settings(), before, "clean")
    check_kept(Settings(), None, "finetune")
    with pytest.raises(RangeError, match="transfer.*'dlib'.*--from transfer"):
        check_kept(Settings(clean="bicubic", clearly=1.5), before, "crossover")
    with pytest.raises(RangeError, match="clearly.*--from select"):
        check_kept(Settings(clean="bicubic", transfer="dlib"), before, "mask")
