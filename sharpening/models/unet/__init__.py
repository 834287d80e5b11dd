"""The thesis's U-Net. `UNet` is the network alone (torch), `get_learner` the fastai Learner round it."""

from __future__ import annotations

from typing import Any

__all__ = ["UNet", "get_learner"]


def __getattr__(name: str) -> Any:
    if name == "UNet":
        from sharpening.models.unet.model import UNet

        return UNet
    if name == "get_learner":
        from sharpening.models.unet.learner import get_learner

        return get_learner
    raise AttributeError(f"module 'sharpening.models.unet' has no attribute {name!r}; it offers {', '.join(__all__)}")
