"""Single-frame GANs of the theory part: SRGAN's and ESRGAN's generators, their discriminator, and their training and WGAN's."""

from __future__ import annotations

from typing import Any

__all__ = ["Discriminator", "RRDBNet", "SrGan", "gan_learner", "get_learner", "load_esrgan"]

_PLACES = {
    "Discriminator": "discriminator",
    "RRDBNet": "esrgan",
    "SrGan": "srgan",
    "gan_learner": "learner",
    "get_learner": "learner",
    "load_esrgan": "load",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _PLACES:
        raise AttributeError(f"module 'sharpening.models.sr_gan' has no attribute {name!r}; it offers {', '.join(__all__)}")
    return getattr(importlib.import_module(f"sharpening.models.sr_gan.{_PLACES[name]}"), name)
