"""Films: reading frame by frame, writing, and what is no film."""

from __future__ import annotations

import errno
import os
import tracemalloc
import warnings
import weakref
from pathlib import Path

import av
import av.logging
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sharpening.errors import InputError, RangeError, ShapeError, SharpeningError
from sharpening.frames.video import FilmDamagedWarning, FilmLog, film_info, is_film, read_film, write_film
from sharpening.imaging.files import WriteError, write_picture
from tests.film_helpers import overwritten, smooth_film


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def marked(index: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A frame whose grey level tells its number."""
    frame = np.full((height, width, 3), 20 + 3 * index, np.uint8)
    frame[: height // 4, : width // 4] = (250, 30, 30)
    return frame


def number(frame: np.ndarray) -> int:
    return round((int(frame[-4:, -4:].mean()) - 20) / 3)


@pytest.fixture(scope="session")
def film(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("film") / "marked.mp4"
    return write_film(path, (marked(i) for i in range(60)), crf=10)


@pytest.fixture(scope="session")
def busy(tmp_path_factory) -> Path:
    """A film of noise: nearly every byte of it matters."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("film") / "busy.mp4"
    return write_film(path, (rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(30)))


def test_frames_come_whole_and_in_order(film):
    frames = list(read_film(film))
    assert [number(frame) for frame in frames] == list(range(60))
    assert frames[0].shape == (48, 64, 3)
    assert frames[0].dtype == np.uint8
    assert np.abs(frames[5][:8, :12].astype(int) - (250, 30, 30)).mean() < 6  # red stays red: neither BGR nor another matrix


@pytest.mark.parametrize(
    ("choice", "wanted"),
    [
        ({"start": 55}, range(55, 60)),
        ({"stop": 3}, range(3)),
        ({"start": 10, "stop": 31, "step": 10}, (10, 20, 30)),
        ({"step": 25}, (0, 25, 50)),
        ({"stop": 0}, ()),
        ({"start": 99}, ()),
    ],
)
def test_a_part_of_a_film(film, choice, wanted):
    assert [number(frame) for frame in read_film(film, **choice)] == list(wanted)


@pytest.mark.parametrize("choice", [{"start": -1}, {"stop": -1}, {"step": 0}])
def test_wrong_parts_are_refused_at_the_call(film, choice):
    with pytest.raises(RangeError, match="at least"):
        read_film(film, **choice)


def test_info(film):
    info = film_info(film)
    assert (info.n_frames, info.fps, info.width, info.height) == (60, 25.0, 64, 48)
    assert info.seconds == pytest.approx(2.4)


def test_few_frames_are_alive_at_any_time(tmp_path):
    rng = np.random.default_rng(0)
    block = rng.integers(0, 256, (240, 400, 3), dtype=np.uint8) // 8 * 8
    path = write_film(tmp_path / "long.mp4", (np.ascontiguousarray(block[:, i % 80 :][:, :320]) for i in range(300)), crf=40)
    alive: list[weakref.ref] = []
    most = count = 0
    tracemalloc.start()
    for frame in read_film(path):
        alive = [ref for ref in (*alive, weakref.ref(frame)) if ref() is not None]
        most, count = max(most, len(alive)), count + 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 300
    assert most <= 3
    assert peak < 10 * 240 * 320 * 3  # all 300 would take 69 MB


def test_an_abandoned_film_is_closed(film):
    frames = read_film(film)
    next(frames)
    frames.close()
    assert not [link for link in Path("/proc/self/fd").glob("*") if link.is_symlink() and os.path.realpath(link) == str(film)]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_phone_films_are_turned_upright(tmp_path, turn):
    path = tmp_path / "turned.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.set_display_rotation(turn)
        for i in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(marked(i), format="rgb24")))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        asked = next(container.decode(video=0)).rotation
    assert asked % 360 in (turn, 360 - turn)
    got = next(read_film(path))
    wanted = np.rot90(marked(0), asked // 90)
    assert got.shape == wanted.shape
    assert np.abs(got.astype(int) - wanted).mean() < 4
    assert (film_info(path).height, film_info(path).width) == got.shape[:2]


def test_pixels_that_are_not_square_are_made_so(tmp_path):
    path = tmp_path / "wide.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = 2
        container.mux(stream.encode(av.VideoFrame.from_ndarray(marked(0), format="rgb24")))
        container.mux(stream.encode())
    assert next(read_film(path)).shape == (48, 128, 3)


def test_animated_gif(tmp_path):
    pictures = [Image.fromarray(marked(i)) for i in range(6)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=100)
    frames = list(read_film(tmp_path / "a.gif"))
    assert [number(frame) for frame in frames] == list(range(6))
    assert film_info(tmp_path / "a.gif").fps == pytest.approx(10)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("shape", [(31, 33), (32, 33), (31, 32), (32, 32)])
def test_odd_sides_grow_by_repeating_the_edge(tmp_path, suffix, shape):
    rng = np.random.default_rng(0)
    frame = rng.integers(90, 160, (*shape, 3), dtype=np.uint8)
    frame[:, -2:] = frame[-2:] = (200, 40, 40)  # two, as colour has half the resolution
    got = next(read_film(write_film(tmp_path / f"odd{suffix}", [frame] * 3, crf=1)))
    height, width = shape[0] + shape[0] % 2, shape[1] + shape[1] % 2
    assert got.shape == (height, width, 3)
    assert np.abs(got[-1].astype(int) - (200, 40, 40)).mean() < 25
    assert np.abs(got[: shape[0], : shape[1]].astype(int) - frame).mean() < 25


def test_crf_and_fps_are_used(tmp_path, rng):
    frames = [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(10)]
    fine = write_film(tmp_path / "fine.mp4", frames, crf=5, fps=29.97)
    rough = write_film(tmp_path / "rough.mp4", frames, crf=45)
    assert fine.stat().st_size > 2 * rough.stat().st_size
    assert film_info(fine).fps == pytest.approx(29.97, abs=1e-3)


def test_films_that_cannot_be_written(tmp_path):
    cases = [
        (InputError, "no frames", "a.mp4", [], {}),
        (InputError, r"written as \.mp4", "a.xyz", [marked(0)], {}),
        (ShapeError, "frame 1.*like the frames before", "a.mp4", [marked(0), marked(1, 50)], {}),
        (ShapeError, "frame 0", "a.mp4", [np.zeros((8, 8), np.uint8)], {}),
        (RangeError, "0 to 51", "a.mp4", [marked(0)], {"crf": 52}),
        (RangeError, "more than 0", "a.mp4", [marked(0)], {"fps": 0}),
    ]
    for error, words, name, frames, options in cases:
        with pytest.raises(error, match=words):
            write_film(tmp_path / name, frames, **options)
    assert names(tmp_path) == []


def test_a_full_disk_leaves_the_old_film(tmp_path, monkeypatch):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(WriteError, match="disk is full"):
        write_film(path, [marked(0)] * 3)
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.mp4"]


def test_a_source_that_fails_leaves_nothing(tmp_path):
    def frames():
        yield marked(0)
        raise InputError("frame", "gone.")

    with pytest.raises(InputError, match="gone"):
        write_film(tmp_path / "a.mp4", frames())
    assert names(tmp_path) == []


@pytest.mark.parametrize("share", [0.5, 0.8])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_truncated_film_gives_its_frames_and_a_warning(tmp_path, busy, suffix, share):
    path = tmp_path / f"cut{suffix}"
    write_film(path, read_film(busy))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.warns(FilmDamagedWarning, match=r"cut off after \d+ frames"):
        frames = list(read_film(path))
    assert 30 * share - 8 < len(frames) < 30


def test_a_film_cut_between_two_frames_is_noticed_by_its_promise(tmp_path, busy):
    with av.open(str(busy)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.pos]
    path = tmp_path / "cut.mp4"
    path.write_bytes(busy.read_bytes()[: sorted(places)[15]])
    with pytest.warns(FilmDamagedWarning, match=r"cut off after 1[0-9] frames"):
        assert 10 <= len(list(read_film(path))) < 20


@pytest.fixture
def smooth(tmp_path) -> Path:
    return smooth_film(tmp_path / "smooth.mp4")


def test_damage_that_the_decoder_conceals_is_told(smooth):
    path = overwritten(smooth)
    for _ in range(2):  # FFmpeg leaves out what it said last
        with pytest.warns(FilmDamagedWarning, match=r"concealed.*may be invented \(first near frame \d+: h264: ") as told:
            assert len(list(read_film(path))) == 30
        assert len(told) == 1
        assert told[0].filename == __file__
    with pytest.warns(FilmDamagedWarning, match="concealed"):
        assert len(list(read_film(path, stop=29))) == 29
    log = FilmLog()
    assert len(list(read_film(path, step=7, log=log))) == 5
    assert log.n_frames == 30
    assert "concealed" in log.damage[0]


def test_ffmpegs_log_is_left_as_it_was(smooth):
    path = overwritten(smooth)
    assert av.logging.get_level() is None
    for _ in zip(read_film(path, log=FilmLog()), read_film(path, log=FilmLog()), strict=True):
        assert av.logging.get_level() is None
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as heard:
            list(read_film(path, log=FilmLog()))
    finally:
        av.logging.set_level(None)
    assert any("h264" in name for _, name, _ in heard)
    assert av.logging.get_skip_repeated()


def test_a_film_damaged_before_its_first_frame_is_an_error(tmp_path, busy):
    data = bytearray(busy.read_bytes())
    start = data.index(b"mdat") + 4
    data[start : start + 20_000] = bytes(20_000)
    path = tmp_path / "zeroed.mp4"
    path.write_bytes(data[: start + 20_000])
    with pytest.raises(InputError, match="holds no frame that can be decoded"):
        list(read_film(path))


def test_a_whole_film_gives_no_warning(film):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(read_film(film))) == 60


def test_a_cut_off_header_is_an_error(tmp_path, film):
    path = tmp_path / "header.mp4"
    path.write_bytes(film.read_bytes()[:100])
    with pytest.raises(InputError, match=r"header.mp4: (is no film|holds no|has no)"):
        list(read_film(path))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "zero bytes"),
        (b"<!doctype html><html>", "web page or other markup, not a film"),
        (b"words and words " * 99, "no film of a known kind"),
        (b"#EXTM3U\n#EXTINF:1,\nother.ts\n", "no film of a known kind"),
        (b"ffconcat version 1.0\nfile other.mp4\n", "no film of a known kind"),
    ],
)
@pytest.mark.parametrize("suffix", [".mp4", ".txt", ".m3u8"])
def test_what_is_no_film_is_named_and_opens_nothing_else(tmp_path, data, words, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    with pytest.raises(InputError, match=words):
        list(read_film(path))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".mp4"])
def test_a_picture_is_no_film(tmp_path, suffix):
    path = tmp_path / f"face{suffix}"
    write_picture(path.with_suffix(".png"), marked(0)).rename(path)
    with pytest.raises(InputError, match="is a single picture, not a film"):
        list(read_film(path))


def test_a_sound_recording_is_no_film(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(InputError, match="no picture track"):
        list(read_film(path))


def test_absent_files_and_folders(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_film(tmp_path / "absent.mp4")
    with pytest.raises(InputError, match="is a folder, not a film"):
        film_info(tmp_path)


def test_is_film(tmp_path, film):
    def put(name: str, data: bytes) -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    assert is_film(film)
    assert is_film(put("damaged.MP4", b"x"))
    assert is_film(put("no_suffix", film.read_bytes()))
    assert not is_film(put("face.png", b"x"))
    assert not is_film(put("notes.txt", b"x" * 100))
    Image.fromarray(marked(0)).save(tmp_path / "still.gif")
    assert not is_film(tmp_path / "still.gif")
    assert not is_film(tmp_path)
    assert not is_film(tmp_path / "absent.mp4")


@pytest.mark.filterwarnings("ignore::sharpening.frames.video.FilmDamagedWarning")
@settings(max_examples=80)
@given(
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=10),
    early=st.booleans(),
    keep=st.one_of(st.just(1.0), st.floats(0, 1)),
)
def test_damaged_bytes_give_frames_or_our_own_error(tmp_path_factory, busy, changes, early, keep):
    data = bytearray(busy.read_bytes())
    for place, value in changes:
        data[int(place * (1500 if early else len(data)))] = value  # the header is short, but most of the trouble lies there
    path = tmp_path_factory.getbasetemp() / "fuzzed.mp4"
    path.write_bytes(data[: int(len(data) * keep)])
    message = str(path)
    try:
        for frame in read_film(path, stop=40):
            assert frame.ndim == 3
            assert frame.shape[2] == 3
    except SharpeningError as error:
        message = str(error)
    assert str(path) in message
