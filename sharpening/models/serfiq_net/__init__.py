"""The thesis's U-Net for the SER-FIQ critic. `SerFiqNet` is the network alone (torch), `get_learner` the fastai Learner round it."""

from __future__ import annotations

from typing import Any

__all__ = ["SerFiqNet", "get_learner"]


def __getattr__(name: str) -> Any:
    if name == "SerFiqNet":
        from sharpening.models.serfiq_net.model import SerFiqNet

        return SerFiqNet
    if name == "get_learner":
        from sharpening.models.serfiq_net.learner import get_learner

        return get_learner
    raise AttributeError(f"module 'sharpening.models.serfiq_net' has no attribute {name!r}; it offers {', '.join(__all__)}")
