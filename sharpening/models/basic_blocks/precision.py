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
    """bfloat16 where a device is known to multiply it much faster than float32 (CUDA since Ampere, CPUs with AMX), else float32.

    On a CPU without any units for it bfloat16 is emulated, two orders slower. A torch that cannot say what the CPU has
    (without `torch.cpu.get_capabilities`) gets float32.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.get_device_capability(device)[0] >= 8 else torch.float32
    known = torch.cpu.get_capabilities() if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities") else {}
    return torch.bfloat16 if known.get("amx_bf16") else torch.float32


def in_full_precision(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function of tensors compute as its arguments are, also inside `torch.autocast`.

    Coordinates must: bfloat16 has three digits, and a grid of 64 points needs hundredths of a pixel.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        device = "cpu"
        for each in (*args, *kwargs.values()):
            if isinstance(each, Tensor):
                device = each.device.type
                break
        if not (torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)):
            return function(*args, **kwargs)
        with torch.autocast(device, enabled=False):
            return function(*args, **kwargs)

    return run
