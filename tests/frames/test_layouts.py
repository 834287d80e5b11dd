"""The forms in which data sets lie on disk, on made folders."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from sharpening.errors import InputError, RangeError, ShapeError
from sharpening.frames.layouts import Mlfdb, SharedData, celeba_stills, lfw_stills
from sharpening.imaging.files import write_picture


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def grey(side: int, value: int = 0) -> np.ndarray:
    return np.full((side, side, 3), value, np.uint8)


def plant(folder: Path, names: list[str], label: str | None = "label.png", side: int = 128) -> Path:
    for i, name in enumerate(names):
        write_picture(folder / name, grey(32, i))
    if label:
        write_picture(folder / label, grey(side, 99))
    return folder


NAMES = {
    "synth": ([f"frame_{i}.png" for i in range(7)], "label.png", 128),
    "plain": ([f"{i}.jpg" for i in range(7)], "label.png", 64),
    "upper": ([f"f{i}.PNG" for i in range(1, 8)], "gt.png", 256),
    "sized": ([f"{i}.png" for i in range(7)], "hr_256.png", 256),
    "deep": ([f"{i}.png" for i in range(7)], "label/0.png", 128),
    "both deep": ([f"frames/{i}.png" for i in range(7)], "target/x.png", 128),
    "by size": ([f"{i:03d}.webp" for i in range(7)], "sequence.png", 128),
    "by size, first": ([f"{i:03d}.webp" for i in range(7)], "000_big.png", 64),
}


@pytest.mark.parametrize("form", NAMES)
def test_every_form_of_names(tmp_path, form):
    names, label, side = NAMES[form]
    names = [name.replace("PNG", "png") for name in names]
    plant(tmp_path / "set" / "p1" / "s1", names, label, side)
    if form == "upper":
        for path in (tmp_path / "set" / "p1" / "s1").glob("f*.png"):
            path.rename(path.with_suffix(".PNG"))
    data = Mlfdb(tmp_path / "set")
    assert data.names == ["p1/s1"]
    sequence = data[0]
    assert sequence.frames.shape == (7, 32, 32, 3)
    assert np.abs(sequence.frames[:, 0, 0, 0].astype(int) - np.arange(7)).max() <= 2  # in order (jpg and webp are lossy)
    assert sequence.label.shape == (side, side, 3)
    assert sequence.name == "p1/s1"
    assert len(sequence.sources) == 7


def test_many_sequences_in_natural_order_are_opened_late(tmp_path):
    for i in (10, 9, 1):
        plant(tmp_path / f"s{i}", [f"{j}.png" for j in range(7)])
    (tmp_path / "s9" / "3.png").write_bytes(b"broken")
    data = Mlfdb(tmp_path)
    assert data.names == ["s1", "s9", "s10"]
    assert len(data) == 3
    assert data[-1].name == "s10"
    assert [each.name for each in data[::2]] == ["s1", "s10"]
    with pytest.raises(InputError, match=r"3\.png"):
        data[1]
    with pytest.raises(IndexError):
        data[3]


def test_one_sequence_folder_is_a_set_of_one(tmp_path):
    assert Mlfdb(plant(tmp_path / "gt", [f"{j}.png" for j in range(7)])).names == ["gt"]


def test_params_of_made_sets_come_along(tmp_path):
    plant(tmp_path / "s", [f"{j}.png" for j in range(7)])
    (tmp_path / "s" / "params.json").write_text(json.dumps({"jpeg": [30]}))
    assert Mlfdb(tmp_path)[0].params == {"jpeg": [30]}


def test_a_label_in_several_sizes(tmp_path):
    plant(tmp_path / "s", [f"{j}.png" for j in range(7)], None)
    for side in (64, 128, 256):
        write_picture(tmp_path / "s" / f"hr_{side}.png", grey(side))
    assert Mlfdb(tmp_path)[0].label.shape[0] == 128
    assert Mlfdb(tmp_path, label_size=256)[0].label.shape[0] == 256
    (tmp_path / "s" / "hr_128.png").unlink()
    assert Mlfdb(tmp_path)[0].label.shape[0] == 256
    with pytest.raises(ShapeError, match=r"label of 64×64, 1 label of 256×256, wanted.*a label of 128×128"):
        Mlfdb(tmp_path, label_size=128)[0]


@pytest.mark.parametrize(
    ("names", "label", "side", "words"),
    [
        (6, "label.png", 128, "6 frames of 32×32 and 1 label of 128×128, wanted 7 frames of 32×32 and a label of 64×64 or"),
        (8, "label.png", 128, "8 frames of 32×32 and 1 label"),
        (7, None, 0, "7 frames of 32×32 and no label.*needs_label=False"),
        (7, "label.png", 100, "1 label of 100×100"),
        (7, "odd.png", 40, "7 frames of 32×32, 1 frame of 40×40 and no label"),
    ],
)
def test_wrong_counts_and_sizes_say_what_is_where(tmp_path, names, label, side, words):
    plant(tmp_path / "s", [f"{j}.png" for j in range(names)], label, side)
    with pytest.raises(ShapeError, match=words) as caught:
        Mlfdb(tmp_path)[0]
    assert str(tmp_path / "s") in str(caught.value)
    assert "data/README.md" in str(caught.value)


def test_the_counts_are_a_choice(tmp_path):
    plant(tmp_path / "s", [f"{j}.png" for j in range(5)], None)
    assert Mlfdb(tmp_path, n_frames=5, needs_label=False)[0].label is None
    assert Mlfdb(tmp_path, n_frames=None, size_in=None, needs_label=False)[0].n == 5
    write_picture(tmp_path / "s" / "0.png", grey(30))
    with pytest.raises(ShapeError, match="any number of frames of one size and perhaps a label"):
        Mlfdb(tmp_path, n_frames=None, size_in=None, needs_label=False)[0]


def test_no_set_at_all(tmp_path):
    with pytest.raises(InputError, match="no picture at any depth"):
        Mlfdb(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        Mlfdb(tmp_path / "absent")


@pytest.fixture
def shared_like(tmp_path):
    def table(name: str, *rows: dict[str, str]) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)

    table("train_faces/index.csv", {"file": "a/1.png"}, {"file": "a/2.png"}, {"file": "a/unlisted.png"})
    clips = [
        {"clip": "c_sparse", "identity": "c", "kind": "sparse"},
        {"clip": "c_dense", "identity": "c", "kind": "dense"},
        {"clip": "y/d", "identity": "d", "kind": "photoset_video"},
    ]
    table("clips/index.csv", *clips)
    splits = {"train_faces/a/1.png": "train", "train_faces/a/2.png": "valid", "clips/c_sparse": "train"}
    splits |= {"clips/c_dense": "train", "clips/y/d": "valid"}
    table("splits.csv", *({"path": path, "split": split} for path, split in splits.items()))
    for clip in clips:
        for i in (0, 1, 10):
            write_picture(tmp_path / "clips" / clip["clip"] / f"{i}.png", grey(8))
    return tmp_path


def test_the_workplaces_form(shared_like):
    data = SharedData(shared_like)
    assert data.stills("valid") == [shared_like / "train_faces/a/2.png"]
    assert [(clip.name, clip.kind, clip.identity) for clip in data.clips("train")] == [
        ("c_sparse", "sparse", "c"),
        ("c_dense", "dense", "c"),
    ]
    assert [path.name for path in data.clips("valid", "photoset_video")[0].paths] == ["0.png", "1.png", "10.png"]
    assert data.clips("valid", "dense") == []


def test_the_workplaces_form_when_something_is_wrong(shared_like):
    data = SharedData(shared_like)
    with pytest.raises(InputError, match="It has train, valid"):
        data.stills("test")
    with pytest.raises(InputError, match="It has dense, photoset_video, sparse"):
        data.clips("train", "thick")
    with pytest.raises(InputError, match=r"splits\.csv"):
        SharedData(shared_like / "clips")
    (shared_like / "splits.csv").write_text("file,part\na,b\n")
    with pytest.raises(InputError, match="lacks the column path, split"):
        SharedData(shared_like)


@pytest.mark.shared
def test_the_workplace_itself(shared):
    data = SharedData(shared / "data")
    train, valid = data.stills("train"), data.stills("valid")
    assert len(train) > 10_000
    assert len(valid) > 1_000
    assert not set(train) & set(valid)
    assert all(path.is_file() for path in valid[:50])
    seen = {split: {clip.identity for clip in data.clips(split)} for split in ("train", "valid")}
    assert not seen["train"] & seen["valid"]
    assert {clip.kind for clip in data.clips("valid")} == {"sparse", "dense", "photoset_video"}


def write_celeba(root: Path) -> None:
    """A CelebA of six pictures in torchvision's form (two a split: torchvision's class stumbles over a split of one)."""
    folder = root / "celeba"
    names = [f"00000{i}.jpg" for i in range(1, 7)]
    for name in names:
        write_picture(folder / "img_align_celeba" / name, grey(16))

    def lines(file: str, head: str, tail: str) -> None:
        (folder / file).write_text(head + "".join(f"{name} {tail}\n" for name in names))

    (folder / "list_eval_partition.txt").write_text(
        "".join(f"{name} {i}\n" for name, i in zip(names, (0, 0, 1, 1, 2, 2), strict=True))
    )
    lines("identity_CelebA.txt", "", "7")
    lines("list_bbox_celeba.txt", "6\nimage_id x_1 y_1 width height\n", "1 2 3 4")
    lines("list_landmarks_align_celeba.txt", "6\nlefteye_x lefteye_y\n", "1 2")
    lines("list_attr_celeba.txt", "6\nSmiling Young\n", "1 -1")


def test_celeba(tmp_path, monkeypatch):
    from torchvision.datasets import CelebA

    with pytest.raises(InputError, match=r"holds no whole CelebA.*img_align_celeba"):
        celeba_stills(tmp_path)
    write_celeba(tmp_path)
    # The real lists have fixed checksums, which made ones cannot have.
    monkeypatch.setattr(CelebA, "_check_integrity", lambda _: True)
    assert [path.name for path in celeba_stills(tmp_path)] == ["000001.jpg", "000002.jpg"]
    assert [path.name for path in celeba_stills(tmp_path, "valid")] == ["000003.jpg", "000004.jpg"]
    assert all(path.is_file() for path in celeba_stills(tmp_path, "all"))
    with pytest.raises(RangeError, match="train, valid, test or all"):
        celeba_stills(tmp_path, "training")


def write_lfw(root: Path) -> None:
    for name, n in (("Ada_Lovelace", 2), ("Alan_Turing", 1)):
        for i in range(1, n + 1):
            write_picture(root / "lfw_home" / "lfw_funneled" / name / f"{name}_{i:04d}.jpg", grey(250, 100))
    for target in ("pairsDevTrain.txt", "pairsDevTest.txt", "pairs.txt"):
        (root / "lfw_home" / target).write_text("0\n")


def test_lfw(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="fetch_lfw_people"):
        lfw_stills(tmp_path)
    assert names(tmp_path) == []
    write_lfw(tmp_path)
    wanted = ["Ada_Lovelace_0001.jpg", "Ada_Lovelace_0002.jpg", "Alan_Turing_0001.jpg"]
    assert [path.name for path in lfw_stills(tmp_path)] == wanted
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    assert len(lfw_stills()) == 3
    with pytest.raises(InputError, match="funneled=False"):
        lfw_stills(funneled=False)


def test_scikit_learn_looks_for_lfw_in_the_same_place(tmp_path):
    from sklearn.datasets import fetch_lfw_people

    write_lfw(tmp_path)
    theirs = fetch_lfw_people(data_home=str(tmp_path), download_if_missing=False, color=True)
    assert len(theirs.images) == len(lfw_stills(tmp_path))
