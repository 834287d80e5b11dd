"""`sharpening finetune`: what it writes, when it undoes, what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from sharpening.cli import app
from sharpening.imaging.files import read_picture, write_picture
from sharpening.reconstruct.finetune import plain


@pytest.fixture
def picture(tmp_path, astronaut_face):
    write_picture(tmp_path / "face.png", astronaut_face)
    return tmp_path / "face.png"


def call(*arguments: object):
    return CliRunner().invoke(app, ["finetune", *map(str, arguments)], env={"COLUMNS": "300"})


def test_a_picture_is_sharpened_and_reported(picture, tmp_path) -> None:
    done = call(picture, "-o", tmp_path / "x.png", "--how", "unsharp-mask")
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "x.json").read_text())
    assert report["kept"]
    assert 0 < report["identity_change"] < 0.3
    assert not np.array_equal(read_picture(tmp_path / "x.png"), read_picture(picture))


def test_another_person_is_undone_and_told(picture, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(plain, "build_unsharp_mask", lambda weights, pretrained: lambda face: 1 - face)
    done = call(picture, "-o", tmp_path / "x.png", "--how", "unsharp-mask")
    assert done.exit_code == 0, done.output
    assert "the person changed" in done.output
    assert np.array_equal(read_picture(tmp_path / "x.png"), read_picture(picture))
    assert not json.loads((tmp_path / "x.json").read_text())["kept"]
    call(picture, "-o", tmp_path / "y.png", "--how", "unsharp-mask", "--any-person")
    assert np.array_equal(read_picture(tmp_path / "y.png"), 255 - read_picture(picture))


@pytest.mark.parametrize(
    ("options", "words"), [(["--how", "foo"], "unsharp-mask"), (["--how", "unsharp-mask", "--steps", 3], "settings of finetuner")]
)
def test_what_cannot_be(picture, tmp_path, options, words) -> None:
    done = call(picture, "-o", tmp_path / "x.png", *options)
    assert done.exit_code != 0
    assert words in f"{done.output} {done.exception}"
    assert not (tmp_path / "x.png").exists()
