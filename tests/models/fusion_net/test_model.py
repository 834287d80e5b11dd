"""FusionNet beside the contract of all models: any n, order of the others, what it says of its frames, plain export."""

import io
import warnings

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


@pytest.mark.parametrize("n", [1, 2, 3, 7, 30])
def test_any_number_of_frames(net, generator, n):
    assert net(torch.rand(1, 3 * n, 32, 32, generator=generator)).shape == (1, 3, 128, 128)


@pytest.mark.parametrize("size", [(16, 16), (32, 48), (34, 30)])
def test_any_even_size(net, generator, size):
    assert net(torch.rand(1, 9, *size, generator=generator)).shape == (1, 3, 4 * size[0], 4 * size[1])


def test_order_of_the_others_does_not_matter(net, generator):
    frames = torch.rand(1, 7, 3, 32, 32, generator=generator)
    swapped = frames[:, [6, 4, 0, 3, 2, 1, 5]]
    assert torch.allclose(net(frames.flatten(1, 2)), net(swapped.flatten(1, 2)), atol=1e-5)


def test_untrained_net_starts_near_bicubic(generator):
    frames = torch.rand(1, 21, 32, 32, generator=generator)
    bicubic = torch.nn.functional.interpolate(frames[:, 9:12], scale_factor=4, mode="bicubic", align_corners=False)
    assert (FusionNet("tiny")(frames) - bicubic).abs().mean() < 0.1


def test_weights_are_shares_and_the_middle_is_sampled_where_it_is(net, generator):
    parts = net.parts(torch.rand(2, 15, 32, 32, generator=generator))
    assert parts.weights.shape == (2, 6, 64, 64)
    assert torch.allclose(parts.weights.sum(dim=1), torch.ones(2, 64, 64), atol=1e-5)
    centres = (torch.arange(64) + 0.5) / 32 - 1
    assert torch.allclose(parts.flow[:, 2, :, :, 0], centres.expand(2, 64, 64), atol=1e-6)


def test_noise_gets_no_say(net, astronaut_face):
    params = draw(np.random.default_rng(0), settings("noise-others"))
    frames = torch.from_numpy(apply(astronaut_face, params).frames).permute(0, 3, 1, 2).float().flatten(0, 1)[None] / 255
    shares = net.parts(frames).weights.mean(dim=(2, 3))[0]
    assert shares[[0, 1, 2, 4, 5, 6]].max() < 0.02
    assert shares[3] > 0.8


def test_others_reach_the_output_and_get_gradients(net, generator):
    frames = torch.rand(1, 21, 32, 32, generator=generator, requires_grad=True)
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


def test_exports_as_a_plain_graph(net, generator):
    frames = torch.rand(2, 21, 32, 32, generator=generator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(net, (frames,))
        buffer = io.BytesIO()
        torch.export.save(program, buffer)
    assert torch.allclose(program.module()(frames), net(frames), atol=1e-5)
