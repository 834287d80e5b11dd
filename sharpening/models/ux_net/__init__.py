"""A U-Net that learns which scales to join and which operators to use, in the manner of UX-Net.

`UXNet` is the network alone (torch), `get_learner` the fastai Learner round it.
"""

from __future__ import annotations

from typing import Any

__all__ = ["UXNet", "get_learner"]


def __getattr__(name: str) -> Any:
    if name == "UXNet":
        from sharpening.models.ux_net.model import UXNet

        return UXNet
    if name == "get_learner":
        from sharpening.models.ux_net.learner import get_learner

        return get_learner
    raise AttributeError(f"module 'sharpening.models.ux_net' has no attribute {name!r}; it offers {', '.join(__all__)}")
