"""One sharp picture of the same person out of a short sequence of poor face pictures."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Public names and where they live. They are loaded on first use, so that `import sharpening` costs milliseconds.
_LAZY = {
    "FrameSequence": "sharpening.frames.sequence",
    "Reconstruction": "sharpening.reconstruct",
    "Restored": "sharpening.restore",
    "Restorer": "sharpening.restore",
    "mframe_dls": "sharpening.mframe_dl",
}

__all__ = ["__version__", *sorted(_LAZY)]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'sharpening' has no attribute {name!r}; it offers {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
