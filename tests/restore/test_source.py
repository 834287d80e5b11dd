"""What is told of an input, besides its frames."""

from __future__ import annotations

import warnings
from pathlib import Path

import av
import pytest
from PIL import Image

from sharpening.frames.video import write_film
from sharpening.restore import source as source_module
from sharpening.restore.source import open_source
from tests.film_helpers import overwritten, smooth_film
from tests.restore_helpers import crops


@pytest.fixture
def film(tmp_path) -> Path:
    return write_film(tmp_path / "film.mp4", crops(40, seed=3), crf=10)


def counts(source) -> tuple[int | None, ...]:
    facts = source.facts()
    return facts["n_frames"], facts["n_frames_promised"], facts["n_frames_decoded"]


def test_the_frames_of_a_film_are_counted_and_its_promise_is_told(film) -> None:
    source = open_source(film)
    assert len(list(source.read(stop=5))) == 5
    assert counts(source) == (40, 40, None)
    with av.open(str(film)) as container:
        places = sorted(packet.pos for packet in container.demux(video=0) if packet.pos)
    film.write_bytes(film.read_bytes()[: places[19]])
    cut = open_source(film)
    n = len(list(cut.read()))
    assert n < 25
    assert counts(cut) == (n, 40, n)
    assert any(f"after {n} frames" in note for note in cut.notes)
    cut = open_source(film)
    assert len(list(cut.read(step=10))) < 4
    assert counts(cut) == (n, 40, n)


def test_damage_is_noted_once(tmp_path) -> None:
    source = open_source(overwritten(smooth_film(tmp_path / "film.mp4")))
    for _ in range(2):
        list(source.read())
    assert len(source.notes) == len(set(source.notes)) >= 1
    assert any("concealed" in note for note in source.notes)


def test_other_warnings_stay_warnings(film, monkeypatch) -> None:
    real = source_module.read_film

    def noisy(*arguments, **options):
        warnings.warn("something else", RuntimeWarning, stacklevel=1)
        yield from real(*arguments, **options)

    monkeypatch.setattr(source_module, "read_film", noisy)
    source = open_source(film)
    with pytest.warns(RuntimeWarning, match="something else"):
        list(source.read())
    assert source.notes == []


def test_a_gif_of_one_picture_is_a_picture(tmp_path) -> None:
    Image.fromarray(crops(1)[0]).save(tmp_path / "face.gif")
    source = open_source(tmp_path / "face.gif")
    assert (source.kind, source.n) == ("pictures", 1)
    assert next(source.read())[1].shape == (32, 32, 3)
