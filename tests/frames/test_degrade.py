"""Damage: reproducible from its parameters, true to its stated motion, and harmless where it is switched off."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.frames import codec
from sharpening.frames.codec import h264_roundtrip, jpeg_roundtrip
from sharpening.frames.degrade import DegradeParams, apply, draw, presets, settings
from sharpening.models.basic_blocks import affine_grid, warp


def smooth(rng: np.random.Generator, side: int = 160, sigma: float = 5) -> np.ndarray:
    import cv2

    noise = cv2.GaussianBlur(rng.random((side, side, 3)), (0, 0), sigma)
    return np.uint8(255 * (noise - noise.min()) / (noise.max() - noise.min()))


CLEAN = replace(settings("stills"), jpeg=None, brightness=0.0)


@pytest.mark.parametrize("preset", presets)
def test_parameters_survive_json_and_make_the_same_sequence(preset, rng):
    picture = smooth(rng)
    params = draw(rng, settings(preset))
    again = DegradeParams.from_json(params.to_json())
    assert again == params
    first, second = apply(picture, params), apply(picture, again)
    assert np.array_equal(first.frames, second.frames)
    assert np.array_equal(first.label, second.label)


@pytest.mark.parametrize("preset", presets)
@pytest.mark.parametrize("n_frames", [1, 2, 7])
def test_shapes(preset, n_frames, rng):
    made = apply(smooth(rng), draw(rng, settings(preset), n_frames=n_frames))
    small, large = (60, 144) if preset == "finetune" else (32, 128)
    assert made.frames.shape == (n_frames, small, small, 3)
    assert made.frames.dtype == np.uint8
    assert made.label.shape == (large, large, 3)
    assert made.motion.shape == (n_frames, 2, 3)


def test_the_same_seed_draws_the_same_and_another_seed_does_not():
    draws = [draw(np.random.default_rng(seed), settings("train")) for seed in (3, 3, 4)]
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]


def test_middle_stands_still_by_default_and_moves_in_the_thesis_way(rng):
    middle = draw(rng, settings("thesis")).frames[3]
    assert (middle.angle, middle.zoom, middle.dx, middle.dy) == (0, 1, 0, 0)
    assert draw(rng, settings("thesis-warped")).frames[3].angle != 0


def test_undamaged_middle_is_the_small_label(rng):
    import cv2

    made = apply(smooth(rng), draw(rng, CLEAN))
    small = cv2.resize(made.label, (32, 32), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - made.frames[3]).max() <= 1


def test_motion_brings_each_frame_onto_the_middle(rng):
    made = apply(smooth(rng, sigma=12), draw(rng, replace(CLEAN, warp_middle=True)))
    frames = torch.from_numpy(made.frames).permute(0, 3, 1, 2).float()
    back = warp(frames, affine_grid(torch.from_numpy(made.motion), 32, 32))
    inner = (slice(None), slice(None), slice(6, -6), slice(6, -6))
    before, after = ((x[inner] - frames[3:4][inner]).abs().mean(dim=(1, 2, 3)) for x in (frames, back))
    others = [0, 1, 2, 4, 5, 6]
    assert after[others].max() < 2.0
    assert (after[others] < 0.4 * before[others]).all()


def test_noise_others_keeps_the_middle_and_ruins_the_rest(rng):
    picture = smooth(rng)
    params = draw(rng, replace(CLEAN, others_are_noise=True))
    made, clean = apply(picture, params), apply(picture, draw(rng, CLEAN))
    assert np.array_equal(made.frames[3], clean.frames[3])
    assert list(made.trusted) == [i == 3 for i in range(7)]
    assert made.frames[0].std() > 60  # uniform noise has 74


def test_damaged_middle_has_three_blurred_areas_and_the_others_one(rng):
    params = draw(rng, settings("damaged-middle"))
    assert [len(f.regions) for f in params.frames] == [1, 1, 1, 3, 1, 1, 1]
    assert {r.kind for f in params.frames for r in f.regions} == {"blur"}


def test_white_places_are_white(rng):
    params = draw(rng, replace(CLEAN, p_regions={"white-square": 1.0}))
    made = apply(smooth(rng) // 2, params)
    region = params.frames[0].regions[0]
    x, y = int(region.x * 32), int(region.y * 32)
    assert (made.frames[0][y, x] == 255).all()
    assert not (made.label == 255).all(axis=-1).any()


def test_garbage_of_another_person_shows_the_other_picture(rng):
    picture, other = smooth(rng), np.full((160, 160, 3), 200, np.uint8)
    params = draw(rng, CLEAN)
    frames = (replace(params.frames[0], garbage="other"), *params.frames[1:])
    made = apply(picture, replace(params, frames=frames), other=other)
    assert (made.frames[0] == 200).all()
    assert not made.trusted[0]


def test_frames_of_a_real_clip_are_taken_one_by_one(rng):
    clip = np.stack([np.full((160, 160, 3), 30 * i, np.uint8) for i in range(7)])
    made = apply(clip, draw(rng, CLEAN))
    assert [int(f[16, 16, 0]) for f in made.frames] == [30 * i for i in range(7)]
    assert (made.label == 90).all()


def test_bad_stills_are_refused(rng):
    with pytest.raises(ShapeError, match="square"):
        apply(np.zeros((100, 160, 3), np.uint8), draw(rng, CLEAN))
    with pytest.raises(RangeError, match="n_frames"):
        draw(rng, CLEAN, n_frames=0)
    with pytest.raises(KeyError, match="known: thesis"):
        settings("nonsense")
    with pytest.raises(RangeError, match="size_out"):
        replace(CLEAN, size_in=129)
    with pytest.raises(RangeError, match="size_in"):
        replace(CLEAN, size_in=0)


def test_codecs_lose_more_at_lower_quality(rng):
    picture = smooth(rng, 32)
    losses = [np.abs(jpeg_roundtrip(picture, q).astype(int) - picture).mean() for q in (95, 50, 10)]
    assert losses == sorted(losses)
    assert losses[0] < 3
    film = np.stack([picture] * 5)
    losses = [np.abs(h264_roundtrip(film, crf).astype(int) - film).mean() for crf in (10, 30, 50)]
    assert losses == sorted(losses)
    assert h264_roundtrip(film, 30).shape == film.shape


def test_jpeg_equals_pillow(rng):
    import io

    from PIL import Image

    picture, buffer = smooth(rng, 32), io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=40)
    assert np.abs(np.asarray(Image.open(buffer)).astype(int) - jpeg_roundtrip(picture, 40)).max() <= 1


def test_codecs_refuse_what_they_cannot_do(rng):
    with pytest.raises(RangeError, match="quality"):
        jpeg_roundtrip(smooth(rng, 32), 0)
    with pytest.raises(ShapeError, match="even"):
        h264_roundtrip(np.zeros((3, 31, 32, 3), np.uint8), 30)
    with pytest.raises(RangeError, match="crf"):
        h264_roundtrip(np.zeros((3, 32, 32, 3), np.uint8), 60)


def test_film_is_coded_alike_on_any_processor(astronaut_face, monkeypatch):
    films = [
        (apply(astronaut_face, replace(draw(np.random.default_rng(i), settings("h264")), crf=None)).frames, 23 + i)
        for i in range(8)
    ]
    here = [h264_roundtrip(film, crf) for film, crf in films]
    options = codec._x264_options
    # What x264 does on a processor without any of the faster instructions.
    monkeypatch.setattr(
        codec, "_x264_options", lambda *given: {k: f"{v}:asm=0" if "=" in v else v for k, v in options(*given).items()}
    )
    assert all(np.array_equal(h264_roundtrip(film, crf), coded) for (film, crf), coded in zip(films, here, strict=True))


@pytest.mark.parametrize(("size_in", "size_out"), [(32, 112), (60, 144), (50, 50)])
def test_sizes_need_not_be_multiples(size_in, size_out, rng):
    how = replace(CLEAN.sized(size_in, size_out), warp_middle=True)
    made = apply(smooth(rng, sigma=12), draw(rng, how))
    assert made.frames.shape == (7, size_in, size_in, 3)
    assert made.label.shape == (size_out, size_out, 3)
    # The stated motion is true at these sizes as well: each frame lands on the middle.
    frames = torch.from_numpy(made.frames).permute(0, 3, 1, 2).float()
    back = warp(frames, affine_grid(torch.from_numpy(made.motion), size_in, size_in))
    edge = size_in // 5
    inner = (slice(None), slice(None), slice(edge, -edge), slice(edge, -edge))
    before, after = ((x[inner] - frames[3:4][inner]).abs().mean(dim=(1, 2, 3)) for x in (frames, back))
    others = [0, 1, 2, 4, 5, 6]
    assert (after[others] < 0.4 * before[others]).all()


def test_frames_of_odd_sizes_are_means_over_areas(rng):
    made = apply(smooth(rng), draw(rng, CLEAN.sized(32, 112)))
    # Every pixel of 112 cut into 2 × 2, every pixel of 32 is then exactly 7 × 7 of those.
    fine = made.label.astype(float).repeat(2, axis=0).repeat(2, axis=1)
    means = fine.reshape(32, 7, 32, 7, 3).mean(axis=(1, 3))
    assert np.abs(means - made.frames[3]).max() <= 1


def test_damage_counted_in_pixels_grows_with_the_label():
    how = replace(settings("train"), shift=8.0, blur=(0.0, 2.0), region_blur=(4.0, 16.0)).sized(32, 64)
    assert (how.size_out, how.shift, how.blur, how.region_blur) == (64, 4.0, (0.0, 1.0), (2.0, 8.0))
    assert settings("train").sized(32, 128) == settings("train")
