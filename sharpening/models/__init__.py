"""Networks, each in a folder of its own: `model.py` (torch only), `learner.py` (the fastai Learner), `weights.py` (cards).

Nothing is imported here before it is asked for, so that `from sharpening.models.unet import UNet` loads the U-Net alone.
"""

from __future__ import annotations

from typing import Any

__all__ = ["create_model", "list_models", "load_model", "models"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from sharpening.models import zoo

        return getattr(zoo, name)
    raise AttributeError(f"module 'sharpening.models' has no attribute {name!r}; it offers {', '.join(__all__)}")
