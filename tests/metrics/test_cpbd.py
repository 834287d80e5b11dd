"""CPBD: the published program's numbers, a second slow form of it, values by hand, and what it refuses."""

import math

import numpy as np
import pytest
import skimage
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.convert import to_tensor
from sharpening.metrics.cpbd import (
    _edge_blocks,
    _surely_edge_blocks,
    canny_edges,
    cpbd,
    cpbd_of_edges,
    cpbd_of_luminance,
    edge_widths,
    luminance,
    sobel_edges,
)
from tests.metrics.cpbd_reference import reference_cpbd, reference_score, reference_sobel, reference_widths

SIGMAS = ("0", "0.7", "1.5", "3")


def scene(rng, height=128, width=192, sigma=1.0, high=256):
    """Flat tiles under a shade and some noise: edges of both directions and every slope."""
    tiles = rng.uniform(0, high - 1, (height // 16 + 1, width // 24 + 1))
    grey = np.kron(tiles, np.ones((16, 24)))[:height, :width] + rng.normal(0, 2, (height, width))
    return np.clip(np.rint(gaussian_filter(grey, sigma)), 0, 255)


def blurred(grey, sigma):
    return grey if float(sigma) == 0 else np.rint(gaussian_filter(grey.astype(float), float(sigma))).astype(np.uint8)


# --- against the published program


@pytest.mark.parity
@pytest.mark.parametrize("sigma", ["0", "1.5"])
def test_edges_and_widths_are_the_published_ones(parity, sigma):
    stored = parity.npz("cpbd")
    grey = blurred(stored["a.img"], sigma)
    sobel, canny = (
        np.unpackbits(stored[f"a.{kind}.{sigma}"])[: grey.size].reshape(grey.shape).astype(bool) for kind in ("sobel", "canny")
    )
    assert np.array_equal(sobel_edges(grey), sobel)
    assert np.array_equal(edge_widths(grey, sobel), stored[f"a.widths.{sigma}"])
    assert cpbd_of_edges(grey, sobel, canny) == pytest.approx(float(stored[f"a.cpbd.{sigma}"]), abs=1e-12)


@pytest.mark.parity
@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("name", ["a", "b"])
def test_whole_way_is_the_published_one(parity, name, sigma):
    stored = parity.npz("cpbd")
    # Another edge detector chooses other blocks: LIVE's first picture moves by 0.003 between old and new scikit-image.
    same = skimage.__version__ == str(stored["skimage"])
    score = cpbd_of_luminance(blurred(stored[f"{name}.img"], sigma))
    assert score == pytest.approx(float(stored[f"{name}.cpbd.{sigma}"]), abs=1e-12 if same else 0.02)


@pytest.mark.parity
def test_grey_levels_of_0_to_1_and_tiny_pictures_as_published(parity):
    stored = parity.npz("cpbd")
    assert cpbd_of_luminance(stored["a.img"] / 255) == float(stored["a.float01"]) == 0
    assert float(stored["tiny.cpbd.0"]) == 0  # where the published program says 0, this one says that there is nothing to say
    with pytest.raises(ShapeError, match="at least 64"):
        cpbd_of_luminance(stored["tiny.img"])


# --- against the slow form


@pytest.mark.parametrize("high", [256, 45])
@pytest.mark.parametrize("sigma", [0, 0.6, 2.5])
def test_equal_to_the_slow_form_step_by_step(rng, sigma, high):
    grey = scene(rng, sigma=sigma, high=high)
    sobel = sobel_edges(grey)
    assert np.array_equal(sobel, reference_sobel(grey))
    widths = edge_widths(grey, sobel)
    assert np.array_equal(widths, reference_widths(grey, sobel))
    assert np.count_nonzero(widths) > 100
    canny = canny_edges(grey)
    assert cpbd_of_edges(grey, sobel, canny) == pytest.approx(reference_score(grey, widths, canny), abs=1e-12)
    assert cpbd_of_luminance(grey) == pytest.approx(reference_cpbd(grey), abs=1e-12)


def test_long_ramps_and_borders_as_in_the_slow_form(rng):
    ramp = np.tile(np.concatenate([np.arange(130), np.arange(130, 0, -1)]).astype(float), (9, 1))
    ramp[4:6] += rng.uniform(-0.4, 0.4, (2, 260))
    everywhere = np.ones(ramp.shape, bool)
    widths = edge_widths(ramp, everywhere)
    assert np.array_equal(widths, reference_widths(ramp, everywhere))
    assert widths.max() > 101
    assert not widths[[0, -1]].any()
    assert not widths[:, [0, -1]].any()


def test_blocks_are_chosen_as_by_canny_in_full(rng):
    """Where some blocks are flat, where edges are too straight to have peaks, and where there is next to nothing."""
    grey = scene(rng, 200, 330, sigma=0.7)
    half_flat, faint = grey.copy(), np.rint(127 + (grey - 127) / 100)
    half_flat[:, 100:] = 90
    stripes = np.tile(np.repeat(rng.integers(0, 256, 33), 10).astype(float), (200, 1))
    stripes[7, 5] += 1
    pictures = (grey, half_flat, faint, stripes, blurred(grey, 8), blurred(stripes, 1))
    for picture in pictures:
        in_full = cpbd_of_edges(picture, sobel_edges(picture), canny_edges(picture))
        assert cpbd_of_luminance(picture) == in_full
        assert in_full == pytest.approx(reference_cpbd(picture), abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_no_block_is_chosen_that_canny_would_not_choose(seed):
    rng = np.random.default_rng(seed)
    grey = np.rint(gaussian_filter(rng.uniform(0, 255, (192, 256)), rng.uniform(0.3, 12)) + rng.normal(0, 0.1, (192, 256)))
    sure, true = _surely_edge_blocks(grey), _edge_blocks(canny_edges(grey))
    assert not (sure & ~true).any()


# --- by hand


def test_width_of_a_step_counts_the_rising_pixels():
    grey = np.tile([10.0, 10, 10, 20, 60, 90, 100, 100, 100], (5, 1))
    grey[0, 0] = 9  # one slope that is not level, or nothing would be measured
    edges = np.zeros(grey.shape, bool)
    edges[2, 4] = True
    widths = edge_widths(grey, edges)
    assert widths[2, 4] == 2 + 2  # 20 to 10, and 90 to 100, each one step and one more
    assert widths.sum() == 4
    assert edge_widths(grey[:, ::-1], edges[:, ::-1])[2, 4] == 4


def test_a_picture_with_level_slopes_only_is_not_measured():
    rising = np.tile(np.arange(9.0), (5, 1))
    assert edge_widths(rising, np.ones((5, 9), bool)).sum() == 0
    assert edge_widths(rising[:, ::-1], np.ones((5, 9), bool)).sum() > 0


def test_the_just_noticeable_width_depends_on_the_contrast():
    grey = np.zeros((64, 64))
    grey[:, 32:35], grey[:, 35:], grey[10, 10] = (10, 25, 40), 50, 1
    everywhere, edges = np.ones(grey.shape, bool), np.zeros(grey.shape, bool)
    edges[30, 33] = True
    assert edge_widths(grey, edges)[30, 33] == 4
    assert cpbd_of_edges(grey, edges, everywhere) == 1  # contrast 50: up to 5 px look sharp
    assert cpbd_of_edges(2 * grey, edges, everywhere) == 0  # contrast 100: only up to 3 px


def test_blur_lowers_it_and_noise_raises_it(rng):
    scores = [cpbd_of_luminance(scene(np.random.default_rng(1), sigma=s)) for s in (0, 1.5, 4.0)]
    assert scores[0] > scores[1] >= scores[2]
    soft = scene(np.random.default_rng(1), sigma=4.0)
    assert cpbd_of_luminance(np.clip(soft + rng.normal(0, 20, soft.shape), 0, 255)) > scores[2]


def test_nothing_to_see_is_0_and_too_small_is_nan():
    assert cpbd(torch.full((2, 3, 64, 64), 0.5)).tolist() == [0, 0]
    assert all(math.isnan(v) for v in cpbd(torch.rand((2, 3, 63, 200), generator=torch.Generator().manual_seed(0))).tolist())


def test_colour_pictures_are_read_as_grey_files_are(astronaut_face):
    grey = luminance(astronaut_face)
    assert np.abs(grey - np.asarray(Image.fromarray(astronaut_face).convert("L"), float)).max() <= 1
    pictures = to_tensor(np.stack([astronaut_face, astronaut_face[:, ::-1]]))
    assert cpbd(pictures).tolist() == pytest.approx([cpbd_of_luminance(grey), cpbd_of_luminance(grey[:, ::-1])])
    assert cpbd(pictures[:, :, :100, :70])[0] == pytest.approx(cpbd_of_luminance(grey[:100, :70]))


def test_what_does_not_fit_is_refused():
    x = torch.rand((1, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    with pytest.raises(ShapeError, match="bs, 3"):
        cpbd(x[0])
    with pytest.raises(RangeError, match="to_tensor"):
        cpbd((x * 255).byte())
    with pytest.raises(RangeError, match="NaN"):
        cpbd(x.where(x < 0.99, torch.nan))
    with pytest.raises(RangeError, match="NaN"):
        cpbd_of_luminance(np.full((64, 64), np.nan))
    with pytest.raises(ShapeError, match="at least 64"):
        cpbd_of_luminance(np.zeros((64, 63)))
    with pytest.raises(ShapeError, match="luminance's shape"):
        cpbd_of_edges(np.zeros((64, 64)), np.zeros((64, 64), bool), np.zeros((64, 65), bool))
