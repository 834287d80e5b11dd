"""Every frame of a film restored as a film: what is written, what is said of it, and how much is held in memory."""

from __future__ import annotations

import errno
import itertools
import json
import tracemalloc
import weakref
from dataclasses import asdict
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch
from torch import nn

from sharpening.errors import InputError, NoFaceFound, RangeError, ShapeError
from sharpening.frames.video import film_info, read_film, write_film
from sharpening.imaging.files import WriteError, sha256_of, write_picture
from sharpening.models.face_align import sightings
from sharpening.models.face_align.detect import Face
from sharpening.restore import Restorer, film_path, film_stream, restore_film
from sharpening.restore import film as film_module
from sharpening.restore.film_paste import MOST_SIDE
from sharpening.restore.located import Choice
from sharpening.restore.network import TrainedNetwork
from sharpening.weights.card import WeightCard
from tests.restore_helpers import crops, face_frames

N = 16
EMPTY = range(7, 12)  # frames without a face: one too many to be bridged
BRIDGED = 3


class Enlarger(nn.Module):
    """Four times the middle frame: a network that costs nothing and says which frames it was given."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n, self.seen = n, list[torch.Tensor]()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(x.unflatten(1, (self.n, 3)).mean(dim=(2, 3, 4)))
        middle = x.unflatten(1, (self.n, 3))[:, self.n // 2]
        return nn.functional.interpolate(middle, scale_factor=4, mode="bicubic")


def enlarging(n: int = 5, size: int = 32) -> Restorer:
    card = WeightCard(
        name="enlarger",
        model="none",
        source="made by a test",
        licence="MIT",
        free_use=True,
        n_frames=n,
        size_in=size,
        size_out=4 * size,
    )
    return Restorer(TrainedNetwork(Enlarger(n), card))


@pytest.fixture(scope="module")
def film(astronaut_face, tmp_path_factory) -> Path:
    frames = face_frames(astronaut_face, N, side=32)
    for i in (BRIDGED, *EMPTY):
        frames[i] = np.full_like(frames[i], 120)
    return write_film(tmp_path_factory.mktemp("films") / "walk.mp4", frames, crf=12, fps=30000 / 1001)


@pytest.fixture(scope="module")
def made(quiet, film, tmp_path_factory):
    steps: list[tuple[str, int, int]] = []
    out = tmp_path_factory.mktemp("out") / "face.mp4"
    return restore_film(quiet, film, out, progress=lambda *step: steps.append(step)), steps


def test_film_has_every_frame_at_its_own_rate(made, film) -> None:
    info = film_info(made[0].path)
    assert (info.n_frames, info.fps) == (N, film_info(film).fps)
    assert info.width == info.height == 4 * made[0].report["face"]["side_cut"]
    assert sorted(file.name for file in made[0].path.parent.iterdir()) == ["face.film.json", "face.mp4"]


def test_report_counts_what_was_restored_and_what_was_not(made) -> None:
    report = made[0].report
    assert report == json.loads(made[0].path.with_suffix(".film.json").read_text())
    frames = report["frames"]
    assert (frames["n"], frames["first"], frames["last"]) == (N, 0, N - 1)
    assert frames["without_face"] == len(EMPTY)
    assert frames["stretches_without_face"] == [[EMPTY[0], EMPTY[-1]]]
    assert frames["restored"] == N - len(EMPTY) == sum(report["windows"]["restored_from"].values())
    assert frames["bridged"] == 1
    assert frames["runs"] == 2
    assert report["windows"]["restored_from"] == {"4": N - EMPTY[-1] - 1, "7": EMPTY[0]}
    assert 0 <= report["windows"]["mean_share_of_other_frames_in_what_was_fused"] <= 1
    assert report["seconds"]["per_frame"] == pytest.approx(report["seconds"]["total"] / N, abs=1e-3)
    assert report["output"]["n_frames"] == N
    assert report["output"]["sha256"] == sha256_of(made[0].path)
    assert report["choice"] == asdict(Choice())
    words = " ".join(made[0].warnings)
    assert words.count("the judge of faces was left out") == 1
    for part in (
        f"{len(EMPTY)} of {N} frames",
        f"{EMPTY[0]} to {EMPTY[-1]}",
        "could not be measured: the judge of faces was left out",
    ):
        assert part in words
    assert "sound" not in words


def test_progress_is_told_of_every_frame(made) -> None:
    assert made[1] == [("looking", i + 1, N) for i in range(N)] + [("restoring", i + 1, N) for i in range(N)]


def test_frames_without_a_face_show_the_input_and_repeat_nothing(made) -> None:
    frames = list(read_film(made[0].path))
    for i in EMPTY:
        assert np.abs(frames[i].astype(int) - 120).mean() < 3  # grey, as the input is there
    assert frames[EMPTY[0] - 1].std() > 20 < frames[EMPTY[-1] + 1].std()


def test_a_frame_is_what_the_picture_of_its_window_is(quiet, tmp_path) -> None:
    frames = crops(12)
    done = restore_film(quiet, frames, tmp_path / "a.mp4", crf=1, fps=10)
    single = quiet(frames, middle=6)
    film = list(read_film(done.path))
    assert film_info(done.path).fps == 10
    assert np.abs(film[6] / 255 - single.picture).mean() < 0.01  # H.264 with halved colour
    assert done.report["face"]["choice"] == "the frames came cropped"


def test_at_the_ends_the_middle_stays_the_middle(tmp_path) -> None:
    restorer = enlarging(5)
    restore_film(restorer, grey(*range(7)), tmp_path / "a.mp4", bs=3)
    network, got = restorer.trained.network, shown(restorer)
    assert isinstance(network, Enlarger)
    assert [row[2] for row in got] == list(range(7))
    assert got[0] == [1, 2, 0, 3, 4]
    assert got[3] == [1, 2, 3, 4, 5]
    assert got[6] == [2, 3, 6, 4, 5]
    assert [len(batch) for batch in network.seen] == [3, 3, 1]


def test_span_number_of_frames_and_fixed_network(tmp_path) -> None:
    restorer = enlarging(5)
    done = restore_film(restorer, crops(20), tmp_path / "a.mp4", start=3, stop=15, n_frames=3)
    assert done.report["frames"] | {"unreadable": 0} == done.report["frames"] | {"unreadable": 0, "n": 12, "first": 3, "last": 14}
    assert done.report["windows"]["restored_from"] == {"3": 12}
    assert done.report["windows"]["mean_share_of_other_frames_in_what_was_fused"] is None
    assert film_info(done.path).n_frames == 12
    with pytest.raises(RangeError, match="at most 5"):
        restore_film(restorer, crops(8), tmp_path / "b.mp4", n_frames=7)


def shown(restorer: Restorer) -> list[list[int]]:
    """Which of the frames of `grey` each window had."""
    network = restorer.trained.network
    assert isinstance(network, Enlarger)
    return [[round((value * 255 - 10) / 20) for value in row] for batch in network.seen for row in batch.tolist()]


def grey(*values: float) -> np.ndarray:
    return np.stack([np.full((32, 32, 3), 10 + round(20 * value), np.uint8) for value in values])


def test_repeats_take_no_place_in_a_window(tmp_path) -> None:
    restorer = enlarging(5)
    done = restore_film(restorer, np.repeat(grey(*range(7)), 2, axis=0), tmp_path / "a.mp4", bs=1)
    windows = shown(restorer)
    assert [row[2] for row in windows] == [i // 2 for i in range(14)]
    assert all(len(set(row)) == 5 for row in windows)
    assert sorted(windows[6]) == sorted(windows[7]) == [1, 2, 3, 4, 5]
    assert done.report["frames"]["repeats"] == 7
    assert done.report["windows"]["restored_from"] == {"5": 14}
    assert any("7 of 14 frames repeat the one before" in words for words in done.warnings)


def test_a_frozen_film_is_restored_from_single_frames(quiet, tmp_path) -> None:
    done = restore_film(quiet, np.repeat(crops(1), 40, axis=0), tmp_path / "a.mp4")
    assert done.report["windows"]["restored_from"] == {"1": 40}
    assert done.report["frames"]["repeats"] == 39
    assert any("from itself alone" in words for words in done.warnings)


def test_a_film_without_repeats_says_nothing_of_them(made) -> None:
    assert made[0].report["frames"]["repeats"] == 0
    assert not any("repeat" in words for words in made[0].warnings)


def test_after_a_pause_the_frames_before_it_still_count() -> None:
    path = film_path.steady_path([(16.0, 16.0, 32.0)] * 30, ["found"] * 30)
    shows = [0, 1, 2, *[3] * 10, *range(13, 30)]
    seen = 0

    def cuts():
        for i, of in enumerate(shows):
            yield film_stream.Cut(np.full((4, 4, 3), i, np.uint8), of)

    for window in film_stream.windows(cuts(), path, 7):
        taken = window.cuts[:, 0, 0, 0].tolist()
        assert taken[len(taken) // 2] == window.at
        assert len({shows[i] for i in taken}) == len(taken) == 7
        seen += 1
    assert seen == 30


def moved(a: np.ndarray, b: np.ndarray) -> float:
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32) for frame in (a, b)]
    (dx, dy), _ = cv2.phaseCorrelate(*grey, cv2.createHanningWindow(grey[0].shape[::-1], cv2.CV_32F))
    return float(np.hypot(dx, dy))


def test_film_does_not_shake(astronaut_face, tmp_path, monkeypatch, rng) -> None:
    """A face that stands still; the detector errs by 2 % of its side, and the film must not show it."""
    frames = [face_frames(astronaut_face, 1)[0]] * 30
    real = sightings.standard_square

    def unsteady(face):
        cx, cy, side = real(face)
        dx, dy, grown = rng.normal(0, 0.02, 3)
        return cx + dx * side, cy + dy * side, side * (1 + grown)

    monkeypatch.setattr(sightings, "standard_square", unsteady)

    def shake(name: str) -> float:
        pictures = list(read_film(restore_film(enlarging(1), frames, tmp_path / name, crf=4).path))
        return float(np.mean([moved(a, b) for a, b in itertools.pairwise(pictures)]))

    steady = shake("steady.mp4")
    monkeypatch.setattr(film_path, "STEADY", 0.01)
    monkeypatch.setattr(film_path, "STEADY_SIDE", 0.01)
    raw = shake("raw.mp4")
    assert steady < 0.2 * raw
    assert steady < 0.01 * film_info(tmp_path / "steady.mp4").width


def test_face_is_put_back_into_the_whole_frame(film, tmp_path) -> None:
    done = restore_film(enlarging(1), film, tmp_path / "whole.mp4", paste=True, crf=4, stop=EMPTY[0] + 1)
    output, info = done.report["output"], film_info(done.path)
    assert output["pasted"]
    assert (info.width, info.height) == (output["width"], output["height"])
    factor = output["frame_enlarged"]
    assert factor == pytest.approx(4 * done.report["face"]["side_cut"] / done.report["face"]["side"], rel=1e-3)
    # The network only enlarges, so the frame with the face put back is the enlarged frame: in place, and without an edge.
    for whole, frame in zip(read_film(done.path), read_film(film), strict=False):
        large = cv2.resize(frame, (round(128 * factor), round(96 * factor)), interpolation=cv2.INTER_CUBIC)
        difference = np.abs(whole[: len(large), : large.shape[1]].astype(int) - large)
        assert difference.mean() < 2.5
        assert moved(whole[: len(large), : large.shape[1]], large) < 0.3


def test_likeness_is_measured_in_some_frames(restorer, film, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(film_module, "N_JUDGED", 2)
    only_enlarging = Restorer(enlarging(1, 64).trained, judge=restorer.judge)
    identity = restore_film(only_enlarging, film, tmp_path / "a.mp4", stop=EMPTY[0]).report["identity_agreement"]
    assert identity["n_judged"] == 2
    assert [row["index"] for row in identity["frames"]] == [0, EMPTY[0] - 1]
    assert identity["measured"]
    assert identity["median_distance_to_mean_of_frames"] < 0.3  # the network changes nothing


def test_large_frames_are_not_enlarged_beyond_reason(tmp_path) -> None:
    frames = [np.full((300, 1200, 3), 90, np.uint8)] * 2
    done = restore_film(enlarging(1), frames, tmp_path / "a.mp4", box=(20, 20, 40, 40), paste=True)
    assert done.report["output"]["width"] == MOST_SIDE
    assert any("box itself" in words for words in done.warnings)


def test_faceless_film_is_refused_and_nothing_written(quiet, tmp_path) -> None:
    with pytest.raises(NoFaceFound):
        restore_film(quiet, [np.full((60, 80, 3), 120, np.uint8)] * 2, tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"middle": 3}, "Every frame is restored"),
        ({"bs": 0}, "bs"),
        ({"start": 90}, "below 7"),
        ({"fps": -1.0}, "fps"),
        ({"fps": 0.0}, "fps"),
        ({"crf": 77}, "crf"),
    ],
)
def test_numbers_that_do_not_fit(tmp_path, options, words) -> None:
    with pytest.raises(RangeError, match=words):
        restore_film(enlarging(), crops(), tmp_path / "a.mp4", **options)
    assert not list(tmp_path.iterdir())


def test_names_that_are_no_film_and_the_input_itself(film, tmp_path) -> None:
    with pytest.raises(InputError, match="Films are written as"):
        restore_film(enlarging(), crops(), tmp_path / "a.png")
    before = film.read_bytes()
    with pytest.raises(InputError, match="is a file of the input, and would be written over"):
        restore_film(enlarging(), film, film)
    assert film.read_bytes() == before


def test_a_folder_in_its_place_is_found_before_any_work(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(film_module, "find_in_film", lambda *_, **__: pytest.fail("the film was looked at"))
    for folder in ("a.mp4", "b.film.json"):
        (tmp_path / folder).mkdir()
        with pytest.raises(WriteError, match=f"{folder}: is a folder"):
            restore_film(enlarging(), crops(), (tmp_path / folder[0]).with_suffix(".mp4"))


@pytest.mark.parametrize("where", ["build_film_report", "json_bytes"])
def test_no_new_film_beside_an_old_report(tmp_path, monkeypatch, where) -> None:
    old = {"a.mp4": b"an older film", "a.film.json": b"its report"}
    for name, data in old.items():
        (tmp_path / name).write_bytes(data)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(film_module, where, fail)
    with pytest.raises(WriteError, match="disk is full"):
        restore_film(enlarging(), crops(), tmp_path / "a.mp4")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == old


def test_frames_that_cannot_be_read_are_left_out_and_counted(tmp_path) -> None:
    for i, frame in enumerate(crops(5)):
        write_picture(tmp_path / "in" / f"{i}.png", frame)
    (tmp_path / "in" / "2.png").write_bytes(b"damaged")
    done = restore_film(enlarging(1), tmp_path / "in", tmp_path / "a.mp4")
    frames = done.report["frames"]
    assert (frames["n"], frames["left_out"], frames["unreadable"][0]["index"]) == (4, 1, 2)
    assert film_info(done.path).n_frames == 4


def test_frames_of_two_sizes(tmp_path) -> None:
    with pytest.raises(ShapeError, match="one size"):
        restore_film(enlarging(), [np.zeros((32, 32, 3), np.uint8), np.zeros((24, 24, 3), np.uint8)], tmp_path / "a.mp4")


def test_finetuner_is_refused(quiet, tmp_path) -> None:
    with_finetuner = Restorer(quiet.trained, then=type("Finetuner", (), {"trained": quiet.trained})())  # type: ignore[arg-type]
    with pytest.raises(RangeError, match="flicker"):
        restore_film(with_finetuner, crops(), tmp_path / "a.mp4")


def test_a_run_that_stops_leaves_nothing_but_what_was_there(tmp_path) -> None:
    def stop(what: str, done: int, _: int) -> None:
        if what == "restoring" and done == 4:
            raise KeyboardInterrupt

    (tmp_path / "a.mp4").write_bytes(b"an older film")
    with pytest.raises(KeyboardInterrupt):
        restore_film(enlarging(), crops(12), tmp_path / "a.mp4", bs=2, progress=stop)
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"an older film"


def test_sound_is_left_out_and_that_is_said(tmp_path) -> None:
    path = tmp_path / "talk.mkv"
    with av.open(str(path), "w") as container:
        video, sound = container.add_stream("libx264", rate=25), container.add_stream("aac", rate=8000)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        for frame in crops(5):
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(video.encode())
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        tone.rate = 8000
        container.mux(sound.encode(tone))
        container.mux(sound.encode())
    assert film_info(path).sound
    done = restore_film(enlarging(3), path, tmp_path / "out.mp4")
    assert "The sound was left out." in done.warnings
    assert not film_info(done.path).sound


@pytest.fixture
def face_everywhere(monkeypatch) -> None:
    """The detector costs a second in 600 frames instead of twenty: it sees one face, always there."""
    eyes = np.array([[150.0, 90], [130, 90], [100, 90], [80, 90], [115, 130]])
    face = Face(box=(70.0, 60.0, 160.0, 150.0), score=1.0, landmarks=eyes)
    monkeypatch.setattr(sightings, "find_faces", lambda *_, **__: [face])
    monkeypatch.setattr(sightings, "_search_round", lambda *_, **__: [face])


def still_film(path: Path, n: int) -> Path:
    return write_film(path, (np.full((240, 320, 3), 60 + i % 100, np.uint8) for i in range(n)), crf=40)


def peaks(film: Path, out: Path) -> tuple[int, int]:
    """Most bytes traced, and most pages resident, while a film is restored."""
    resident = 0

    def look(*_: object) -> None:
        nonlocal resident
        resident = max(resident, int(Path("/proc/self/statm").read_text().split()[1]) * 4096)

    tracemalloc.start()
    restore_film(enlarging(7, 16), film, out, progress=look, crf=40)
    traced = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return traced, resident


@pytest.mark.usefixtures("face_everywhere")
def test_memory_does_not_grow_with_the_film(tmp_path) -> None:
    short, long = still_film(tmp_path / "100.mp4", 100), still_film(tmp_path / "600.mp4", 600)
    peaks(short, tmp_path / "warm.mp4")
    before, after = peaks(short, tmp_path / "a.mp4"), peaks(long, tmp_path / "b.mp4")
    held = 500 * 240 * 320 * 3  # 115 MB: what the other 500 frames would take
    assert after[0] - before[0] < 500 * 2048 < held / 100  # 2 kB a frame for its place
    assert after[1] - before[1] < held / 5


@pytest.mark.usefixtures("face_everywhere")
@pytest.mark.parametrize(("paste", "most_alive"), [(False, 4), (True, 6)])
def test_few_frames_are_held(tmp_path, monkeypatch, paste, most_alive) -> None:
    from sharpening.restore import source

    alive: list[weakref.ref] = []
    most = 0
    real = source.read_film

    def spied(*arguments, **options):
        nonlocal alive, most
        for frame in real(*arguments, **options):
            alive = [ref for ref in (*alive, weakref.ref(frame)) if ref() is not None]
            most = max(most, len(alive))
            yield frame
            del frame

    monkeypatch.setattr(source, "read_film", spied)
    restore_film(enlarging(7, 16), still_film(tmp_path / "a.mp4", 60), tmp_path / "b.mp4", paste=paste, crf=40)
    assert 1 <= most <= most_alive


@pytest.mark.parametrize(
    ("shows", "most_held"),
    [
        (list(range(40)), 2 * 7),
        ([0] * 200, (1 + film_stream.REACH) * 7),
        ([0, 1, 2, *[3] * 100, *range(103, 150), *[150] * 50], (2 + film_stream.REACH) * 7),
    ],
    ids=["all differ", "frozen", "pauses"],
)
def test_cuts_are_forgotten_when_no_window_needs_them(shows, most_held) -> None:
    n = len(shows)
    path = film_path.steady_path([(16.0, 16.0, 32.0)] * n, ["found"] * n)
    alive: list[weakref.ref] = []
    most = 0

    def cuts():
        nonlocal alive, most
        for i in range(n):
            cut = np.full((4, 4, 3), i, np.uint8)
            alive = [ref for ref in (*alive, weakref.ref(cut)) if ref() is not None]
            most = max(most, len(alive))
            yield film_stream.Cut(cut, shows[i])

    found = list(film_stream.windows(cuts(), path, 7))
    assert [window.at for window in found] == list(range(n))
    assert [int(window.cuts[len(window.cuts) // 2, 0, 0, 0]) for window in found] == list(range(n))
    assert most <= most_held
