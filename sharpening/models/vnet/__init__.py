"""V-Net over the frame volume. `VNet` is the network alone (torch), `get_learner` the fastai Learner round it."""

from __future__ import annotations

from typing import Any

__all__ = ["VNet", "get_learner"]


def __getattr__(name: str) -> Any:
    if name == "VNet":
        from sharpening.models.vnet.model import VNet

        return VNet
    if name == "get_learner":
        from sharpening.models.vnet.learner import get_learner

        return get_learner
    raise AttributeError(f"module 'sharpening.models.vnet' has no attribute {name!r}; it offers {', '.join(__all__)}")
