"""BiO-Net, a U-Net that runs more than once, with skips that lead back.

`BioNet` is the thesis's, `PublishedBioNet` the authors', `BioNetPublished` the authors' over a stack of frames; `get_learner` and
`get_published_learner` are the fastai Learners of the first and the last.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["BioNet", "BioNetPublished", "PublishedBioNet", "get_learner", "get_published_learner"]

_MODULES = {
    "BioNet": "model",
    "BioNetPublished": "published",
    "PublishedBioNet": "published",
    "get_learner": "learner",
    "get_published_learner": "learner",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'sharpening.models.bionet' has no attribute {name!r}; it offers {', '.join(__all__)}")
