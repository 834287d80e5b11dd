"""FusionNet, the default network. `FusionNet` is the network alone (torch), `get_learner` the fastai Learner round it."""

from __future__ import annotations

from typing import Any

__all__ = ["FusionNet", "get_learner"]


def __getattr__(name: str) -> Any:
    if name == "FusionNet":
        from sharpening.models.fusion_net.model import FusionNet

        return FusionNet
    if name == "get_learner":
        from sharpening.models.fusion_net.learner import get_learner

        return get_learner
    raise AttributeError(f"module 'sharpening.models.fusion_net' has no attribute {name!r}; it offers {', '.join(__all__)}")
