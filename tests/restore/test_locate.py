"""Long films: searched in steps first, then frame by frame where the picture is taken from; memory stays bounded."""

from __future__ import annotations

import numpy as np
import pytest

from sharpening.errors import NoFaceFound
from sharpening.frames.video import write_film
from sharpening.imaging.files import write_picture
from sharpening.restore import cropped as cropped_module
from sharpening.restore import locate as locate_module
from sharpening.restore.film_face import find_in_film
from sharpening.restore.locate import locate
from sharpening.restore.located import Choice
from sharpening.restore.source import open_source
from tests.restore_helpers import crops, face_frames


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


@pytest.fixture(scope="module")
def pair_film(astronaut_face, tmp_path_factory):
    """Two persons side by side, of whom the left one leaves after frame 34 of 60."""
    left, right = (face_frames(face, 60) for face in (astronaut_face, astronaut_face[:, ::-1]))
    for picture in left[35:]:
        picture[:] = 120
    # Nobody moves much: the film is long enough as it is.
    frames = [np.hstack([left[i if i >= 35 else i // 4], right[i // 4]]) for i in range(60)]
    return write_film(tmp_path_factory.mktemp("films") / "pair.mp4", frames, crf=18)


@pytest.mark.parametrize("most", [10, 240], ids=["in steps", "frame by frame"])
def test_face_that_left_is_not_replaced_by_another(pair_film, monkeypatch, most) -> None:
    monkeypatch.setattr(locate_module, "MOST_SEARCHED", most)
    with pytest.raises(NoFaceFound, match=r"face 0 from the left.*--middle 3[0-4]"):
        locate(open_source(pair_film), Choice(face=0, middle=58), n=7, size=32)


@pytest.mark.usefixtures("in_steps")
def test_each_of_two_faces_is_restored_where_it_is(pair_film) -> None:
    left = locate(open_source(pair_film), Choice(face=0, middle=15), n=7, size=32)
    assert all(square[0] < 128 for square in left.squares)
    right = locate(open_source(pair_film), Choice(face=1, middle=55), n=7, size=32)
    assert all(square[0] > 128 for square in right.squares)


@pytest.mark.usefixtures("in_steps")
def test_face_that_is_looked_for_anew_is_reported_so(film, monkeypatch) -> None:
    real = locate_module.follow_face

    def elsewhere(frames, *, box=None, **options):
        """The box misses the face: it went too far between two searched frames."""
        return real(frames, box=None if box is None else (90, 60, 30, 30), **options)

    monkeypatch.setattr(locate_module, "follow_face", elsewhere)
    located = locate(open_source(film), Choice(middle=20), n=5, size=32)
    assert located.indexes == (18, 19, 20, 21, 22)
    assert "looked for anew" in located.choice
    with pytest.raises(NoFaceFound, match="face 0 from the left"):
        locate(open_source(film), Choice(face=0, middle=20), n=5, size=32)


@pytest.mark.usefixtures("in_steps")
def test_usable_frames_are_those_of_the_whole_search(astronaut_face, tmp_path) -> None:
    frames = [frame for frame in face_frames(astronaut_face, 25) for _ in range(8)]
    located = locate(open_source(write_film(tmp_path / "long.mp4", frames, crf=18)), Choice(middle=20), n=1, size=32)
    assert located.step == 20
    assert located.n_usable > 10  # 10 in steps, 7 round the middle, one of them both


@pytest.fixture
def cropped_in_steps(monkeypatch) -> None:
    monkeypatch.setattr(cropped_module, "MOST_SEARCHED", 2)


@pytest.mark.usefixtures("cropped_in_steps")
def test_any_frame_of_a_long_cropped_input_can_be_the_middle() -> None:
    source = open_source(crops(70))
    located = locate(source, Choice(middle=33), n=5, size=32)
    assert located.step == 7
    assert located.indexes == (31, 32, 33, 34, 35)
    assert located.n_usable == 10 + 31 - 4  # in steps, round the middle, and those that are both
    assert np.array_equal(np.diff(locate(source, Choice(), n=5, size=32).indexes), np.ones(4))


@pytest.mark.usefixtures("cropped_in_steps")
def test_short_part_of_a_long_cropped_input_is_not_thinned() -> None:
    located = locate(open_source(crops(70)), Choice(start=30, stop=40), n=5, size=32)
    assert (located.step, located.n_usable) == (1, 10)


@pytest.mark.usefixtures("cropped_in_steps")
def test_label_among_many_cropped_frames_is_left_out_wherever_it_lies(tmp_path) -> None:
    for i, frame in enumerate(crops(40)):
        write_picture(tmp_path / f"{i}.png", frame if i != 21 else np.zeros((128, 128, 3), np.uint8))
    located = locate(open_source(tmp_path), Choice(middle=20), n=5, size=32)
    assert located.indexes == (17, 18, 20, 19, 22)
    assert "much larger" in located.skipped[21]


@pytest.mark.parametrize(("side", "kept"), [(24, 32), (32, 32), (46, 48), (64, 64), (200, 64)])
def test_cropped_frames_keep_their_pixels_as_found_faces_do(side, kept) -> None:
    source = open_source(crops(3, side=side))
    located = locate(source, Choice(cropped=True), n=3, size=32, largest=64)
    assert located.sequence.frames.shape == (3, kept, kept, 3)
    assert find_in_film(source, Choice(cropped=True), size=32, largest=64).size == kept
    assert locate(source, Choice(cropped=True), n=3, size=32).sequence.frames.shape == (3, 32, 32, 3)
