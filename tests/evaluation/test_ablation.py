"""The page of ablations out of logs of training legs."""

import json
import shutil

import pytest

from sharpening.errors import InputError
from sharpening.evaluation.ablation import ablations, read_legs


def log(folder, name, *epochs, **extra):
    lines = [
        {"epoch": i, "loss": 0.1, "seconds": 90, "stills_bicubic": 25.0, "stills_one": one, "stills": stills, **extra}
        for i, (one, stills) in enumerate(epochs)
    ]
    (folder / name).mkdir(parents=True)
    (folder / name / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def legs(tmp_path):
    runs, out = tmp_path / "runs", tmp_path / "results"
    log(runs, "abl-first", (26.0, 27.0), (26.1, 27.5))
    log(runs, "abl-gate", (26.0, 27.2), (26.0, 27.9), h264=23.5)
    log(runs, "abl-short", (26.5, 27.4))
    log(runs, "abl-unknown", (26.0, 27.0))
    log(runs, "other", (1.0, 1.0))
    words = {
        "abl-first": {"what": "the first design"},
        "abl-gate": {"what": "a gate", "against": "abl-first"},
        "abl-short": {"what": "less", "against": "abl-first"},
        "abl-later": {"what": "to come", "against": "abl-gate"},
    }
    out.mkdir()
    (out / "ablations.json").write_text(json.dumps(words))
    return runs, out


def test_a_row_for_each_leg_with_its_difference(legs):
    grid = ablations(*legs)
    rows = {row[0]: dict(zip(grid.heads, row, strict=True)) for row in grid.rows}
    assert list(rows) == ["abl-first", "abl-gate", "abl-short", "abl-later", "abl-unknown", "bicubic of the middle"]
    assert grid.heads[5:] == ("stills", "stills, one frame", "h264")
    assert (rows["abl-first"]["stills"], rows["abl-first"]["epochs"], rows["abl-first"]["minutes"]) == ("27.50", "2", "3")
    assert (rows["abl-gate"]["stills"], rows["abl-gate"]["stills, one frame"]) == ("27.90 (+0.40)", "26.00 (-0.10)")
    assert (rows["abl-gate"]["h264"], rows["abl-first"]["h264"]) == ("23.50", "–")  # the other has none to compare with
    assert rows["abl-short"]["stills"] == "27.40 (+0.40†)"  # against the first epoch of the other
    assert (rows["abl-later"]["epochs"], rows["abl-later"]["stills"]) == ("not run", "–")
    assert rows["abl-unknown"]["what was changed"] == "not described"
    assert (rows["bicubic of the middle"]["stills"], rows["bicubic of the middle"]["h264"]) == ("25.00", "–")


def test_files(legs):
    ablations(*legs)
    assert "| abl-gate | a gate | abl-first |" in (legs[1] / "ablations.md").read_text(encoding="utf-8")
    lines = (legs[1] / "ablations.csv").read_text().splitlines()
    assert lines[0] == "leg,epoch,loss,seconds,stills_bicubic,stills_one,stills,h264"
    assert len(lines) == 1 + 2 + 2 + 1 + 1


def test_legs_whose_folders_are_gone_keep_their_rows(legs):
    runs, out = legs
    before = ablations(runs, out)
    rows = (out / "ablations.csv").read_text()
    for name in ("abl-first", "abl-gate"):
        shutil.rmtree(runs / name)
    assert ablations(runs, out) == before
    assert (out / "ablations.csv").read_text() == rows


def test_an_epoch_that_is_being_written_does_not_count(legs):
    with (legs[0] / "abl-first/log.jsonl").open("a") as file:
        file.write('{"epoch": 2, "lo')
    assert [leg.last["epoch"] for leg in read_legs(legs[0], legs[1] / "ablations.json") if leg.name == "abl-first"] == [1]


def test_what_cannot_be_told_is_refused(legs, tmp_path):
    with pytest.raises(InputError, match="holds no legs"):
        ablations(tmp_path / "nothing", tmp_path)
    words = legs[1] / "ablations.json"
    words.write_text('{"abl-gate": {"what": "x", "against": "abl-none"}}')
    with pytest.raises(InputError, match="'abl-none', which is not there"):
        ablations(*legs)
    words.write_text('{"abl-gate": "x"}')
    with pytest.raises(InputError, match="does not say what was changed"):
        ablations(*legs)


def test_a_spoilt_table_is_named(legs):
    (legs[1] / "ablations.csv").write_text("leg,epoch\nabl-first,many\n")
    with pytest.raises(InputError, match="ablations.csv"):
        ablations(*legs)
