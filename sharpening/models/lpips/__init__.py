"""LPIPS, with the backbone and the heads that the user brings."""

from __future__ import annotations

from sharpening.models.lpips.model import LpipsNet, load_lpips

__all__ = ["LpipsNet", "load_lpips"]
