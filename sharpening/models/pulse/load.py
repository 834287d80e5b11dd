"""PULSE out of published files: the generator, and the Gaussian fit or the mapping network that it is made of."""

from __future__ import annotations

from pathlib import Path

from sharpening.errors import WeightsMissing
from sharpening.models.pulse.gaussian import GaussianFit, fit_gaussian, load_fit
from sharpening.models.pulse.search import Pulse, PulseSettings
from sharpening.models.stylegan import StyleGan, load_stylegan
from sharpening.weights.store import find

__all__ = ["FIT_NAME", "load_pulse"]

FIT_NAME = "pulse-gaussian-fit"
_GENERATORS = ("pulse-synthesis", "stylegan-ffhq", "stylegan-ffhq-port")
_FILE = "gaussian_fit.pt"
_DRAWN = 100_000  # codes for a fit of our own
_ADVICE = (
    "PULSE needs StyleGAN: get synthesis.pt of adamian98/pulse (Google Drive; the weights derive from StyleGAN, CC BY-NC 4.0), then: "
    "sharpening weights import synthesis.pt --as pulse-synthesis."
)


def load_pulse(
    weights: str | Path | None = None, *, pretrained: str | Path | None = None, settings: PulseSettings | None = None
) -> Pulse:
    """The search with a published generator.

    The Gaussian fit is taken from beside the generator (`gaussian_fit.pt`) or by its name; else it is made of the mapping network.

    Args:
        weights: name or path of the generator; its published names are looked for when left out.
        pretrained: folder to search names in first.
        settings: of the search.

    Raises:
        WeightsMissing: no generator, or neither fit nor mapping.
        WeightsMismatch: a file is not what it should be.
    """
    path = _generator(pretrained) if weights is None else find(weights, pretrained)
    gan = load_stylegan(path, pretrained=pretrained)
    return Pulse(gan, _fit(gan, path, pretrained), settings)


def _generator(pretrained: str | Path | None) -> Path:
    searched: tuple[str, ...] = ()
    for name in _GENERATORS:
        try:
            return find(name, pretrained)
        except WeightsMissing as error:
            searched = error.searched
    raise WeightsMissing(" or ".join(_GENERATORS), searched, _ADVICE)


def _fit(gan: StyleGan, path: Path, pretrained: str | Path | None) -> GaussianFit:
    beside = [path.with_name(name) for name in (_FILE, f"{FIT_NAME}.safetensors")]
    found = next((each for each in beside if each.is_file()), None)
    if found is not None:
        return load_fit(found)
    try:
        # A fit by its name is of FFHQ's generator and of no other.
        if gan.name in _GENERATORS:
            return load_fit(find(FIT_NAME, pretrained))
        searched: tuple[str, ...] = ()
    except WeightsMissing as error:
        searched = error.searched
    if gan.mapping is not None:
        return fit_gaussian(gan.mapping, _DRAWN)
    advice = (
        f"Get {_FILE} of adamian98/pulse, then: sharpening weights import {_FILE}; or the mapping: "
        "sharpening weights import mapping.pt --as pulse-mapping."
    )
    raise WeightsMissing(FIT_NAME, searched, advice)
