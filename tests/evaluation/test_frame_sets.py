"""Protocols that change the frames beside the middle: what changes, and what does not."""

import shutil
from itertools import pairwise

import numpy as np
import pytest

from sharpening.errors import InputError
from sharpening.evaluation.frame_sets import COUNTS, MOTIONS, person_others
from sharpening.evaluation.protocols import samples
from sharpening.evaluation.sample import code
from sharpening.frames.layouts import SharedData

OTHERS = [0, 1, 2, 4, 5, 6]
BESIDE = ["noise-others", "person-others", "occluder-others", *(f"n-{n}" for n in COUNTS), *(f"motion-{p}" for p in MOTIONS)]


@pytest.fixture(scope="module")
def made(small_data):
    return {protocol: list(samples(protocol, small_data)) for protocol in ("stills", *BESIDE)}


@pytest.mark.parametrize("protocol", BESIDE)
def test_middle_and_label_are_those_of_stills(protocol, made):
    for sample, plain in zip(made[protocol], made["stills"], strict=True):
        assert (sample.name, sample.group, sample.cluster) == (plain.name, protocol, plain.name)
        assert np.array_equal(sample.frames[sample.middle], plain.frames[plain.middle])
        assert np.array_equal(sample.label, plain.label)


@pytest.mark.parametrize("protocol", ["noise-others", "person-others", "occluder-others"])
def test_all_others_change(protocol, made):
    for sample, plain in zip(made[protocol], made["stills"], strict=True):
        assert all(_apart(sample.frames[i], plain.frames[i]) > 8 for i in OTHERS)


def test_strangers_are_the_next_person_moved_alike(made):
    plain = made["stills"]
    for i, sample in enumerate(made["person-others"]):
        stranger = plain[(i + 1) % len(plain)]
        nearer = [_apart(sample.frames[j], stranger.frames[j]) < _apart(sample.frames[j], plain[i].frames[j]) for j in OTHERS]
        assert all(nearer)


def test_one_person_alone_has_no_stranger(small_data, tmp_path):
    shutil.copytree(small_data, tmp_path / "data")
    lines = (tmp_path / "data/splits.csv").read_text().splitlines()
    kept = [line for line in lines if not line.startswith("train_faces") or line.startswith("train_faces/made/3.")]
    (tmp_path / "data/splits.csv").write_text("\n".join(kept) + "\n")
    with pytest.raises(InputError, match="one person"):
        list(person_others(SharedData(tmp_path / "data"), 0, "valid"))


def test_stills_of_one_person_are_no_strangers_and_count_as_one(small_data, tmp_path):
    root = shutil.copytree(small_data, tmp_path / "data")
    order = [sample.name for sample in samples("stills", root)]
    index = root / "train_faces/index.csv"
    files = [line.split(",")[0] for line in index.read_text().splitlines()[1:]]
    first = [file for file in files if code(f"train_faces/{file}") in order[:2]]
    index.write_text("file,identity\n" + "".join(f"{file},{'ada' if file in first else ''}\n" for file in files))
    plain, found = list(samples("stills", root)), list(samples("person-others", root))
    assert [sample.cluster for sample in plain] == [code("ada"), code("ada"), *order[2:]]
    for i in range(2):
        nearer = [
            _apart(found[i].frames[j], plain[2].frames[j]) < _apart(found[i].frames[j], plain[1 - i].frames[j]) for j in OTHERS
        ]
        assert all(nearer)


def test_occluders_cover_about_half_in_colours_of_their_own(made):
    for sample, plain in zip(made["occluder-others"], made["stills"], strict=True):
        covered, colours = [], []
        for i in OTHERS:
            centre = sample.frames[i][12:20, 12:20].astype(float)
            colours.append(centre.mean(axis=(0, 1)))
            changed = np.abs(sample.frames[i].astype(float) - plain.frames[i]).max(axis=2) > 40
            covered.append(changed.mean())
            assert centre.std(axis=(0, 1)).max() < 25  # one colour, less what the coding makes of it
        assert 0.35 < np.mean(covered) < 0.8  # the coding carries the colour over the border
        apart = [np.abs(a - b).max() for k, a in enumerate(colours) for b in colours[:k]]
        assert min(apart) > 3


def test_each_number_of_frames_has_all_of_the_smaller_ones(made):
    for fewer, more in pairwise(COUNTS):
        for small, large in zip(made[f"n-{fewer}"], made[f"n-{more}"], strict=True):
            known = [frame.tobytes() for frame in large.frames]
            places = [known.index(frame.tobytes()) for frame in small.frames]
            assert len(set(known)) == more  # nothing twice: each more is new
            assert places == list(range(places[0], places[0] + fewer))
            assert places[small.middle] == large.middle


def test_seven_frames_are_those_of_stills(made):
    assert all(np.array_equal(a.frames, b.frames) for a, b in zip(made["n-7"], made["stills"], strict=True))


def test_less_motion_is_nearer_to_the_middle(made):
    def moved(protocol: str) -> float:
        return float(np.mean([_apart(s.frames[i], s.frames[3], light=False) for s in made[protocol] for i in OTHERS]))

    amounts = [moved(protocol) for protocol in (*(f"motion-{p}" for p in MOTIONS), "stills")]
    assert amounts == sorted(amounts)
    assert amounts[-1] > 1.5 * amounts[0]  # what is left without motion are errors of the coding


def _apart(a: np.ndarray, b: np.ndarray, *, light: bool = True) -> float:
    """Mean difference [grey levels]; without that of the light, if wanted."""
    difference = a.astype(float) - b
    return float(np.abs(difference - (0 if light else difference.mean(axis=(0, 1)))).mean())
