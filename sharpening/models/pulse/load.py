"""PULSE out of published files: the generator, and the Gaussian fit or the mapping network that it is made of."""

from __future__ import annotations

from pathlib import Path

from sharpening.errors import WeightsMissing
from sharpening.models.pulse.gaussian import GaussianFit, fit_gaussian, load_fit
from sharpening.models.pulse.published import FIT_NAME
from sharpening.models.pulse.search import Pulse
from sharpening.models.pulse.settings import PulseSettings
from sharpening.models.stylegan import StyleGan, load_stylegan
from sharpening.weights.store import find

__all__ = ["load_pulse"]

_OF_FFHQ = ("pulse-synthesis", "stylegan-ffhq", "stylegan-ffhq-port")
_FILE = "gaussian_fit.pt"
_N_CODES = 100_000  # seconds on a CPU; the published million moves the fit by less than a hundredth of a deviation
_ADVICE = (
    "PULSE needs StyleGAN: get synthesis.pt of adamian98/pulse (Google Drive; the weights derive from StyleGAN, CC BY-NC 4.0), then: "
    "sharpening weights import synthesis.pt --as pulse-synthesis."
)
_FIT_ADVICE = (
    f"Put {_FILE} of adamian98/pulse beside the generator if it is the one of FFHQ, or: sharpening weights import {_FILE} --as {FIT_NAME}. "
    "The mapping does as well: sharpening weights import mapping.pt --as pulse-mapping. Any other generator needs its own mapping."
)


def load_pulse(
    weights: str | Path | None = None, *, pretrained: str | Path | None = None, settings: PulseSettings | None = None
) -> Pulse:
    """PULSE with a published generator.

    The published Gaussian fit belongs to FFHQ's generator: beside it, or by its name, it is read. For every other generator the fit is
    measured on its mapping; only where there is none is a fit that lies beside it believed.

    Args:
        weights: name or path of the generator; the names of FFHQ's are looked for when left out.
        pretrained: folder to search names in first.
        settings: of the search.

    Raises:
        WeightsMissing: no generator, or neither fit nor mapping; the message says which file is needed and where it comes from.
        WeightsMismatch: a file is not what it should be.
        ShapeError: the fit is of another generator.
    """
    path = _generator(pretrained) if weights is None else find(weights, pretrained)
    gan = load_stylegan(path, pretrained=pretrained)
    return Pulse(gan, _fit(gan, path, pretrained), settings)


def _generator(pretrained: str | Path | None) -> Path:
    searched: tuple[str, ...] = ()
    for name in _OF_FFHQ:
        try:
            return find(name, pretrained)
        except WeightsMissing as error:
            searched = error.searched
    raise WeightsMissing(" or ".join(_OF_FFHQ), searched, _ADVICE)


def _fit(gan: StyleGan, path: Path, pretrained: str | Path | None) -> GaussianFit:
    beside = path.with_name(_FILE)
    searched: tuple[str | Path, ...] = (beside,)
    if gan.name in _OF_FFHQ:
        try:
            return load_fit(beside if beside.is_file() else find(FIT_NAME, pretrained))
        except WeightsMissing as error:
            searched += error.searched
    if gan.mapping is not None:
        return fit_gaussian(gan.mapping, _N_CODES)
    if beside.is_file():
        return load_fit(beside)
    raise WeightsMissing(FIT_NAME, searched, _FIT_ADVICE)
