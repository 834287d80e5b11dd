"""What PULSE minimises: the small picture must fit, and the styles of all layers must lie close together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from sharpening.errors import RangeError

__all__ = ["LOSSES", "Measured", "PulseLoss", "geocross", "l1", "l2", "parse_loss"]

LOSSES = ("L2", "L1", "GEOCROSS")
"""Names that a loss string may use."""

_TINY = 1e-9
_L1_FACTOR = 10.0


def l2(small: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of each picture, `[bs]`, of two `[bs, 3, s, s]`."""
    return (small - target).square().mean(dim=(1, 2, 3))


def l1(small: Tensor, target: Tensor) -> Tensor:
    """Ten times the mean absolute difference of each picture, `[bs]`, of two `[bs, 3, s, s]`."""
    return _L1_FACTOR * (small - target).abs().mean(dim=(1, 2, 3))


def geocross(styles: Tensor) -> Tensor:
    """How far the styles of the layers lie apart: mean squared angle between each two, times an eighth of their length.

    Args:
        styles: `[bs, rows, n_latent]`, as the generator gets them.

    Returns:
        `[bs]`; 0 for a single row.

    Source: Menon et al. 2020, arXiv:2003.03808, appendix.
    """
    if styles.shape[1] == 1:
        return styles.new_zeros(len(styles))
    one, other = styles[:, :, None], styles[:, None]
    apart, together = (((x).square().sum(dim=-1) + _TINY).sqrt() for x in (one - other, one + other))
    # Twice the arctangent is right for tiny angles, where the arccosine of the scalar product is not.
    angle = 2 * torch.atan2(apart, together)
    return angle.square().mean(dim=(1, 2)) * (styles.shape[2] / 8)


def parse_loss(text: str) -> dict[str, float]:
    """Read a sum of losses.

    Args:
        text: for example "100*L2+0.05*GEOCROSS".

    Returns:
        Weight of each loss.

    Raises:
        RangeError: for unknown or repeated names, weights that are no positive numbers, or no loss that looks at the picture.

    >>> parse_loss("100*L2 + 0.05*GEOCROSS")
    {'L2': 100.0, 'GEOCROSS': 0.05}
    """
    wanted = f"a sum of WEIGHT*NAME, NAME one of {', '.join(LOSSES)}, as '100*L2+0.05*GEOCROSS'"
    # The plus in a number such as 1e+2 is none between losses.
    terms = text.replace("e+", "e").replace("E+", "E").split("+")
    weights: dict[str, float] = {}
    for term in terms:
        weight, name = _parse_term(term, text, wanted)
        if name in weights:
            raise RangeError("loss", repr(text), wanted, f"{name} is there twice; add up its weights.")
        weights[name] = weight
    if not {"L1", "L2"} & set(weights):
        raise RangeError("loss", repr(text), wanted, "Without L1 or L2 nothing would look at the picture.")
    return weights


def _parse_term(term: str, text: str, wanted: str) -> tuple[float, str]:
    number, _, name = (part.strip() for part in term.partition("*"))
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if name not in LOSSES or not math.isfinite(weight) or weight <= 0:
        raise RangeError("loss", repr(text), wanted, f"'{term.strip()}' is no such term.")
    return weight, name


class Measured(NamedTuple):
    """The losses of one step, each `[bs]`.

    Attributes:
        parts: by name, without their weights, in the order of the loss string.
        total: the weighted sum.
        error: mean squared difference of the small pictures, without a floor.
    """

    parts: Mapping[str, Tensor]
    total: Tensor
    error: Tensor


class PulseLoss:
    """The weighted sum of a loss string, for each picture of a batch by itself.

    Args:
        text: see `parse_loss`.
        eps: floor of L2: once a picture is nearer, L2 has no gradient any more.

    Raises:
        RangeError: as `parse_loss`, or for an eps under 0.
    """

    def __init__(self, text: str = "100*L2+0.05*GEOCROSS", eps: float = 2e-3) -> None:
        if not eps >= 0:
            raise RangeError("eps", eps, "0 or more")
        self.weights, self.eps = parse_loss(text), eps

    def __call__(self, small: Tensor, target: Tensor, styles: Tensor) -> Measured:
        """Measure.

        Args:
            small: `[bs, 3, s, s]`, what the generator painted, shrunk.
            target: `[bs, 3, s, s]`, what it should be.
            styles: `[bs, rows, n_latent]`, as the generator got them.
        """
        error = l2(small, target)
        parts = {name: self._part(name, error, small, target, styles) for name in self.weights}
        total = torch.stack([weight * parts[name] for name, weight in self.weights.items()]).sum(dim=0)
        return Measured({name: part.detach() for name, part in parts.items()}, total, error.detach())

    def _part(self, name: str, error: Tensor, small: Tensor, target: Tensor, styles: Tensor) -> Tensor:
        if name == "L2":
            return error.clamp(min=self.eps)
        return l1(small, target) if name == "L1" else geocross(styles)
