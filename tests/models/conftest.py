"""Tiny builds of every network, for the contract tests and all others that need some network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sharpening.models.zoo import create_model


@dataclass(frozen=True)
class TinyModel:
    """How to build a network so small that tests do not wait, and what it takes."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)
    n_frames: int = 3
    size: int = 32
    lr: float = 1e-3  # a net that ends in a sigmoid wants more

    def build(self, seed: int = 0) -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return create_model(self.name, **self.settings)

    def frames(self, bs: int, seed: int = 0) -> Tensor:
        return torch.rand(bs, 3 * self.n_frames, self.size, self.size, generator=torch.Generator().manual_seed(seed))


TINY = {
    "unet": TinyModel("unet", {"n_frames": 3, "encoder": "resnet18", "width": 8}),
    "fusion_net": TinyModel("fusion_net", {"preset": "tiny", "n_frames": 3}, size=16),
    "bionet": TinyModel("bionet", {"n_frames": 3, "encoder": "resnet18", "width": 8}),
    "bionet_published": TinyModel("bionet_published", {"n_frames": 3, "multiplier": 0.25}, lr=1e-2),
    "feature_net": TinyModel("feature_net", {"n_frames": 3, "encoder": "resnet18", "width": 8, "merge": ["half", "quarter"]}),
    "serfiq_net": TinyModel("serfiq_net", {"n_frames": 3, "encoder": "resnet18", "width": 8}),
    "srgan": TinyModel("srgan", {"n_frames": 3, "width": 8, "n_blocks": 2}, size=16),
    "esrgan": TinyModel("esrgan", {"n_frames": 3, "width": 8, "n_blocks": 2, "growth": 4}, size=16, lr=5e-3),
    "vnet": TinyModel("vnet", {"n_frames": 3, "widths": [4, 8], "n_convs_down": [1, 2], "n_convs_up": [1]}, size=16, lr=5e-3),
    "ux_net": TinyModel("ux_net", {"n_frames": 3, "widths": [8, 16], "n_blocks": 1}, size=16, lr=5e-3),
}


@pytest.fixture
def tiny_models() -> dict[str, TinyModel]:
    return TINY


@pytest.fixture(params=sorted(TINY))
def tiny(request: pytest.FixtureRequest) -> TinyModel:
    return TINY[request.param]
