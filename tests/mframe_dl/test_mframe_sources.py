"""Finding and splitting the items of every kind of source."""

import numpy as np
import pytest

from sharpening.errors import InputError, RangeError, ShapeError
from sharpening.frames.degrade import settings
from sharpening.frames.synth import synthesise
from sharpening.imaging.files import write_picture
from sharpening.mframe_dl.sources import find_items


def names(items) -> set[str]:
    return {item.name for item in items}


def test_folder_of_sequences_and_folder_of_stills_are_told_apart(sequences_folder, stills_folder) -> None:
    assert all(item.is_dir() for item in find_items(sequences_folder).items)
    assert all(item.suffix == ".png" for item in find_items(stills_folder).items)


def test_kind_overrides_what_the_folder_looks_like(sequences_folder) -> None:
    split = find_items(sequences_folder, kind="stills")
    assert len(split.items) == 5 * 6


def test_random_split_is_repeatable_disjoint_and_complete(stills_folder) -> None:
    split = find_items(stills_folder, seed=3, valid_pct=0.4)
    assert (len(split.train), len(split.valid)) == (3, 2)
    assert not names(split.train) & names(split.valid)
    assert split == find_items(stills_folder, seed=3, valid_pct=0.4)
    seeds = {frozenset(names(find_items(stills_folder, seed=seed, valid_pct=0.4).valid)) for seed in range(8)}
    assert len(seeds) > 1


def test_tiny_share_still_leaves_one_for_each_side(sequences) -> None:
    split = find_items(sequences[:2], valid_pct=0.01)
    assert (len(split.train), len(split.valid)) == (1, 1)
    split = find_items(sequences[:2], valid_pct=0.99)
    assert (len(split.train), len(split.valid)) == (1, 1)


def test_own_splits_are_kept(tmp_path, sequences, stills_folder) -> None:
    split = find_items({"train": sequences[:3], "valid": sequences[4:]})
    assert (names(split.train), names(split.valid)) == ({"person_0", "person_1", "person_2"}, {"person_4"})
    for part, numbers in (("train", (0, 1)), ("valid", (2,))):
        for i in numbers:
            write_picture(tmp_path / part / f"{i}.png", np.full((40, 40, 3), i, np.uint8))
    split = find_items(tmp_path)
    assert (names(split.train), names(split.valid)) == ({"0.png", "1.png"}, {"2.png"})
    split = find_items(sequences, splitter=lambda items: ([0], [1, 2]))
    assert names(split.valid) == {"person_1", "person_2"}


def test_shared_data_brings_its_split(shared) -> None:
    split = find_items(shared / "data")
    assert len(split.train) > 5000 < 10 * len(split.valid)
    assert not names(split.train) & names(split.valid)


def test_cut_spreads_over_the_validation_items(sequences) -> None:
    split = find_items({"train": sequences[:1], "valid": sequences})
    assert split.cut(None) is split
    assert split.cut(9) is split
    assert [item.name for item in split.cut(3).valid] == ["person_0", "person_2", "person_4"]
    assert len(split.cut(0).valid) == 1


def test_impossible_sources_are_told(tmp_path, sequences, stills_folder) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty"):
        find_items(tmp_path / "empty")
    with pytest.raises(InputError, match="cannot be split"):
        find_items(sequences[:1])
    with pytest.raises(InputError, match="no valid"):
        find_items({"train": sequences})
    with pytest.raises(InputError, match="validation"):
        find_items(sequences, splitter=lambda items: (range(5), []))
    with pytest.raises(ShapeError, match="one kind"):
        find_items([*sequences, stills_folder / "person_0.png"])
    with pytest.raises(RangeError, match="kind"):
        find_items(stills_folder, kind="films")
    with pytest.raises(RangeError, match="valid_pct"):
        find_items(stills_folder, valid_pct=1.5)


def sequence_in(folder, side=16, label=None, n=3) -> None:
    for k in range(n):
        write_picture(folder / f"{k}.png", np.full((side, side, 3), 40 * k, np.uint8))
    if label is not None:
        write_picture(folder / label, np.full((64, 64, 3), 9, np.uint8))


def test_a_folder_without_a_label_is_told_at_once_wherever_it_stands(tmp_path) -> None:
    for i, label in enumerate((None, "label.png", "label.png")):
        sequence_in(tmp_path / f"s{i}", label=label)
    for kind in (None, "sequences"):
        with pytest.raises(InputError, match=r"1 folder\(s\) without a label: s0"):
            find_items(tmp_path, kind=kind)
    sequence_in(tmp_path / "s0", label="sharp.png")  # known by its size
    assert all(item.is_dir() for item in find_items(tmp_path).items)


def test_sequences_of_one_still_stay_on_one_side(tmp_path) -> None:
    write_picture(tmp_path / "in" / "a.png", np.zeros((160, 160, 3), np.uint8))
    for name in "bcd":
        write_picture(tmp_path / "in" / f"{name}.png", np.full((160, 160, 3), ord(name), np.uint8))
    stills = sorted((tmp_path / "in").iterdir())
    synthesise(stills, tmp_path / "set", how=settings("thesis"), n_frames=2, per_still=3)
    for seed in range(6):
        split = find_items(tmp_path / "set", seed=seed, valid_pct=0.3)
        assert len(split.items) == 12
        of = [{item.name.rpartition("_")[0] for item in part} for part in (split.train, split.valid)]
        assert not of[0] & of[1]
        assert len(of[0]) + len(of[1]) == 4
    one = tmp_path / "one"
    synthesise(stills[:1], one, how=settings("thesis"), n_frames=2, per_still=3)
    with pytest.raises(InputError, match="3 sequences of one still"):
        find_items(one)
