"""What is written: picture, sheet and report, all or none; what the report says and warns of."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import sharpening
from sharpening.errors import InputError, RangeError
from sharpening.imaging.files import WriteError, read_picture, sha256_of, write_picture
from sharpening.models.face_id.judge import SAME_PERSON_DISTANCE
from sharpening.restore.agreement import Agreement, measure
from sharpening.restore.report import beyond_measure, warnings_for
from sharpening.restore.same_person import Reading, same_person
from sharpening.weights.card import WeightCard
from sharpening.weights.names import NAMES
from tests.restore_helpers import crops


@pytest.fixture(scope="module")
def restored(restorer, film_frames, tmp_path_factory):
    folder = tmp_path_factory.mktemp("in")
    for i, frame in enumerate(film_frames):
        write_picture(folder / f"{i}.png", frame)
    return restorer(folder)


def test_save_writes_three_files(restored, tmp_path) -> None:
    path = restored.save(tmp_path / "new" / "face.png")
    assert sorted(file.name for file in path.parent.iterdir()) == ["face.json", "face.png", "face.sheet.png"]
    assert np.abs(read_picture(path) / 255 - restored.picture).max() <= 0.5 / 255 + 1e-6
    report = json.loads(path.with_suffix(".json").read_text())
    output = report.pop("output")
    assert report == restored.report
    assert output["path"] == str(path)
    assert output["sha256"] == sha256_of(path)
    assert output["others"] == {"face.sheet.png": sha256_of(path.with_suffix(".sheet.png"))}


def test_report_has_the_choice_that_makes_the_result_again(quiet, film_frames) -> None:
    asked = {"box": (10.0, 8.0, 60.0, 60.0), "start": 1, "stop": 8, "n_frames": 3, "middle": 4}
    done = quiet(film_frames, **asked)
    choice = json.loads(json.dumps(done.report))["choice"]
    assert choice == {**asked, "box": [10.0, 8.0, 60.0, 60.0], "cropped": None, "face": None}
    np.testing.assert_array_equal(quiet(film_frames, **choice).picture, done.picture)


def test_save_without_suffix_writes_png(restored, tmp_path) -> None:
    assert restored.save(tmp_path / "face").name == "face.png"


def test_save_refuses_other_kinds_and_writes_nothing(restored, tmp_path) -> None:
    with pytest.raises(InputError, match="suffix"):
        restored.save(tmp_path / "face.tiff")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("when", [0, 1, 2])
def test_disk_that_fills_while_writing_leaves_nothing(restored, tmp_path, monkeypatch, when) -> None:
    old = tmp_path / "face.png"
    old.write_bytes(b"from before")
    real, calls = Path.write_bytes, []

    def full(self: Path, data: bytes) -> int:
        calls.append(self)
        if len(calls) > when:
            real(self, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WriteError, match="disk is full"):
        restored.save(old)
    assert [file.name for file in tmp_path.iterdir()] == ["face.png"]
    assert old.read_bytes() == b"from before"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_system_that_really_refuses_to_write(tmp_path) -> None:
    """A limit of 1,000 bytes a file, set by the system: writing fails half-way for real."""
    code = f"""
import resource, signal, sys
import numpy as np
from sharpening.restore.restored import Restored
from sharpening.errors import SharpeningError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
picture = np.random.default_rng(0).random((128, 128, 3)).astype(np.float32)
report = {{"input": {{"name": "x"}}, "frames": {{"used": [{{"index": 0}}]}}, "warnings": []}}
restored = Restored(picture, picture, np.zeros((1, 32, 32, 3), np.uint8), (1.0,), report)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    restored.save({str(tmp_path / "out" / "x.png")!r})
except SharpeningError as error:
    sys.exit(7)
"""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=False).returncode == 7
    assert list((tmp_path / "out").iterdir()) == []


def test_sheet_shows_frames_bicubic_and_result(restored) -> None:
    sheet = restored.sheet(size=64)
    assert sheet.dtype == np.uint8
    assert sheet.shape[1] > 7 * 64
    assert sheet.shape[0] > 2 * 64


def test_names_that_are_not_utf8_are_written_as_escapes(restorer, film_frames, tmp_path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this disk takes no such names")
    for i, frame in enumerate(film_frames[:2]):
        write_picture(folder / f"{i}.png", frame)
    restored = restorer(folder)
    path = restored.save(tmp_path / "out" / "face.png")
    report = json.loads(path.with_suffix(".json").read_bytes())
    assert report["input"]["files"][0]["path"] == str(folder / "0.png")


def test_numbers_of_numpy_are_a_choice_too(restorer, film_frames, tmp_path) -> None:
    middle, box = np.argmax([0, 0, 1]), np.array([20, 10, 60, 60])
    restored = restorer(film_frames, middle=middle, box=box)
    report = json.loads(restored.save(tmp_path / "face.png").with_suffix(".json").read_text())
    assert report["choice"]["middle"] == report["frames"]["middle"] == 2
    assert report["choice"]["box"] == [20, 10, 60, 60]
    for wrong in ({"middle": 1.5}, {"box": (1, 2, 3)}, {"box": (1, 2, 0, 4)}, {"stop": "x"}):
        with pytest.raises(RangeError, match=next(iter(wrong))):
            restorer(film_frames, **wrong)


def test_figures_of_another_size_are_told() -> None:
    card = WeightCard(name="x", model="fusion_net", source="", licence="", free_use=True, size_in=32)
    measured = replace(card, metrics={"error_68": [[0.01, 0.1], [3.0, 30.0]]})
    reading = same_person().read(0.3)
    (words,) = beyond_measure(44, measured, None)
    assert "faces of 32 px; this one was cut to 44 px" in words
    assert beyond_measure(44, card, reading) == [words]
    assert beyond_measure(44, card, None) == beyond_measure(32, measured, reading) == []


def test_report_holds_the_facts(restored) -> None:
    report = restored.report
    first = report["input"]["files"][0]
    assert first["sha256"] == sha256_of(first["path"])
    assert report["input"]["n_frames"] == len(report["input"]["files"]) == 9
    assert report["weights"]["name"] == NAMES["default"]
    assert report["weights"]["sha256"] == sha256_of(report["weights"]["path"])
    assert report["versions"]["sharpening"] == sharpening.__version__
    assert report["versions"]["torch"] == torch.__version__
    assert report["device"] == "cpu"
    assert report["seed"] is None
    assert set(report["seconds"]) == {"locate", "guard", "network", "evidence", "agreement", "total"}
    used = report["frames"]["used"]
    assert [row["source"] for row in used] == [f"{row['index']}.png" for row in used]
    assert sum(row["share"] for row in used) == pytest.approx(sum(restored.weights), abs=1e-3)
    json.dumps(report, allow_nan=False)


def test_same_input_gives_the_same_result(restorer, film_frames) -> None:
    first, second = restorer(film_frames), restorer(film_frames)
    assert np.array_equal(first.picture, second.picture)
    for report in (first.report, second.report):
        report.pop("seconds")
        report.pop("made")
    assert first.report == second.report


def test_agreement_of_a_face_with_itself(restorer, astronaut_face) -> None:
    face = astronaut_face[16:144, 16:144]
    agreement = measure(face / np.float32(255), [face, face], restorer.judge)
    assert agreement.distance == pytest.approx(0, abs=0.05)
    assert agreement.cosine == pytest.approx(1, abs=1e-3)
    assert agreement.among_frames == (pytest.approx(0, abs=1e-4), pytest.approx(0, abs=1e-4))


def test_agreement_without_faces_says_why(restorer) -> None:
    agreement = measure(np.full((128, 128, 3), 0.5, np.float32), [np.full((32, 32, 3), 99, np.uint8)], restorer.judge)
    assert agreement.distance is None
    assert agreement.facts()["measured"] is False
    assert "no face" in agreement.problem


def test_agreement_with_one_face_among_the_frames(restorer, astronaut_face) -> None:
    face = astronaut_face[16:144, 16:144]
    agreement = measure(face / np.float32(255), [face, np.full_like(face, 90)], restorer.judge)
    assert agreement.frame_distances[1] is None
    assert agreement.frame_distances[0] == pytest.approx(0, abs=0.05)
    assert agreement.among_frames == (None, None)
    json.dumps(agreement.facts(), allow_nan=False)


ALIKE = Reading(probability=0.99, false_accept=0.0, false_reject=0.5)


@pytest.fixture
def words_for(quiet):
    """Warnings on an ordinary located sequence, with another agreement or another place."""
    from sharpening.restore.locate import locate
    from sharpening.restore.located import Choice
    from sharpening.restore.source import open_source

    source = open_source(crops())
    located = locate(source, Choice(), n=7, size=32)

    def words(agreement: Agreement | None = None, **facts: object) -> list[str]:
        fine = Agreement(0.95, 0.4, 0.4, (0.95,) * 7, (0.4,) * 7, (0.4,) * 7, reading=ALIKE)
        return warnings_for(source, replace(located, **facts), quiet.trained, agreement or fine)

    return words


def test_nothing_to_warn_of(words_for) -> None:
    assert words_for() == []


@pytest.mark.parametrize(
    ("agreement", "words"),
    [
        (Agreement(0.8, 0.7, SAME_PERSON_DISTANCE + 0.01), "Low identity agreement"),
        (Agreement(problem="no face was recognised in the result"), "could not be measured: no face"),
        (Agreement(0.9, 0.4, 0.4), "was not measured for results that were made like this one"),
        (
            Agreement(0.9, 0.4, 0.4, among_frames=(0.4, 0.4, 0.4, 0.4, 0.9, 0.4, None), reading=ALIKE),
            "frame(s) 4 may show another person",
        ),
    ],
)
def test_warnings_on_identity(words_for, agreement, words) -> None:
    (warning,) = words_for(agreement)
    assert words in warning


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"native": 20.0}, "very small"),
        ({"native": 300.0}, "frames themselves show more"),
        ({"score": 0.05}, "unsure"),
        ({"n_faces": 2, "choice": "the largest"}, "2 faces"),
        ({"how": ("given",) * 7}, "box itself"),
        ({"how": ("found",) * 6 + ("bridged",)}, "1 of the frames"),
        ({"skipped": {3: "no face was found"}}, "left out"),
        ({"indexes": (0,)}, "Only one frame"),
    ],
)
def test_warnings_on_face_and_frames(words_for, facts, words) -> None:
    (warning,) = words_for(**facts)
    assert words in warning
