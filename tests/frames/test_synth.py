"""Made data sets: in MLFDB's form, the same however often the run was stopped, and never half-written."""

import errno
import json

import numpy as np
import pytest

from sharpening.errors import InputError
from sharpening.frames import synth
from sharpening.frames.degrade import DegradeParams, apply, settings
from sharpening.frames.layouts import Mlfdb
from sharpening.frames.synth import centre_square, synthesise
from sharpening.imaging.files import read_picture, write_picture

HOW = settings("thesis")


@pytest.fixture
def stills(tmp_path, made_face, rng):
    return [write_picture(tmp_path / f"stills/{name}.png", made_face(160, rng)) for name in ("anna", "ben")]


def contents(root) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}


def test_the_set_reads_as_mlfdb_and_can_be_made_again_from_its_parameters(stills, tmp_path):
    seen = []
    done = synthesise(stills, tmp_path / "set", how=HOW, per_still=2, progress=lambda *counts: seen.append(counts))
    assert (done.made, done.kept, done.left_out) == (4, 0, {})
    assert seen == [(2, 4), (4, 4)]
    sequences = Mlfdb(tmp_path / "set")
    assert len(sequences) == 4
    assert sequences[0].frames.shape == (7, 32, 32, 3)
    assert sequences[0].label.shape == (128, 128, 3)
    folder = tmp_path / "set" / "00001_ben_1"
    params = DegradeParams.from_json((folder / "params.json").read_text())
    again = apply(read_picture(stills[1]), params)
    assert np.array_equal(again.label, read_picture(folder / "label.png"))
    assert all(np.array_equal(frame, read_picture(folder / f"frame_{i}.png")) for i, frame in enumerate(again.frames))


def test_a_stopped_run_ends_as_an_unbroken_one(stills, tmp_path):
    synthesise(stills, tmp_path / "whole", how=HOW)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthesise(stills, tmp_path / "stopped", how=HOW, progress=stop)
    done = synthesise(stills, tmp_path / "stopped", how=HOW)
    assert (done.made, done.kept) == (1, 1)
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


def test_a_full_disk_leaves_no_half_sequence(stills, tmp_path, monkeypatch):
    def full(path, *args, **kwargs):
        if path.name == "label.png":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_picture(path, *args, **kwargs)

    monkeypatch.setattr(synth, "write_picture", full)
    with pytest.raises(OSError, match="No space left"):
        synthesise(stills, tmp_path / "set", how=HOW)
    assert [p.name for p in (tmp_path / "set").iterdir()] == ["set.json"]


def test_other_settings_do_not_mix_into_a_set(stills, tmp_path):
    synthesise(stills, tmp_path / "set", how=HOW)
    with pytest.raises(InputError, match="other settings"):
        synthesise(stills, tmp_path / "set", how=settings("h264"))
    assert json.loads((tmp_path / "set" / "set.json").read_text())["how"]["name"] == "thesis"


def test_stills_that_cannot_be_used_are_left_out_with_the_reason(stills, tmp_path, made_face):
    small = write_picture(tmp_path / "stills/small.png", made_face(64))
    broken = tmp_path / "stills/broken.png"
    broken.write_bytes(b"no picture")
    done = synthesise([small, broken, *stills], tmp_path / "set", how=HOW)
    assert done.made == 2
    assert "64 px" in done.left_out[str(small)]
    assert str(broken) in done.left_out
    with pytest.raises(InputError, match="no stills"):
        synthesise([], tmp_path / "none", how=HOW)


def test_centre_square():
    picture = np.arange(4 * 10 * 3, dtype=np.uint8).reshape(4, 10, 3)
    assert np.array_equal(centre_square(picture), picture[:, 3:7])


def test_a_set_goes_on_with_more_stills_at_its_end_and_with_no_others(stills, tmp_path, made_face, rng):
    root = tmp_path / "set"
    synthesise(stills, root, how=HOW)
    later = write_picture(tmp_path / "stills/carl.png", made_face(160, rng))
    done = synthesise([*stills, later], root, how=HOW)
    assert (done.made, done.kept) == (1, 2)
    first = write_picture(tmp_path / "stills/aaron.png", made_face(160, rng))
    for others in ([first, *stills, later], stills, stills[::-1]):
        with pytest.raises(InputError, match="other stills"):
            synthesise(others, root, how=HOW)
    facts = json.loads((root / "set.json").read_text())
    assert facts.pop("stills") == ["stills/anna.png", "stills/ben.png", "stills/carl.png"]
    (root / "set.json").write_text(json.dumps(facts))  # as sets were before their stills were noted
    assert synthesise([*stills, later], root, how=HOW).kept == 3
