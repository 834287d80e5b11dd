"""`sharpening restore --film`: what it writes, and what it refuses in words."""

from __future__ import annotations

import json
import sys

import pytest

from sharpening import cli
from sharpening.frames.video import film_info, write_film
from sharpening.imaging.files import write_picture
from tests.restore_helpers import crops


@pytest.fixture
def run(monkeypatch, capsys, weights_folder):
    """Call the entry point as the shell does, in this process: exit code, stdout, stderr."""
    monkeypatch.setenv("SHARPENING_PRETRAINED", str(weights_folder))
    for console in ("_out", "_err"):
        monkeypatch.setattr(cli, console, type(getattr(cli, console))(stderr=console == "_err", width=400, highlight=False))

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sharpening", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def film(tmp_path):
    return write_film(tmp_path / "in" / "film.mp4", crops(4), crf=10, fps=12)


def test_film_becomes_a_film_with_a_report(run, film, tmp_path) -> None:
    code, out, err = run("restore", film, "-o", tmp_path / "out.mp4", "--film", "--start", 1)
    assert code == 0, err
    assert f"{tmp_path / 'out.mp4'}: 3 of 3 frame(s) restored" in out
    assert "warning: film: Whether the film shows the person" in err  # a pattern has no face to judge
    info = film_info(tmp_path / "out.mp4")
    assert (info.n_frames, info.fps, info.width) == (3, 12.0, 128)
    assert json.loads((tmp_path / "out.film.json").read_text())["schema"].startswith("sharpening.restore-film/")


def test_folder_of_frames_into_a_folder(run, tmp_path) -> None:
    for i, frame in enumerate(crops(3)):
        write_picture(tmp_path / "walk" / f"{i}.png", frame)
    (tmp_path / "results").mkdir()
    code, _, err = run("restore", tmp_path / "walk", "-o", tmp_path / "results", "--film", "--fps", 10)
    assert code == 0, err
    assert film_info(tmp_path / "results" / "walk.mp4").fps == 10


@pytest.mark.parametrize(
    ("out", "options", "words"),
    [
        ("a.png", ["--film"], ["has the suffix '.png'", "Films are written as .mp4"]),
        ("a.mp4", [], ["--out", "Add --film"]),
        ("a.mp4", ["--film", "--middle", 2], ["--middle", "every frame"]),
        ("a.mp4", ["--film", "--then", "x"], ["--then", "finetunes none"]),
        ("a.mp4", ["--film", "--keep-strangers"], ["--keep-strangers", "as they are"]),
        ("a.mp4", ["--film", "--no-evidence"], ["--no-evidence", "every frame"]),
        ("a.png", ["--paste"], ["--paste", "Add --film"]),
        ("a.png", ["--fps", 9], ["--fps", "Add --film"]),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(run, film, tmp_path, out, options, words) -> None:
    code, _, err = run("restore", film, "-o", tmp_path / out, *options)
    assert code == 2
    assert "Traceback" not in err
    for word in words:
        assert word in err
    assert [file.name for file in tmp_path.iterdir()] == ["in"]


def test_many_inputs_are_refused(run, film, tmp_path) -> None:
    write_film(film.with_name("other.mp4"), crops(2))
    code, _, err = run("restore", film.parent, "-o", tmp_path / "a.mp4", "--film")
    assert code == 2
    assert "2 inputs" in err
