"""Where results may go: never over what they were made of, among it, or over each other; and what counts as an input."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from sharpening import cli
from sharpening.cli.restoring import picture_out
from sharpening.errors import InputError
from sharpening.frames.listing import sequence_roles
from sharpening.imaging.files import WriteError
from sharpening.restore import Restored, Restorer
from sharpening.restore.batch import inputs_in, places_for, restore_each
from sharpening.restore.place import check_result


@pytest.fixture
def refused(monkeypatch, capsys):
    """The message of a call that is refused before any weights are read."""

    def loaded(*args: object, **options: object) -> None:
        raise AssertionError("the network was loaded")

    monkeypatch.setattr(Restorer, "from_weights", loaded)

    def call(*arguments: object, command: str = "restore") -> str:
        monkeypatch.setattr(cli, "_err", type(cli._err)(stderr=True, width=400, highlight=False))
        monkeypatch.setattr(sys, "argv", ["sharpening", command, *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        assert stop.value.code == 2
        return " ".join(capsys.readouterr().err.replace("│", " ").split())

    return call


@pytest.mark.parametrize(
    ("source", "out"),
    [
        ("ow/face.png", "ow"),
        ("ow/face.png", "ow/face.png"),
        ("ow/face.png", "ow/../ow/face"),
        ("ow/link.png", "ow/face.png"),
        ("ow/face.sheet.png", "ow/face.jpg"),
    ],
)
def test_picture_is_not_written_over_its_input(plant, refused, source, out) -> None:
    root = plant("ow/face.png", "ow/face.sheet.png")
    (root / "ow/link.png").symlink_to(root / "ow/face.png")
    assert "would be written over" in refused(root / source, "-o", root / out)
    assert {path.read_bytes() for path in (root / "ow").iterdir()} == {b"from before"}


@pytest.mark.parametrize("out", ["clip", "clip/x.png", "clip/frames/x.png", "clip/label/", "clip/frames", "clip/results/x.png"])
def test_picture_is_not_written_among_the_frames(plant, refused, out) -> None:
    root = plant("clip/0.png", "clip/frames/1.png", "clip/label/0.png")
    slash = "/" if out.endswith("/") else ""
    assert "lies among the inputs" in refused(root / "clip", "-o", f"{root / out}{slash}")


@pytest.mark.parametrize(("command", "options"), [("reconstruct", []), ("finetune", ["--how", "unsharp-mask"])])
@pytest.mark.parametrize(("source", "out"), [("face.png", "face.png"), ("link.png", "face.jpg"), ("face.png", "face")])
def test_what_is_built_or_finetuned_is_not_written_over_its_input_either(plant, refused, command, options, source, out) -> None:
    root = plant("face.png", "face.sheet.png")
    os.link(root / "face.png", root / "link.png")
    if source == "link.png":
        (root / "face.jpg").symlink_to(root / "link.png")
    assert "would be written over" in refused(root / source, "-o", root / out, *options, command=command)


def test_what_lies_beside_is_kept_too_where_it_would_be_written(plant, refused) -> None:
    root = plant("face.sheet.png", "a.state.npz")
    assert "would be written over" in refused(root / "face.sheet.png", "-o", root / "face.webp", command="reconstruct")
    with pytest.raises(InputError, match="would be written over"):
        check_result(root / "a.png", root / "a.state.npz", [root / "a.png", root / "a.state.npz"])
    check_result(root / "a.png", root / "a.state.npz")
    check_result(root / "face.webp", root / "face.sheet.png", [root / "face.webp", root / "face.json"])


def test_what_is_built_is_not_written_among_the_frames_either(plant, refused) -> None:
    root = plant("clip/0.png", "clip/label/0.png")
    for out in ("clip/x.png", "clip/label/x.png"):
        assert "lies among the inputs" in refused(root / "clip", "-o", root / out, command="reconstruct")


def test_linked_frames_are_not_written_over(plant, refused) -> None:
    root = plant("real/0.png", "clip/1.png")
    (root / "clip/0.png").symlink_to(root / "real/0.png")
    assert "would be written over" in refused(root / "clip", "-o", root / "real/0.png")


def test_library_does_not_write_over_its_input_either(plant) -> None:
    root = plant("a.png", "b.sheet.png")
    picture = np.zeros((8, 8, 3), np.float32)
    files = [{"path": str(root / name), "sha256": None, "of": "file"} for name in ("a.png", "b.sheet.png")]
    report = {"input": {"name": "x", "files": files}, "frames": {"used": [{"index": 0}]}, "warnings": []}
    restored = Restored(picture, picture, np.zeros((1, 8, 8, 3), np.uint8), (1.0,), report)
    for name in ("a.png", "a", "b.jpg"):
        with pytest.raises(InputError, match="would be written over"):
            restored.save(root / name)
    assert sorted(path.name for path in root.iterdir()) == ["a.png", "b.sheet.png"]
    restored.save(root / "c.png")


def test_batch_is_not_written_among_its_inputs(plant, refused) -> None:
    root = plant("data/a/0.png", "data/b/0.png")
    data = root / "data"
    assert "folder of the inputs" in refused(data, "-o", data)
    assert "lies among the inputs" in refused(data, "-o", data / "a")
    assert "lies among the inputs" in refused(data, "-o", data / "frames")
    with pytest.raises(InputError, match="folder of the inputs"):
        next(restore_each(None, data, inputs_in(data), data))
    assert "lies among the inputs" in refused(data, "-o", data / "results/of/today")
    assert places_for(data, inputs_in(data), root / "out") == [root / "out/a.png", root / "out/b.png"]


def test_no_film_is_written_among_its_frames(plant, refused) -> None:
    root = plant("clip/0.png", "clip/1.png")
    assert "lies among the inputs" in refused(root / "clip", "-o", root / "clip/face.mp4", "--film")
    assert "lies among the inputs" in refused(root / "clip", "-o", root / "clip/results/face.mp4", "--film")


def names_of(root: Path, inputs: list[Path]) -> dict[str, str]:
    out = root.parent / "out"
    return {
        source.relative_to(root).as_posix(): place.relative_to(out).as_posix()
        for source, place in zip(inputs, places_for(root, inputs, out), strict=True)
    }


def test_inputs_of_one_name_get_pictures_of_their_own(plant) -> None:
    root = plant("in/clip.mp4", "in/Clip.avi", "in/clip/0.png", "in/clip.mp4.mkv", "in/other.mp4", "in/deep/clip.mp4") / "in"
    assert names_of(root, inputs_in(root)) == {
        "clip.mp4": "clip.mp4.png",
        "Clip.avi": "Clip.avi.png",
        "clip": "clip.png",
        "clip.mp4.mkv": "clip.mp4.mkv.png",
        "other.mp4": "other.png",
        "deep/clip.mp4": "deep/clip.png",
    }


def test_inputs_whose_results_cannot_be_told_apart_are_refused(plant, refused) -> None:
    root = plant("in/a/0.png", "in/a.sheet/0.png")
    assert "Rename one of them" in refused(root / "in", "-o", root / "out")


def test_stray_picture_hides_no_films(plant, refused) -> None:
    root = plant("in/cover.jpg", "in/a.mp4", "in/walk/0.png") / "in"
    inputs = inputs_in(root)
    assert {path.name for path in inputs} == {"in", "a.mp4", "walk"}
    assert names_of(root, inputs)["."] == "in.png"
    assert "3 inputs" in refused(root, "-o", root.parent / "face.png")


def test_frames_with_their_own_folders_are_one_input(plant) -> None:
    root = plant("clip/0.png", "clip/label/0.png", "clip/frames/1.png")
    assert inputs_in(root / "clip") == [root / "clip"]
    assert inputs_in(root / "clip/frames") == [root / "clip/frames"]


@pytest.fixture
def closed(monkeypatch):
    """Folders of this name cannot be looked into, whoever runs the tests."""
    real = os.scandir

    def scandir(path="."):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)


@pytest.mark.usefixtures("closed")
def test_folder_that_cannot_be_read_does_not_end_the_batch(plant) -> None:
    root = plant("in/a/0.png", "in/closed/0.png", "in/b/0.png") / "in"

    def restorer(source: Path) -> SimpleNamespace:
        sequence_roles(source)
        if source.name == "b":
            raise PermissionError(13, "Permission denied")
        return SimpleNamespace(save=lambda path, maps: path)

    outcomes = {each.source.name: each.error for each in restore_each(restorer, root, inputs_in(root), root.parent / "out")}
    assert outcomes.pop("a") is None
    assert set(outcomes) == {"b", "closed"}
    for error in outcomes.values():
        assert isinstance(error, InputError)
        assert "Permission denied" in str(error)


def test_full_disk_ends_the_batch(plant) -> None:
    root = plant("in/a/0.png", "in/b/0.png") / "in"

    def save(path: Path, maps: bool) -> Path:
        raise WriteError(path, "the disk is full")

    with pytest.raises(WriteError):
        next(restore_each(lambda source: SimpleNamespace(save=save), root, inputs_in(root), root.parent / "out"))


def test_folder_or_name_with_a_slash_gets_the_name_of_the_input(plant) -> None:
    root = plant("v1.2/0.png", "walk.mp4")
    assert picture_out(f"{root}/new/", root / "walk.mp4") == root / "new/walk.png"
    assert picture_out(f"{root}/new/", root / "v1.2", ".mp4") == root / "new/v1.2.mp4"
    assert picture_out(str(root), root / "walk.mp4") == root / "walk.png"
    assert picture_out(f"{root}/new", root / "walk.mp4") == root / "new"
