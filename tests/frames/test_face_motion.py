"""Living faces in made sequences: the motion that is told is the motion that is seen."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sharpening.frames.degrade import DegradeParams, apply, draw, settings
from sharpening.frames.face_motion import FaceMotion, displacement, residual_motion
from sharpening.models.basic_blocks import affine_grid, warp

CLEAN = replace(
    settings("train-alive"),
    size_in=128,
    film=0.0,
    jpeg=None,
    noise=(0.0, 0.0),
    blur=(0.0, 0.0),
    p_regions={},
    p_garbage=0.0,
    p_damage_middle=0.0,
    contrast=0.0,
    brightness=0.0,
    p_alive=1.0,
)


@pytest.mark.parametrize("seed", range(4))
def test_the_motion_that_is_told_brings_the_frames_onto_the_label(astronaut_face, seed):
    made = apply(astronaut_face, draw(np.random.default_rng(seed), CLEAN))
    frames = torch.from_numpy(made.frames).permute(0, 3, 1, 2).float()
    label = torch.from_numpy(made.label).permute(2, 0, 1).float()
    grid = affine_grid(torch.from_numpy(made.motion), 128, 128)
    errors = [
        (warp(frames, g) - label).abs()[..., 12:-12, 12:-12].mean(dim=(1, 2, 3)) for g in (grid, grid + torch.from_numpy(made.bend))
    ]
    others = [0, 1, 2, 4, 5, 6]
    assert errors[1][others].mean() < 0.4 * errors[0][others].mean()
    assert errors[0][3] == errors[1][3] == 0


def test_the_middle_does_not_move():
    params = draw(np.random.default_rng(0), CLEAN)
    assert [frame.alive is None for frame in params.frames] == [i == 3 for i in range(7)]
    assert apply(np.zeros((160, 160, 3), np.uint8), params).bend[3].max() == 0


def test_parameters_come_back_from_json(astronaut_face):
    params = draw(np.random.default_rng(3), replace(settings("train-alive"), p_alive=1.0, film=1.0, p_rolling=1.0))
    again = DegradeParams.from_json(params.to_json())
    assert again == params
    assert params.turning is not None
    assert np.array_equal(apply(astronaut_face, params).frames, apply(astronaut_face, again).frames)


def test_presets_that_know_no_life_draw_what_they_always_drew():
    how = settings("train")
    first, living = (draw(np.random.default_rng(5), replace(how, p_alive=p)) for p in (0.0, 1.0))
    assert [replace(f, alive=None) for f in living.frames] == list(first.frames)


def test_a_film_whose_quality_changes(astronaut_face):
    how = replace(settings("h264"), crf=(18, 18))
    params = draw(np.random.default_rng(0), how)
    turned = replace(params, turning=(4, 45))
    good, bad = apply(astronaut_face, params).frames, apply(astronaut_face, turned).frames
    assert np.array_equal(good[:4], bad[:4])
    assert np.abs(good[4:].astype(int) - bad[4:]).mean() > 5


def test_a_turning_head_moves_more_in_front_than_at_its_rim():
    field = displacement(FaceMotion(yaw=10.0), 128)
    assert field[32, 32, 0] > 0.09
    assert abs(field[2, 2, 0]) < 0.01
    assert np.abs(field[..., 1]).max() == 0


def test_lips_part_and_lids_close():
    mouth, eyes = displacement(FaceMotion(mouth=4.0), 128), displacement(FaceMotion(eyes=-3.0), 128)
    above, below = mouth[42, 32, 1], mouth[48, 32, 1]
    assert above > 0 > below  # each lip shows what was nearer to the line between them
    assert eyes[25, 24, 1] < 0 < eyes[29, 24, 1]


def test_without_a_field_nothing_is_left():
    assert np.abs(residual_motion(np.zeros((64, 64, 2), np.float32), np.eye(3), np.eye(3), 32)).max() == 0
