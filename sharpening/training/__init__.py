"""Training through fastai's Learner: recipes, callbacks, checkpoints, export.

Names are loaded on first use, as fastai takes seconds. `export` and `recipes` are called as the modules that hold them, so they
are taken from there: `from sharpening.training.export import export`.
"""

from __future__ import annotations

import importlib
from typing import Any

_LAZY = {
    "Recipe": "sharpening.training.recipes",
    "fit": "sharpening.training.learner",
    "make_learner": "sharpening.training.learner",
    "train": "sharpening.training.learner",
}

__all__ = ["Recipe", "fit", "make_learner", "train"]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'sharpening.training' has no attribute {name!r}; it offers {', '.join(__all__)}")
