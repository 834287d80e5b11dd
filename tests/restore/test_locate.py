"""Long films: searched in steps first, then frame by frame where the picture is taken from; memory stays bounded."""

from __future__ import annotations

import numpy as np
import pytest

from sharpening.frames.video import write_film
from sharpening.restore import locate as locate_module
from sharpening.restore.locate import locate
from sharpening.restore.located import Choice
from sharpening.restore.source import open_source
from tests.restore_helpers import face_frames


@pytest.fixture(scope="module")
def film(astronaut_face, tmp_path_factory):
    frames = face_frames(astronaut_face, 30)
    frames[:4] = [np.full_like(frames[0], 120)] * 4
    return write_film(tmp_path_factory.mktemp("films") / "long.mp4", frames, crf=18)


@pytest.fixture
def in_steps(monkeypatch) -> None:
    monkeypatch.setattr(locate_module, "MOST_SEARCHED", 10)


@pytest.mark.usefixtures("in_steps")
def test_long_film_is_searched_in_steps_and_restored_from_neighbours(film) -> None:
    located = locate(open_source(film), Choice(), n=7, size=32)
    assert located.step == 3
    assert np.array_equal(np.diff(located.indexes), np.ones(6))
    centres = np.array([square[0] for square in located.squares])
    assert np.abs(np.diff(centres) - 1.2).max() < 0.5


@pytest.mark.usefixtures("in_steps")
def test_middle_between_the_steps(film) -> None:
    located = locate(open_source(film), Choice(middle=20), n=5, size=32)
    assert located.indexes == (18, 19, 20, 21, 22)


@pytest.mark.usefixtures("in_steps")
def test_start_counts_in_frames_of_the_film(film) -> None:
    located = locate(open_source(film), Choice(start=10, stop=16), n=7, size=32)
    assert located.indexes == (10, 11, 12, 13, 14, 15)


def test_number_of_frames_in_memory_is_bounded(film, monkeypatch) -> None:
    alive, most = set(), 0
    real = locate_module.readable

    def counted(*arguments):
        nonlocal most
        for index, picture in real(*arguments):
            alive.add(index)
            most = max(most, len(alive))
            yield index, picture
            alive.discard(index)

    monkeypatch.setattr(locate_module, "readable", counted)
    locate(open_source(film), Choice(), n=7, size=32)
    assert most == 1
