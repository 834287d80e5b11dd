"""PULSE: a face out of a generator that, made small, gives a small picture (thesis section 2.2)."""

from __future__ import annotations

from sharpening.models.pulse.gaussian import GaussianFit, fit_gaussian
from sharpening.models.pulse.load import load_pulse
from sharpening.models.pulse.search import Pulse, PulseResult, PulseSettings, PulseState

__all__ = ["GaussianFit", "Pulse", "PulseResult", "PulseSettings", "PulseState", "fit_gaussian", "load_pulse"]
