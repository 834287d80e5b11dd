"""Protocols: the same pixels in every run, and what they say they are."""

import numpy as np
import pytest

from sharpening.errors import InputError
from sharpening.evaluation.protocols import PROTOCOLS, samples
from sharpening.frames.degrade import presets


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_two_runs_give_the_same_pixels_and_another_seed_does_not(protocol, small_data):
    first, second, other = (list(samples(protocol, small_data, seed=seed)) for seed in (0, 0, 1))
    assert [s.name for s in first] == [s.name for s in second]
    assert all(np.array_equal(a.frames, b.frames) and np.array_equal(a.label, b.label) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a.frames, b.frames) for a, b in zip(first, other, strict=True))
    assert all(s.frames.shape == (7, 32, 32, 3) and s.label.shape == (128, 128, 3) for s in first)


def test_stills_protocols_show_the_same_people_in_the_same_order(small_data):
    names = [
        [s.name for s in samples(protocol, small_data)] for protocol in PROTOCOLS if protocol in presets and protocol != "sections"
    ]
    assert len(names) == 4
    assert all(n == names[0] for n in names)
    assert len(names[0]) == 6  # the still of the train split is not among them


def test_limit_gives_the_first_ones(small_data):
    assert [s.name for s in samples("stills", small_data, limit=2)] == [s.name for s in samples("stills", small_data)][:2]


def test_clips_keep_their_own_motion_and_their_groups(small_data):
    found = list(samples("clips", small_data))
    assert {s.group for s in found} == {"sparse", "dense"}
    assert len({s.cluster for s in found}) == 1
    frames = found[0].frames.astype(int)
    assert np.abs(frames[0] - frames[6]).mean() > np.abs(frames[2] - frames[3]).mean()


def test_names_of_people_do_not_show(small_data):
    assert not any(
        "made" in s.name or "one" in s.name for protocol in ("stills", "clips", "sections") for s in samples(protocol, small_data)
    )


def test_unknown_protocols_and_empty_folders_are_refused(small_data, tmp_path):
    with pytest.raises(KeyError, match="known: stills"):
        next(samples("nonsense", small_data))
    with pytest.raises(InputError, match="split"):
        next(samples("stills", tmp_path))
