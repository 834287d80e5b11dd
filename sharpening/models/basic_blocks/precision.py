"""Mixed precision: where it pays, and what must not take part in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

__all__ = ["fast_dtype", "in_full_precision"]

P = ParamSpec("P")
R = TypeVar("R")


def fast_dtype(device: torch.device) -> torch.dtype:
    """The dtype in which `device` multiplies fastest at no loss of range: bfloat16 where there are units for it, else float32.

    Without such units (AMX on a CPU) bfloat16 is emulated, two orders slower.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    known = torch.cpu.get_capabilities() if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities") else {}
    return torch.bfloat16 if known.get("amx_bf16") else torch.float32


def in_full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function of tensors compute as its arguments are, also inside `torch.autocast`.

    Coordinates must: bfloat16 has three digits, and a grid of 64 points needs hundredths of a pixel.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        device = next((x.device.type for x in (*args, *kwargs.values()) if isinstance(x, Tensor)), "cpu")
        if not torch.is_autocast_enabled(device):
            return function(*args, **kwargs)
        with torch.autocast(device, enabled=False):
            return function(*args, **kwargs)

    return run
