"""The thesis's cross-over U-Net. `InpaintNet` is the network alone (torch), `inpaint_dls` its data, `get_learner` the fastai Learner."""

from __future__ import annotations

from typing import Any

__all__ = ["InpaintNet", "get_learner", "inpaint_dls"]


def __getattr__(name: str) -> Any:
    if name == "InpaintNet":
        from sharpening.models.inpaint_net.model import InpaintNet

        return InpaintNet
    if name == "inpaint_dls":
        from sharpening.models.inpaint_net.data import inpaint_dls

        return inpaint_dls
    if name == "get_learner":
        from sharpening.models.inpaint_net.learner import get_learner

        return get_learner
    raise AttributeError(f"module 'sharpening.models.inpaint_net' has no attribute {name!r}; it offers {', '.join(__all__)}")
