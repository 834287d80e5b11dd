"""PULSE: a face out of a generator that, made small, gives a small picture (thesis section 2.2)."""

from __future__ import annotations

from sharpening.models.pulse.gaussian import GaussianFit, fit_gaussian, load_fit
from sharpening.models.pulse.load import load_pulse
from sharpening.models.pulse.search import Pulse, PulseResult, PulseSearch, PulseState
from sharpening.models.pulse.settings import PulseSettings
from sharpening.models.pulse.transfer import Transferred, artifact_free, pulse_transfer

__all__ = [
    "GaussianFit",
    "Pulse",
    "PulseResult",
    "PulseSearch",
    "PulseSettings",
    "PulseState",
    "Transferred",
    "artifact_free",
    "fit_gaussian",
    "load_fit",
    "load_pulse",
    "pulse_transfer",
]
