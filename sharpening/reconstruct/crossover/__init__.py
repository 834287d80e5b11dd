"""Cross-over: parts of a source become parts of the base. One file a method; `method.py` has the table."""

from __future__ import annotations

from sharpening.reconstruct.crossover.method import create_crossover, crossovers

__all__ = ["create_crossover", "crossovers"]
