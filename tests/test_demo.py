"""The demonstration: the film is made from a known truth, and goes the whole way of `sharpening restore`."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from sharpening import demo
from sharpening.demo import Demo, camera_path, run, show, view
from sharpening.frames.video import film_info, read_film
from sharpening.imaging.files import read_picture, sha256_of
from sharpening.models.face_id.judge import SAME_PERSON_DISTANCE
from tests.restore_helpers import write_weights


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    write_weights(folder / "pretrained")
    return run(folder / "out", pretrained=folder / "pretrained", device="cpu")


def test_all_files_are_there(made) -> None:
    assert set(made.files) == {"film", "picture", "sheet", "report", "truth", "bicubic", "comparison"}
    assert all(path.is_file() for path in made.files.values())
    info = film_info(made.files["film"])
    assert (info.n_frames, info.width, info.height) == (demo.N_FRAMES, demo.WIDTH, demo.HEIGHT)


def test_face_is_found_in_the_film_and_is_small(made) -> None:
    report = made.restored.report
    assert report["input"]["kind"] == "film"
    assert report["frames"]["n_used"] == 7
    assert 32 < report["face"]["side"] < 60


def test_truth_lies_where_the_result_lies(made) -> None:
    """The camera is known, so the true picture fits the cut to a fraction of a pixel: any shift makes it worse."""
    truth = read_picture(made.files["truth"]).astype(float)
    got = made.restored.bicubic * 255.0
    errors = {
        (dy, dx): np.square(np.roll(truth, (dy, dx), (0, 1)) - got)[8:-8, 8:-8].mean() for dy in (-2, 0, 2) for dx in (-2, 0, 2)
    }
    assert min(errors, key=errors.__getitem__) == (0, 0)
    assert made.figures["bicubic"].psnr > 22


def test_random_weights_are_near_bicubic(made) -> None:
    assert made.figures["restored"].psnr == pytest.approx(made.figures["bicubic"].psnr, abs=1)
    assert 0 < made.figures["restored"].ssim < 1
    assert math.isfinite(made.figures["restored"].distance)


def test_same_call_gives_the_same_pixels(made, tmp_path) -> None:
    write_weights(tmp_path / "pretrained")
    again = run(tmp_path / "out", pretrained=tmp_path / "pretrained", device="cpu")
    for what in ("film", "picture", "truth"):
        assert sha256_of(again.files[what]) == sha256_of(made.files[what])
    assert again.figures == made.figures


def test_show_prints_figures_and_places(made) -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(show(made))
    text = console.export_text()
    assert f"{made.figures['restored'].psnr:.2f}" in text
    assert f"{made.figures['bicubic'].distance:.3f}" in text
    assert str(made.files["comparison"]) in text


def test_camera_shakes_but_stays_on_the_face() -> None:
    cameras = camera_path(25, np.random.default_rng(0))
    places = np.array([(np.linalg.inv(camera) @ (224.7, 104.7, 1))[:2] for camera in cameras])
    assert np.ptp(places, axis=0).min() > 2
    assert (places > (20, 10)).all()
    assert (places < (demo.WIDTH - 20, demo.HEIGHT - 20)).all()
    assert np.std(np.diff(places[:, 0])) > 0.2


def test_view_is_the_mean_light_on_each_pixel(rng) -> None:
    picture = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    quarter = np.array([[4, 0, 1.5], [0, 4, 1.5], [0, 0, 1.0]])
    wanted = picture.reshape(10, 4, 10, 4, 3).mean(axis=(1, 3))
    assert np.abs(view(picture, quarter, (10, 10)) - wanted).max() <= 1


def test_film_has_noise_and_motion(made) -> None:
    frames = list(read_film(made.files["film"]))
    assert np.abs(frames[0].astype(int) - frames[12]).mean() > 3


def test_shipped_weights_beat_bicubic(tmp_path) -> None:
    shipped = Path(__file__).parents[1] / "pretrained"
    made = run(tmp_path, pretrained=shipped, device="cpu")
    ours, bicubic = made.figures["restored"], made.figures["bicubic"]
    assert ours.psnr > bicubic.psnr + 0.5
    assert ours.ssim > bicubic.ssim
    # On film this strongly coded the likeness is that of the enlarged frame, give or take what dlib's distance varies from frame to frame.
    assert ours.distance < bicubic.distance + 0.03
    assert ours.distance < SAME_PERSON_DISTANCE
    (warning,) = made.restored.warnings  # the face has 48 px
    assert "measured on faces of 32 px" in warning
