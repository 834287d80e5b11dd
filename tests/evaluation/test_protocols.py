"""Protocols: the same pixels in every run, and what they say they are."""

import hashlib
import importlib.metadata
import json
from pathlib import Path

import numpy as np
import pytest

from sharpening.errors import InputError
from sharpening.evaluation.protocols import PROTOCOLS, samples
from sharpening.evaluation.sample import stills
from sharpening.frames.degrade import presets
from sharpening.frames.layouts import SharedData

RESULTS = Path(__file__).parents[2] / "docs/results"
# Of what is drawn for the six stills of the made data. Rows are stored under these dice: a change here is another benchmark.
DICE = {
    "stills": "c1c0d5b05c1d3182",
    "h264": "4e41d1228670c996",
    "damaged-middle": "552221172a117af6",
    "noise-others": "6d51322a540ed62d",
    "sections": "dd53c0e5574fc8fb",
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_two_runs_give_the_same_pixels_and_another_seed_does_not(protocol, small_data):
    first, second, other = (list(samples(protocol, small_data, seed=seed)) for seed in (0, 0, 1))
    assert [s.name for s in first] == [s.name for s in second]
    assert all(np.array_equal(a.frames, b.frames) and np.array_equal(a.label, b.label) for a, b in zip(first, second, strict=True))
    assert not all(np.array_equal(a.frames, b.frames) for a, b in zip(first, other, strict=True))
    n = int(protocol.removeprefix("n-")) if protocol.startswith("n-") else 7
    assert all(s.frames.shape == (n, 32, 32, 3) and s.label.shape == (128, 128, 3) for s in first)


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


@pytest.mark.parametrize("preset", DICE)
def test_the_dice_of_stored_rows_have_not_changed(preset, small_data):
    """The drawn numbers, not the pixels: those depend on the coder that is installed."""
    drawn = [still.damage(preset) for still in stills(SharedData(small_data), 0, "valid")]
    numbers = [
        (p.size_in, p.size_out, p.crf, [round(v, 9) for v in p.view], [_numbers(frame) for frame in p.frames]) for p in drawn
    ]
    assert hashlib.sha256(json.dumps(numbers).encode()).hexdigest()[:16] == DICE[preset]


def _numbers(frame) -> list:
    damage = (frame.angle, frame.zoom, frame.dx, frame.dy, frame.gain, frame.offset, frame.blur, frame.noise)
    regions = [[r.kind, *(round(v, 9) for v in (r.x, r.y, r.size, r.strength)), list(r.colour), r.part] for r in frame.regions]
    return [[round(v, 9) for v in damage], frame.quality, frame.garbage, frame.seed, regions]


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["stills", "noise-others", "clips"])
def test_stored_rows_are_of_the_pixels_of_today(protocol, shared):
    facts = json.loads((RESULTS / f"{protocol}.json").read_text(encoding="utf-8"))
    for package in ("opencv-python-headless", "av"):
        if (now := importlib.metadata.version(package)) != facts["versions"].get(package, now):
            pytest.skip(f"needs the {package} that made the rows, here is {now}")
    digest = hashlib.sha256()
    for sample in samples(protocol, shared / "data", seed=facts["seed"], split=facts["split"]):
        digest.update(sample.frames.tobytes() + sample.label.tobytes())
    assert digest.hexdigest() == facts["inputs_sha256"]
