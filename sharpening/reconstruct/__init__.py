"""Multi-frame reconstruction: a picture built of the best parts of some frames, by explicit steps (thesis section 2.3)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sharpening.reconstruct.choice import Choice, read_choice, write_choice
    from sharpening.reconstruct.pipeline import Reconstruction
    from sharpening.reconstruct.reconstructed import Reconstructed
    from sharpening.reconstruct.settings import STEPS, Settings
    from sharpening.reconstruct.state import State
    from sharpening.reconstruct.state_file import read_state
    from sharpening.reconstruct.trace import Trace

__all__ = [
    "STEPS",
    "Choice",
    "Reconstructed",
    "Reconstruction",
    "Settings",
    "State",
    "Trace",
    "read_choice",
    "read_state",
    "write_choice",
]

# One method can be used without loading all others.
_HOMES = {
    **dict.fromkeys(("Choice", "read_choice", "write_choice"), "choice"),
    **dict.fromkeys(("STEPS", "Settings"), "settings"),
    "State": "state",
    "read_state": "state_file",
    "Reconstruction": "pipeline",
    "Reconstructed": "reconstructed",
    "Trace": "trace",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
