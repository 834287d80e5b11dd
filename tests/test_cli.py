"""The command line: every kind of bad input, many inputs, and what it costs to ask for help."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from sharpening import cli
from sharpening.frames.video import write_film
from sharpening.imaging.files import read_picture, write_picture
from sharpening.weights.names import NAMES
from tests.restore_helpers import crops, face_frames, write_weights


class Answer(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Answer]


@pytest.fixture(scope="module")
def weights_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pretrained")
    write_weights(folder)
    return folder


@pytest.fixture
def run(monkeypatch, capsys, weights_folder) -> Run:
    """Call the entry point as the shell does, in this process."""
    monkeypatch.setenv("SHARPENING_PRETRAINED", str(weights_folder))
    for console in ("_out", "_err"):
        monkeypatch.setattr(cli, console, type(getattr(cli, console))(stderr=console == "_err", width=400, highlight=False))

    def call(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["sharpening", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        return Answer(int(stop.value.code or 0), captured.out, captured.err)

    return call


@pytest.fixture
def folder(tmp_path) -> Path:
    """Seven cropped frames."""
    for i, frame in enumerate(crops()):
        write_picture(tmp_path / "frames" / f"{i}.png", frame)
    return tmp_path / "frames"


def refused(answer: Answer, *words: str) -> None:
    """One clear message on stderr, exit code 2, no traceback."""
    assert answer.code == 2, answer
    assert answer.err.startswith("error: ")
    assert "Traceback" not in answer.err
    for word in words:
        assert word in answer.err


def test_restore_folder_of_frames(run, folder, tmp_path) -> None:
    answer = run("restore", folder, "-o", tmp_path / "out.png")
    assert answer.code == 0
    assert read_picture(tmp_path / "out.png").shape == (128, 128, 3)
    assert (tmp_path / "out.sheet.png").is_file()
    report = json.loads((tmp_path / "out.json").read_text())
    assert report["frames"]["n_used"] == 7
    assert f"{tmp_path / 'out.png'}: 7 frame(s), middle 3" in answer.out
    assert "warning: frames: Whether the result shows the person" in answer.err  # a pattern has no face to judge


def test_restore_into_a_folder_takes_the_name_of_the_input(run, folder, tmp_path) -> None:
    (tmp_path / "results").mkdir()
    assert run("restore", folder, "-o", tmp_path / "results").code == 0
    assert (tmp_path / "results" / "frames.png").is_file()


def test_restore_film_by_face_box_and_middle(run, astronaut_face, tmp_path) -> None:
    film = write_film(tmp_path / "film.mp4", face_frames(astronaut_face, 8), crf=18)
    assert run("restore", film, "-o", tmp_path / "a.png", "--face", 0, "--middle", 4, "--start", 1, "--stop", 8).code == 0
    report = json.loads((tmp_path / "a.json").read_text())
    assert report["frames"]["middle"] == 4
    assert report["frames"]["used"][0]["index"] == 1
    assert run("restore", film, "-o", tmp_path / "b.png", "--box", "20,16,50,50").code == 0
    assert "box" in json.loads((tmp_path / "b.json").read_text())["face"]["choice"]
    refused(run("restore", film, "-o", tmp_path / "c.png", "--face", 3), "face", "0 to 0")
    refused(run("restore", film, "-o", tmp_path / "c.png", "--box", "900,900,10,10"), "box")
    assert not (tmp_path / "c.png").exists()


def test_box_that_is_no_box(run, folder, tmp_path) -> None:
    answer = run("restore", folder, "-o", tmp_path / "x.png", "--box", "1,2,3")
    assert answer.code == 2
    assert "X,Y,W,H" in answer.err


def test_folder_of_folders_goes_on_past_the_bad_ones(run, tmp_path, astronaut_face) -> None:
    data = tmp_path / "data"
    for i, frame in enumerate(crops()):
        write_picture(data / "good" / f"{i}.png", frame)
        write_picture(data / "deep" / "er" / "frames" / f"{i}.png", frame)
    write_picture(data / "deep" / "er" / "label.png", crops(1, side=128)[0])
    write_picture(data / "wall" / "0.png", np.full((80, 90, 3), 70, np.uint8))
    (data / "broken.mp4").write_bytes(b"\0" * 3000)
    write_film(data / "film.mp4", face_frames(astronaut_face, 3), crf=18)
    answer = run("restore", data, "-o", tmp_path / "out")
    assert answer.code == 1
    assert "3 of 5 restored" in answer.out
    for path in ("good.png", "deep/er.png", "film.png"):
        assert (tmp_path / "out" / path).is_file()
    assert "not restored (2)" in answer.err
    assert "wall" in answer.err
    assert "broken.mp4" in answer.err
    assert not (tmp_path / "out" / "wall.png").exists()


def test_empty_folder(run, tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    refused(run("restore", tmp_path / "empty", "-o", tmp_path / "x.png"), "neither pictures nor films")


def test_absent_input(run, tmp_path) -> None:
    refused(run("restore", tmp_path / "nothing", "-o", tmp_path / "x.png"), "no such file")


def test_one_frame_works_and_says_so(run, folder, tmp_path) -> None:
    answer = run("restore", folder / "3.png", "-o", tmp_path / "one.png")
    assert answer.code == 0
    assert "1 frame(s)" in answer.out
    assert "Only one frame" in answer.err


@pytest.mark.parametrize("content", [b"", b"not a picture", b"<!DOCTYPE html><html></html>"])
def test_unreadable_picture(run, tmp_path, content) -> None:
    (tmp_path / "face.png").write_bytes(content)
    refused(run("restore", tmp_path / "face.png", "-o", tmp_path / "x.png"), "face")
    assert not (tmp_path / "x.png").exists()


def test_truncated_picture_alone_and_among_good_ones(run, folder, tmp_path) -> None:
    whole = (folder / "2.png").read_bytes()
    (folder / "2.png").write_bytes(whole[: len(whole) // 2])
    refused(run("restore", folder / "2.png", "-o", tmp_path / "x.png"), "truncated or damaged")
    answer = run("restore", folder, "-o", tmp_path / "rest.png")
    assert answer.code == 0
    skipped = json.loads((tmp_path / "rest.json").read_text())["frames"]["skipped"]
    assert [row["index"] for row in skipped] == [2]
    assert "truncated or damaged" in skipped[0]["why"]
    assert "2.png" in answer.err


def test_unreadable_film(run, tmp_path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + b"\0" * 400)
    refused(run("restore", tmp_path / "film.mp4", "-o", tmp_path / "x.png"), "film.mp4")


def test_truncated_film_gives_what_it_holds_and_says_so(run, astronaut_face, tmp_path) -> None:
    film = write_film(tmp_path / "film.mp4", face_frames(astronaut_face, 40, size=(128, 160)), crf=1)
    data = film.read_bytes()
    film.write_bytes(data[: len(data) // 2])
    answer = run("restore", film, "-o", tmp_path / "x.png")
    assert answer.code == 0
    assert "damaged or cut off" in answer.err


def test_mixed_sizes_of_cropped_frames(run, folder, tmp_path) -> None:
    write_picture(folder / "3.png", crops(1, side=28)[0])
    refused(run("restore", folder, "-o", tmp_path / "x.png", "--cropped"), "one size", "3.png of 28×28")


def test_grey_deep_and_transparent_pictures(run, tmp_path) -> None:
    frame = crops(1)[0]
    place = tmp_path / "kinds"
    place.mkdir()
    cv2.imwrite(str(place / "0grey.png"), frame[..., 1])
    cv2.imwrite(str(place / "1deep.png"), frame.astype(np.uint16) * 257)
    cv2.imwrite(str(place / "2greydeep.png"), frame[..., 0].astype(np.uint16) * 257)
    cv2.imwrite(str(place / "3alpha.png"), np.dstack([frame, np.full((32, 32), 128, np.uint8)]))
    answer = run("restore", place, "-o", tmp_path / "x.png")
    assert answer.code == 0
    assert json.loads((tmp_path / "x.json").read_text())["frames"]["n_used"] == 4


def test_no_face(run, tmp_path) -> None:
    write_picture(tmp_path / "wall.png", np.full((90, 120, 3), 140, np.uint8))
    refused(run("restore", tmp_path / "wall.png", "-o", tmp_path / "x.png"), "no face found", "--cropped", "--box")
    assert [path.name for path in tmp_path.iterdir()] == ["wall.png"]


def test_two_faces(run, astronaut_face, tmp_path) -> None:
    pair = np.hstack([face_frames(astronaut_face, 1, side=48)[0], face_frames(astronaut_face, 1, side=66)[0]])
    write_picture(tmp_path / "pair.png", pair)
    answer = run("restore", tmp_path / "pair.png", "-o", tmp_path / "x.png")
    assert answer.code == 0
    assert "2 faces" in answer.err
    assert json.loads((tmp_path / "x.json").read_text())["frames"]["used"][0]["square"][0] > 128


def test_missing_weights(run, folder, tmp_path) -> None:
    refused(
        run("restore", folder, "-o", tmp_path / "x.png", "--weights", "nobody"),
        "nobody",
        "SHARPENING_PRETRAINED",
        "cache",
        "sharpening train",
    )


def test_tampered_weights(run, folder, tmp_path) -> None:
    path = write_weights(tmp_path / "mine")
    data = bytearray(path.read_bytes())
    data[-9] ^= 255
    path.write_bytes(data)
    refused(run("restore", folder, "-o", tmp_path / "x.png", "--weights", path), "sha256")


def test_weights_by_path(run, folder, tmp_path) -> None:
    path = write_weights(tmp_path / "mine", "own")
    assert run("restore", folder, "-o", tmp_path / "x.png", "--weights", path).code == 0
    assert json.loads((tmp_path / "x.json").read_text())["weights"]["name"] == "own"


def test_place_that_cannot_be_written_to(run, folder, tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    refused(run("restore", folder, "-o", tmp_path / "file" / "x.png"), "could not be written")


def test_debug_shows_where_it_happened(run, tmp_path, monkeypatch) -> None:
    from sharpening.errors import InputError

    monkeypatch.setattr(sys, "argv", ["sharpening", "--debug", "restore", str(tmp_path / "nothing"), "-o", "x.png"])
    with pytest.raises(InputError):
        cli.main()


def test_synth_makes_sequences_and_goes_on(run, made_face, tmp_path) -> None:
    for i in range(2):
        write_picture(tmp_path / "stills" / f"{i}.png", made_face(160, np.random.default_rng(i)))
    arguments = ("synth", tmp_path / "stills", tmp_path / "set", "--frames", 3, "--seed", 5)
    assert "2 sequences made, 0 were" in run(*arguments).out
    assert "0 sequences made, 2 were" in run(*arguments).out
    assert len(list((tmp_path / "set").glob("*/frame_*.png"))) == 6
    answer = run("synth", tmp_path / "stills", tmp_path / "other", "--how", "thesiss")
    assert answer.code == 2
    assert "thesis-warped" in answer.err


def test_unknown_protocol_and_recipe_name_the_known_ones(run, tmp_path) -> None:
    answer = run("evaluate", "--data", tmp_path, "--protocol", "nonsense")
    assert answer.code == 2
    assert "noise-others" in answer.err
    answer = run("train", "--data", tmp_path, "--recipe", "fusionn")
    assert answer.code == 2
    assert "fusion" in answer.err


def test_weights_list_and_where(run, weights_folder) -> None:
    listed = run("weights", "list")
    assert listed.code == 0
    assert f"{NAMES['default']} (default)" in listed.out
    assert "MIT" in listed.out
    where = run("weights", "where")
    assert "fidelity is " in (other := run("weights", "where", "fidelity").out)
    assert other.rstrip().endswith("fusion_small.safetensors")
    assert f"default is {weights_folder / NAMES['default']}.safetensors" in where.out
    refused(run("weights", "where", "nobody"), "nobody")


def test_version(run) -> None:
    import sharpening

    assert run("--version").out.strip() == f"sharpening {sharpening.__version__}"


HELP = "import sys; sys.argv = {!r}\nfrom sharpening.cli import main\ntry: main()\nexcept SystemExit: pass"
HEAVY = ("torch", "torchvision", "fastai", "cv2", "numpy", "pandas", "av", "dlib", "skimage", "matplotlib")


@pytest.mark.parametrize(
    "code", ["import sharpening", HELP.format(["sharpening", "--help"]), HELP.format(["sharpening", "restore", "--help"])]
)
def test_import_and_help_load_nothing_heavy(code) -> None:
    ask = f"{code}\nimport sys\nsys.stderr.write(repr([name for name in {HEAVY!r} if name in sys.modules]))"
    # Loaded modules and not seconds: those depend on what else the machine does.
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stderr == "[]"


def test_module_runs_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "sharpening", "--help"], capture_output=True, text=True, check=True)
    for command in ("restore", "demo", "synth", "train", "evaluate", "weights"):
        assert command in done.stdout
