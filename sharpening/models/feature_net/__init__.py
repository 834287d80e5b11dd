"""The thesis's Feature-Merge U-Net. `FeatureNet` is the network alone (torch), `get_learner` the fastai Learner round it."""

from __future__ import annotations

from typing import Any

__all__ = ["FeatureNet", "get_learner"]


def __getattr__(name: str) -> Any:
    if name == "FeatureNet":
        from sharpening.models.feature_net.model import FeatureNet

        return FeatureNet
    if name == "get_learner":
        from sharpening.models.feature_net.learner import get_learner

        return get_learner
    raise AttributeError(f"module 'sharpening.models.feature_net' has no attribute {name!r}; it offers {', '.join(__all__)}")
