"""What lies on disk: sequences of frames, films, the forms of data sets; and damaged sequences made out of stills.

The public names load on first use: reading a folder needs neither PyAV nor the degradations.
"""

from __future__ import annotations

import importlib
from typing import Any

_LAZY = {
    "Clip": "layouts",
    "FilmInfo": "video",
    "FrameSequence": "sequence",
    "Mlfdb": "layouts",
    "SharedData": "layouts",
    "celeba_stills": "layouts",
    "film_info": "video",
    "is_film": "video",
    "lfw_stills": "layouts",
    "list_pictures": "listing",
    "natural_order": "listing",
    "read_film": "video",
    "read_frames": "sequence",
    "read_sequence": "sequence",
    "stills": "listing",
    "write_film": "video",
}

__all__ = sorted(_LAZY)


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(f"sharpening.frames.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'sharpening.frames' has no attribute {name!r}; it offers {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])
