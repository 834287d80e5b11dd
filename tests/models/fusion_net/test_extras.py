"""The pieces beside FusionNet's first design: what each computes."""

import pytest
import torch

from sharpening.errors import RangeError
from sharpening.models.basic_blocks import affine_grid, identity_grid, warp
from sharpening.models.fusion_net.extras import EXTRAS, Correction, DeepLevel, FrameQuality, SpreadHead, pixel_phase, seen_grid
from sharpening.models.fusion_net.model import FusionNet


def test_way_back_undoes_affine_motion_and_smooth_flow():
    affine = torch.tensor([[0.995, -0.0998, 0.05], [0.0998, 0.995, -0.03]])
    points = identity_grid(64, 64, affine)
    flow = 0.04 * torch.stack([(2 * points[..., 1]).sin(), (2 * points[..., 0]).cos()], dim=-1)
    back = seen_grid(affine[None], flow[None], 64, 64)
    # There and back again: the point that frame pixel q shows, sent through the motion, is q.
    there = back @ affine[:, :2].T + affine[:, 2] + warp(flow.permute(2, 0, 1)[None], back).permute(0, 2, 3, 1)
    inside = back.abs().amax(dim=-1) < 0.9
    assert ((there - points)[inside].abs().max() * 16) < 0.1  # px of 32
    alone = affine_grid(affine[None], 64, 64)
    assert ((alone - points)[inside].abs().max() * 16) > 1


def test_phase_has_the_period_of_a_pixel():
    grid = torch.rand(1, 5, 5, 2)
    phase = pixel_phase(grid, 32, 32)
    assert phase.shape == (1, 4, 5, 5)
    assert torch.allclose(phase, pixel_phase(grid + 2 / 32, 32, 32), atol=1e-4)
    assert not torch.allclose(phase, pixel_phase(grid + 1 / 32, 32, 32), atol=0.1)


def test_correction_starts_as_nothing_and_sees_what_is_missing(generator):
    step = Correction(8, 4)
    pred, fine = torch.rand(1, 3, 64, 64, generator=generator), torch.rand(1, 8, 32, 32, generator=generator)
    stack, shares = torch.rand(1, 3, 3, 16, 16, generator=generator), torch.full((1, 3, 32, 32), 1 / 3)
    grid = identity_grid(32, 32, pred).expand(3, 32, 32, 2)
    addition, joined = step(pred, fine, stack, grid, grid, shares)
    assert addition.abs().max() == 0
    other = step(pred, fine, stack + torch.randn(stack.shape, generator=generator), grid, grid, shares)[1]
    assert not torch.allclose(joined, other)


def test_expected_error_does_not_reach_back_to_the_picture(generator):
    fine = torch.rand(1, 8, 16, 16, generator=generator, requires_grad=True)
    share = torch.zeros(1, 1, 16, 16)
    stack = torch.rand(1, 3, 3, 8, 8, generator=generator, requires_grad=True)
    for quality in (False, True):
        spread = SpreadHead(8, quality=quality)(fine, share, share, stack, stack, torch.ones(1, 3, dtype=torch.bool))
        assert spread.shape == (1, 1, 32, 32)
        assert spread.min() > 0
        assert torch.autograd.grad(spread.sum(), [fine, stack], allow_unused=True) == (None, None)


def test_quality_of_the_frames_is_one_judgement_without_order(generator):
    judge, everyone = FrameQuality(4, 6), torch.ones(1, 5, dtype=torch.bool)
    stack, aligned = torch.rand(2, 1, 5, 3, 16, 16, generator=generator)
    assert all(each.shape == (1, 6, 1, 1) and not each.any() for each in judge(stack, aligned, everyone))
    torch.nn.init.normal_(judge.judge[-1].weight, generator=generator)
    order = [3, 0, 2, 4, 1]
    found, softer = judge(stack, aligned, everyone), judge(stack / 2, aligned, everyone)
    mixed = judge(stack[:, order], aligned[:, order], everyone)
    assert torch.allclose(found[0], mixed[0], atol=1e-6)
    assert not torch.allclose(found[1], softer[1], atol=1e-3)


def test_the_deep_level_starts_as_nothing_and_knows_places(generator):
    deep, coarse = DeepLevel(16, 16, 1), torch.rand(2, 16, 9, 16, generator=generator)
    assert torch.equal(deep(coarse), coarse)
    with torch.no_grad():
        deep.up[0].weight.normal_(0, 0.1, generator=generator)
    flat = torch.ones(1, 16, 16, 16)
    before = deep(flat)
    with torch.no_grad():
        deep.places[..., :2, :] = 1.0
    changed = (deep(flat) - before).abs().mean(dim=(0, 1, 3))
    assert changed[:4].min() > 1e-3
    assert changed[-1] < changed[0] / 10


def test_a_frame_can_be_turned_away_as_a_whole(generator):
    net = FusionNet("tiny", extras=("gate",)).eval()
    frames = torch.rand(1, 3, 32, 32, generator=generator).repeat(1, 3, 1, 1)
    before = net.parts(frames).weights.mean(dim=(2, 3))
    with torch.no_grad():
        net.fuse.gate.judge.bias.fill_(-20.0)
    # All frames are turned away: "none of them" is left.
    assert net.parts(frames).weights.mean(dim=(2, 3))[0, -1] > 0.99 > before[0, -1]


def test_unknown_extras_are_refused():
    with pytest.raises(RangeError, match="colour"):
        FusionNet("tiny", extras=("colour",))


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_each_extra_works_alone(extra, generator):
    parts = FusionNet("tiny", extras=(extra,)).parts(torch.rand(1, 3, 32, 32, generator=generator).repeat(1, 5, 1, 1))
    assert parts.weights[:, :5].mean(dim=(2, 3)).min() > 0
    assert parts.pred.shape == (1, 3, 128, 128)
    assert (parts.spread is not None) == (extra == "spread")
