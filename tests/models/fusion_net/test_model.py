"""FusionNet beside the contract of all models: any n, order of the others, what it says of its frames, plain export."""

import io
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.frames.degrade import apply, draw, settings
from sharpening.models.fusion_net.extras import EXTRAS
from sharpening.models.fusion_net.model import FusionNet


@pytest.fixture(params=[(), tuple(EXTRAS)], ids=["first", "extras"])
def net(generator, request) -> FusionNet:
    network = FusionNet("tiny", extras=request.param).eval()
    # The zero-initialised ends are stirred, so that every path shows in the output.
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return network


def same_scene(face: np.ndarray, n: int) -> torch.Tensor:
    """n frames `[1, 3n, 32, 32]` of one face, as the protocol "stills" makes them."""
    return as_tensor(apply(face, draw(np.random.default_rng(0), settings("stills"), n_frames=n)).frames)


def as_tensor(frames: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float().flatten(0, 1)[None] / 255


@pytest.mark.parametrize("n", [1, 2, 3, 7, 30])
def test_any_number_of_frames(net, generator, n):
    assert net(torch.rand(1, 3 * n, 32, 32, generator=generator)).shape == (1, 3, 128, 128)


@pytest.mark.parametrize("size", [(16, 16), (32, 48), (34, 30)])
def test_any_even_size(net, generator, size):
    assert net(torch.rand(1, 9, *size, generator=generator)).shape == (1, 3, 4 * size[0], 4 * size[1])


def test_order_of_the_others_does_not_matter(net, astronaut_face):
    frames = same_scene(astronaut_face, n=7).unflatten(1, (7, 3))
    swapped = frames[:, [6, 4, 0, 3, 2, 1, 5]]
    assert torch.allclose(net(frames.flatten(1, 2)), net(swapped.flatten(1, 2)), atol=1e-5)


def test_untrained_net_starts_near_bicubic(generator):
    frames = torch.rand(1, 21, 32, 32, generator=generator)
    bicubic = torch.nn.functional.interpolate(frames[:, 9:12], scale_factor=4, mode="bicubic", align_corners=False)
    assert (FusionNet("tiny")(frames) - bicubic).abs().mean() < 0.1


def test_weights_are_shares_and_the_middle_is_sampled_where_it_is(net, astronaut_face):
    parts = net.parts(same_scene(astronaut_face, n=5).repeat(2, 1, 1, 1))
    assert (parts.weights[:, :5].mean(dim=(2, 3)) > 0).all()
    assert parts.weights.shape == (2, 6, 64, 64)
    assert torch.allclose(parts.weights.sum(dim=1), torch.ones(2, 64, 64), atol=1e-5)
    centres = (torch.arange(64) + 0.5) / 32 - 1
    assert torch.allclose(parts.flow[:, 2, :, :, 0], centres.expand(2, 64, 64), atol=1e-6)


@pytest.mark.parametrize("garbage", ["noise", "flat", "other"])
def test_wrong_frames_count_as_if_they_were_not_there(net, astronaut_face, garbage):
    drawn = draw(np.random.default_rng(0), settings("stills"))
    wrong = tuple(frame if i == 3 else replace(frame, garbage=garbage) for i, frame in enumerate(drawn.frames))
    frames = as_tensor(apply(astronaut_face, replace(drawn, frames=wrong), other=astronaut_face[::-1]).frames)
    parts, alone = net.parts(frames), net.parts(frames[:, 9:12])
    assert parts.weights[:, [0, 1, 2, 4, 5, 6]].max() == 0
    assert torch.allclose(parts.pred, alone.pred, atol=1e-5)
    if parts.spread is not None:
        assert torch.allclose(parts.spread, alone.spread, atol=1e-5)


def test_one_wrong_frame_takes_nothing_from_the_others(net, astronaut_face, generator):
    frames = same_scene(astronaut_face, n=7)
    wrong = torch.cat([torch.rand(1, 3, 32, 32, generator=generator), frames[:, 3:]], dim=1)
    assert not torch.allclose(net(wrong), net(wrong[:, 9:12]), atol=1e-4)
    assert torch.allclose(net(wrong), net(torch.cat([torch.zeros(1, 3, 32, 32), frames[:, 3:]], dim=1)), atol=1e-5)


def test_others_reach_the_output_and_get_gradients(net, astronaut_face):
    frames = same_scene(astronaut_face, n=7).requires_grad_()
    net(frames).sum().backward()
    shares = frames.grad.reshape(7, -1).abs().sum(dim=1)
    assert (shares > 0).all()


@pytest.mark.parametrize("shape", [(1, 20, 32, 32), (21, 32, 32), (1, 21, 31, 32), (1, 21, 8, 8)])
def test_wrong_shapes_are_refused(net, shape):
    with pytest.raises(ShapeError, match="frames"):
        net(torch.zeros(shape))


def test_unknown_preset_is_refused():
    with pytest.raises(RangeError, match="tiny"):
        FusionNet("huge")


def test_exports_as_a_plain_graph(net, astronaut_face, generator):
    frames = same_scene(astronaut_face, n=7).repeat(2, 1, 1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(net, (frames,))
        buffer = io.BytesIO()
        torch.export.save(program, buffer)
    wrong = frames.clone()
    wrong[1, :6] = torch.rand(6, 32, 32, generator=generator)
    for given in (frames, wrong):
        assert torch.allclose(program.module()(given), net(given), atol=1e-5)
