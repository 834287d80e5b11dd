"""Finetuning: a single-frame method goes over the reconstructed picture. One file a method; `method.py` has the table."""

from __future__ import annotations

from sharpening.reconstruct.finetune.guard import Guarded, guarded
from sharpening.reconstruct.finetune.method import create_finetuner, finetuners

__all__ = ["Guarded", "create_finetuner", "finetuners", "guarded"]
