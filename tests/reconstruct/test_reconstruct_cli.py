"""`sharpening reconstruct`: what it writes, what is chosen by hand, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from sharpening import cli
from sharpening.imaging.files import read_picture, write_picture


@pytest.fixture(scope="module")
def folder(film, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("film")
    for i, frame in enumerate(film.sequence.frames):
        write_picture(place / f"{i}.png", frame)
    return place


@pytest.fixture
def run(monkeypatch, capsys):
    """Call the entry point as the shell does: exit code, and both outputs in one."""

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["sharpening", "reconstruct", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), " ".join((captured.out + captured.err).split())

    return call


def test_picture_sheet_and_choice_are_written_and_can_be_used_again(run, folder, tmp_path) -> None:
    out = tmp_path / "face.png"
    code, said = run(folder, "-o", out, "--clean", "bicubic", "--base", 3, "--keep-state")
    assert code == 0, said
    assert "Base: frame 3 (chosen by hand)" in said
    assert read_picture(out).shape == (128, 128, 3)
    report = json.loads(out.with_suffix(".json").read_text())
    assert report["choice"]["base"] == 3
    assert set(report["identity_agreement"]) == {"base", "result"}
    assert read_picture(tmp_path / "face.sheet.png").shape[0] > 500

    run(folder, "-o", tmp_path / "again.png", "--choice", tmp_path / "face.json")
    assert np.array_equal(read_picture(tmp_path / "again.png"), read_picture(out))
    state, choice = tmp_path / "face.state.npz", tmp_path / "face.json"
    run(state, "-o", tmp_path / "on.png", "--from", "crossover", "--choice", choice, "--crossover", "sharp")
    assert not np.array_equal(read_picture(tmp_path / "on.png"), read_picture(out))
    assert json.loads((tmp_path / "on.json").read_text())["choice"]["settings"]["crossover"] == "sharp"


def test_sources_by_hand(run, folder, tmp_path) -> None:
    code, said = run(
        folder,
        "-o",
        tmp_path / "x.png",
        "--clean",
        "bicubic",
        "--base",
        3,
        "--source",
        "mouth=1",
        "--source",
        "skin=base",
        "--any-person",
    )
    assert code == 0, said
    sources = json.loads((tmp_path / "x.json").read_text())["choice"]["sources"]
    assert (sources["mouth"], sources["chin"], sources["left_cheek"]) == (1, "base", "base")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--source", "ear=1"], "ear"),
        (["--source", "mouth=99"], "frame 99"),
        (["--source", "mouth=base"], "--base"),
        (["--crossover", "softly"], "softly"),
        (["--transfer", "few-shot"], "weights import encoder.h5"),
        (["--finetune", "unet"], "weights"),
        (["--choice", "nothing.json"], "nothing.json"),
        (["--from", "mask"], "stored state"),
        (["--mask", "mouth"], "part=FILE"),
        (["--box", "1,2"], "four numbers"),
    ],
)
def test_what_cannot_be_is_one_message(run, folder, tmp_path, options, words) -> None:
    code, said = run(folder, "-o", tmp_path / "x.png", "--clean", "bicubic", *options)
    assert code == 2, said
    assert words in said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_a_stored_state_goes_on_with_its_own_settings_and_refuses_what_comes_too_late(run, folder, tmp_path) -> None:
    code, said = run(folder, "-o", tmp_path / "face.png", "--clean", "bicubic", "--base", 3, "--crossover", "sharp", "--keep-state")
    assert code == 0, said
    state = tmp_path / "face.state.npz"
    code, said = run(state, "-o", tmp_path / "on.png", "--from", "crossover")
    assert code == 0, said
    assert np.array_equal(read_picture(tmp_path / "on.png"), read_picture(tmp_path / "face.png"))
    settings = json.loads((tmp_path / "on.json").read_text())["choice"]["settings"]
    assert (settings["clean"], settings["crossover"]) == ("bicubic", "sharp")
    for option, value, words in (
        ("--transfer", "dlib", "--from transfer"),
        ("--clean", "default", "--from clean"),
        ("--base", 5, "select"),
    ):
        code, said = run(state, "-o", tmp_path / "no.png", "--from", "crossover", option, value)
        assert code != 0
        assert words in said, said
    code, said = run(state, "-o", tmp_path / "no.png", "--middle", 2, "--cropped")
    assert code == 2
    assert "cropped, middle" in said
    assert not (tmp_path / "no.png").exists()
    code, said = run(state, "-o", tmp_path / "base.png", "--base", 5, "--source", "mouth=1")
    assert code == 0, said
    chosen = json.loads((tmp_path / "base.json").read_text())["choice"]
    assert (chosen["base"], chosen["sources"]["mouth"], "mouth" in chosen["found"]) == (5, 1, False)
