"""Mixed precision keeps out of coordinates, and is chosen only where a device has units for it."""

import pytest
import torch

from sharpening.models.basic_blocks import (
    affine_grid,
    back_project,
    estimate_affine,
    fast_dtype,
    frame_agreement,
    in_full_precision,
)
from sharpening.models.fusion_net.extras import EXTRAS
from sharpening.models.fusion_net.model import FusionNet

MIXED = {"device_type": "cpu", "dtype": torch.bfloat16}


@pytest.fixture
def frames(generator) -> torch.Tensor:
    """`[4, 3, 32, 32]`, smooth."""
    small = torch.rand(4, 3, 8, 8, generator=generator)
    return torch.nn.functional.interpolate(small, size=32, mode="bicubic").clamp(0, 1)


def test_geometry_is_the_same_in_mixed_precision(frames):
    still = torch.eye(2, 3).expand(4, 2, 3) + 0.01
    belief = frame_agreement(frames, frames)
    calls = [
        lambda: affine_grid(still, 64, 64),
        lambda: estimate_affine(frames, frames.roll(1, dims=3)),
        lambda: frame_agreement(frames, frames.roll(1, dims=3)),
        lambda: back_project(frames[None], still, belief),
    ]
    for call in calls:
        with torch.autocast(**MIXED):
            mixed = call()
        assert mixed.dtype == torch.float32
        assert torch.equal(mixed, call())


def test_without_it_products_are_rounded(frames):
    product = in_full_precision(torch.matmul)
    with torch.autocast(**MIXED):
        assert torch.matmul(frames, frames).dtype == torch.bfloat16
        found = product(frames, frames)
    assert found.dtype == torch.float32
    assert torch.allclose(found.double(), frames.double() @ frames.double(), atol=1e-5)


def test_devices_without_mixed_precision_are_no_matter():
    assert affine_grid(torch.empty(2, 2, 3, device="meta"), 8, 8).shape == (2, 8, 8, 2)


def test_fusion_net_samples_its_frames_at_the_same_places(frames, generator):
    torch.manual_seed(0)
    net = FusionNet("tiny", extras=tuple(EXTRAS)).eval()
    stack = frames[:3].flatten(0, 1)[None]
    with torch.no_grad():
        for parameter in net.parameters():  # the learned flow starts as nothing
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
        full = net.parts(stack)
        still = torch.eye(2, 3).expand(1, 2, 3)
        assert (full.flow[0, 0] - affine_grid(still, 64, 64)[0]).abs().max() * 16 > 0.1
        with torch.autocast(**MIXED):
            mixed = net.parts(stack)
    assert mixed.flow.dtype == torch.float32
    # Hundredths of a pixel of 32: what the learned flow loses, never the affine part.
    assert (mixed.flow - full.flow).abs().max() * 16 < 0.03
    assert (mixed.pred.float() - full.pred).abs().mean() < 0.02


def test_bfloat16_is_chosen_only_where_there_are_units_for_it(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    assert fast_dtype(torch.device("cpu")) == torch.bfloat16
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True}, raising=False)
    assert fast_dtype(torch.device("cpu")) == torch.float32
