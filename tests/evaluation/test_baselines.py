"""Baselines: real, so that what beats them is worth something."""

import struct

import numpy as np
import pytest
import torch

from sharpening.errors import InputError
from sharpening.evaluation.baselines import back_projection, fsrcnn, interpolate, middle_of
from sharpening.evaluation.protobuf import fields, split_depth_to_space
from sharpening.frames.degrade import apply, draw, settings
from sharpening.metrics.error import psnr


def made(picture: np.ndarray, preset: str, count: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    done = [apply(picture, draw(rng, settings(preset))) for _ in range(count)]
    frames = torch.from_numpy(np.stack([d.frames for d in done])).permute(0, 1, 4, 2, 3).flatten(1, 2).float() / 255
    return frames, torch.from_numpy(np.stack([d.label for d in done])).permute(0, 3, 1, 2).float() / 255


def test_middle_of():
    frames = torch.arange(21.0)[None, :, None, None].expand(1, 21, 32, 32)
    assert middle_of(frames)[0, :, 0, 0].tolist() == [9, 10, 11]


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_interpolation_of_a_flat_picture_is_flat(mode):
    assert torch.allclose(interpolate(torch.full((1, 9, 32, 32), 0.4), mode), torch.full((1, 3, 128, 128), 0.4), atol=1e-6)


def test_back_projection_beats_bicubic_by_using_the_others(astronaut_face):
    frames, label = made(astronaut_face, "stills")
    many, one, bicubic = (
        psnr(x, label).mean() for x in (back_projection(frames), back_projection(middle_of(frames)), interpolate(frames))
    )
    assert many > bicubic + 0.7
    assert many > one + 0.5


def test_back_projection_lets_noise_go(astronaut_face):
    frames, label = made(astronaut_face, "noise-others")
    assert psnr(back_projection(frames), label).mean() > psnr(interpolate(frames), label).mean() - 1.0


def field(number: int, payload: bytes) -> bytes:
    return bytes([number << 3 | 2, len(payload)]) + payload


def test_graph_is_cut_before_depth_to_space():
    bias = field(5, field(1, b"value") + field(2, field(8, field(5, struct.pack("<f", 0.25)))))
    nodes = {
        b"conv8": field(1, b"conv8") + field(2, b"Conv2D"),
        b"b8": field(1, b"b8") + field(2, b"Const") + bias,
        b"shuffle": field(1, b"shuffle") + field(2, b"DepthToSpace"),
        b"NHWC_output": field(1, b"NHWC_output") + field(2, b"BiasAdd"),
    }
    graph = b"".join(field(1, node) for node in nodes.values()) + field(4, b"versions")
    kept, value = split_depth_to_space(graph)
    assert value == 0.25
    assert kept == field(1, nodes[b"conv8"]) + field(4, b"versions")
    assert [number for number, _, _ in fields(kept)] == [1, 4]


def test_fsrcnn_says_where_its_file_comes_from(tmp_path):
    with pytest.raises(InputError, match="FSRCNN_x4.pb"):
        fsrcnn(tmp_path / "absent.pb")


@pytest.mark.shared
def test_fsrcnn_sharpens(shared, astronaut_face):
    frames, label = made(astronaut_face, "stills")
    assert psnr(fsrcnn(shared / "weights" / "FSRCNN_x4.pb")(frames), label).mean() > psnr(interpolate(frames), label).mean() - 0.3
