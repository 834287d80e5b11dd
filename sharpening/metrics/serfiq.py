"""SER-FIQ: how well a recognition network can use a face, from how little its descriptor moves when parts of it are dropped.

One picture goes through the network m times with random dropout; the nearer the m descriptors lie to each other, the better the face.
It is no likeness: it needs no true picture, and a sharp face of the wrong person scores well.

Only what lies behind the dropout is repeated: the trunk runs once, then m heads at once. The masks are the same for all pictures of a
batch, so that a picture's score does not depend on its neighbours.

Several numbers go under the name; d is the distance of two descriptors of length 1, S the sum over the m(m-1)/2 pairs:

===========  ==========================================  =================================================================
paper        2·sigmoid(-2/m² · S)                        the paper, with m = 100; the thesis's raw value, with m = 10
code         2·sigmoid(-mean d)                          the published program until August 2021: exponent m/(m-1) as large
published    1 / (1 + exp(-130 · (code - 0.88)))         the published program since then
thesis       paper, two end points moved to 0.75 and 1   section 1.4 of the thesis, as its loss; it does not give the end points
half         sigmoid(-2/m² · S)                          what the thesis's tables seem to print (36–48 %): our inference
===========  ==========================================  =================================================================

Source: Terhörst et al., "SER-FIQ: Unsupervised estimation of face image quality based on stochastic embedding robustness", 2020,
arXiv:2003.09373.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError
from sharpening.metrics.metric import Metric

__all__ = [
    "SERFIQ",
    "THESIS_ENDS",
    "Form",
    "SerFiq",
    "StochasticNet",
    "draw_masks",
    "pair_distances",
    "serfiq_code",
    "serfiq_half",
    "serfiq_metric",
    "serfiq_paper",
    "serfiq_published",
    "serfiq_thesis",
]

THESIS_ENDS = (0.78, 0.91)
"""Least and largest raw value that the thesis saw with IR-SE-50; taken as the end points of its rescale, which it does not give."""

Form = Literal["paper", "code", "published", "thesis", "half"]

_LOW, _HIGH = 0.75, 1.0
_CHUNK = 2**24  # numbers in the masked maps that are held at a time: 64 MB


class StochasticNet(Protocol):
    """What SER-FIQ wants of a face net: it can be cut in two where the dropout lies (`models.face_id.FaceNet`)."""

    name: str
    p_drop: float

    def trunk(self, pictures: Tensor) -> Tensor:
        """Maps `[bs, ...]` before the dropout, of pictures `[bs, 3, H, W]` in [0, 1]."""
        ...

    def head(self, maps: Tensor) -> Tensor:
        """Descriptors `[bs, d]` of such maps."""
        ...


def pair_distances(descriptors: Tensor) -> Tensor:
    """Euclidean distances between the m descriptors of each picture, brought to length 1.

    The slope at distance 0, where the square root has none, is 0.

    Args:
        descriptors: `[bs, m, d]`.

    Returns:
        `[bs, m(m-1)/2]`, 0 … 2.

    Raises:
        ShapeError: when they have another number of axes.
        RangeError: when m is less than 2.
    """
    if descriptors.ndim != 3:
        raise ShapeError(
            "stochastic descriptors", list(descriptors.shape), "[bs, m, d]", "m of each picture, see SerFiq.descriptors."
        )
    m = _at_least_two(descriptors.shape[1])
    rows = descriptors.float() if descriptors.dtype in (torch.float16, torch.bfloat16) else descriptors
    rows = F.normalize(rows, dim=2)
    # Differences, not 2 - 2·cosine: in float32 that is off by 3e-4 for near descriptors.
    distances = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist")
    first, second = torch.triu_indices(m, m, offset=1, device=rows.device)
    return distances[:, first, second]


def serfiq_paper(descriptors: Tensor) -> Tensor:
    """2·sigmoid(-2/m² · sum of the pair distances) of descriptors `[bs, m, d]`: `[bs]`, 0.24 … 1."""
    m = descriptors.shape[1]
    return 2 * torch.sigmoid(-2 / m**2 * pair_distances(descriptors).sum(dim=1))


def serfiq_code(descriptors: Tensor) -> Tensor:
    """2·sigmoid(-mean pair distance) of descriptors `[bs, m, d]`: `[bs]`, 0.24 … 1."""
    return 2 * torch.sigmoid(-pair_distances(descriptors).mean(dim=1))


def serfiq_published(descriptors: Tensor, *, alpha: float = 130.0, r: float = 0.88) -> Tensor:
    """`serfiq_code` spread out by a second logistic curve of steepness `alpha` round `r`: `[bs]`, 0 … 1."""
    return torch.sigmoid(alpha * (serfiq_code(descriptors) - r))


def serfiq_thesis(descriptors: Tensor, *, ends: tuple[float, float] = THESIS_ENDS) -> Tensor:
    """`serfiq_paper` on a straight line that brings `ends` to 0.75 and 1.0; not cut off, so that there is a slope everywhere.

    Args:
        descriptors: `[bs, m, d]`.
        ends: raw values that become 0.75 and 1.0. They belong to a network: the thesis's default to IR-SE-50.

    Raises:
        RangeError: when the second end is not above the first.
    """
    low, high = ends
    if not high > low:
        raise RangeError("ends", ends, "two raw scores, the second above the first")
    return _LOW + (_HIGH - _LOW) * (serfiq_paper(descriptors) - low) / (high - low)


def serfiq_half(descriptors: Tensor) -> Tensor:
    """sigmoid(-2/m² · sum of the pair distances) of descriptors `[bs, m, d]`: `[bs]`, 0.12 … 0.5, half of `serfiq_paper`."""
    return serfiq_paper(descriptors) / 2


def draw_masks(m: int, shape: tuple[int, ...], p_drop: float, generator: torch.Generator) -> Tensor:
    """Draw m dropout masks.

    Args:
        m: how many.
        shape: of the maps of one picture.
        p_drop: chance of a number to be dropped.
        generator: the dice, on the CPU, so that all devices get the same masks.

    Returns:
        float32 `[m, *shape]`: 0 where dropped, 1 / (1 - p_drop) elsewhere.

    Raises:
        RangeError: when m is less than 2, or `p_drop` outside 0 … 1 (1 excluded).
    """
    _at_least_two(m)
    if not 0 <= p_drop < 1:
        raise RangeError("p_drop", p_drop, "0 up to, but not including, 1")
    keep = torch.rand((m, *shape), generator=generator) >= p_drop
    return keep.float() / (1 - p_drop)


class SerFiq(nn.Module):
    """Quality of faces as a network sees them; differentiable, so that it can be trained on.

    Args:
        network: cut in two at its dropout; frozen, in evaluation mode. `.network.name` says which one judged.
        m: descriptors for each picture; the thesis took 10, the paper 100.
        form: which number (see the head of this module), or a function of descriptors `[bs, m, d]`.
        p_drop: chance of a number in the maps to be dropped; the network's own when left out.
        align: pictures to the cut that the network wants, with gradient; None lets the network resize the whole picture.
        generator: dice on the CPU; the masks are new in each call. Left out, all calls use the same masks, so that equal pictures
            have equal scores.
        ends: of the form "thesis".

    Raises:
        RangeError: when m is less than 2, or a setting is unknown or impossible.
    """

    def __init__(
        self,
        network: StochasticNet,
        m: int = 10,
        form: Form | Callable[[Tensor], Tensor] = "thesis",
        *,
        p_drop: float | None = None,
        align: Callable[[Tensor], Tensor] | None = None,
        generator: torch.Generator | None = None,
        ends: tuple[float, float] = THESIS_ENDS,
    ) -> None:
        super().__init__()
        self.network, self.m, self.align, self.generator = network, _at_least_two(m), align, generator
        self.form = form if isinstance(form, str) else getattr(form, "__name__", "own")
        self.score = _score(form, ends)
        self.p_drop = network.p_drop if p_drop is None else p_drop
        draw_masks(2, (0,), self.p_drop, torch.Generator())  # refuses an impossible chance now, not in the first call

    def descriptors(self, pictures: Tensor, masks: Tensor | None = None) -> Tensor:
        """Stochastic descriptors, as the head gives them.

        Args:
            pictures: `[bs, 3, H, W]`, RGB in [0, 1].
            masks: `[m, ...]` factors on the maps of the trunk; drawn when left out.

        Returns:
            `[bs, m, d]`.

        Raises:
            ShapeError: when the pictures have another shape.
            RangeError: when they are not floating point, or (where no gradient is asked for) hold NaN or infinity.
        """
        _check(pictures)
        pictures = pictures.as_subclass(Tensor)
        maps = self.network.trunk(pictures if self.align is None else self.align(pictures))
        if masks is None:
            dice = torch.Generator().manual_seed(0) if self.generator is None else self.generator
            masks = draw_masks(self.m, tuple(maps.shape[1:]), self.p_drop, dice)
        masks = masks.to(maps)
        at_a_time = max(1, _CHUNK // max(1, maps.numel()))
        return torch.cat([self._heads(maps, some) for some in masks.split(at_a_time)], dim=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """The score `[bs]` of pictures `[bs, 3, H, W]`, RGB in [0, 1]; higher is better."""
        return self.score(self.descriptors(pictures))

    def _heads(self, maps: Tensor, masks: Tensor) -> Tensor:
        masked = maps[:, None] * masks
        return self.network.head(masked.flatten(0, 1)).unflatten(0, masked.shape[:2])


def serfiq_metric(quality: SerFiq) -> Metric:
    """A `Metric` in % that asks this network, and says so in its name.

    Args:
        quality: with any form; "half" gives the numbers that the thesis prints.
    """
    name = f"SER-FIQ ({quality.network.name}, {quality.form})"
    low, high = {"half": (11.0, 50.0), "published": (0.0, 100.0)}.get(quality.form, (23.0, 100.0))
    if quality.form not in ("half", "published", "paper", "code"):
        low, high = float("-inf"), float("inf")
    return Metric(name, "%", "higher", (low, high), needs_target=False, fn=functools.partial(_percent, quality), decimals=2)


@torch.no_grad()
def _percent(quality: SerFiq, pictures: Tensor) -> Tensor:
    return 100 * quality(pictures)


def _half_percent(descriptors: Tensor) -> Tensor:
    return 100 * serfiq_half(descriptors)


# The network stays outside: its stochastic descriptors are the input, as descriptors are that of the identity metrics.
SERFIQ = Metric("SER-FIQ", "%", "higher", (11.0, 50.0), needs_target=False, fn=_half_percent, inputs="stochastic", decimals=2)


def _score(form: Form | Callable[[Tensor], Tensor], ends: tuple[float, float]) -> Callable[[Tensor], Tensor]:
    if not isinstance(form, str):
        return form
    known: dict[str, Callable[[Tensor], Tensor]] = {
        "paper": serfiq_paper,
        "code": serfiq_code,
        "published": serfiq_published,
        "thesis": functools.partial(serfiq_thesis, ends=ends),
        "half": serfiq_half,
    }
    if form not in known:
        raise RangeError("form", repr(form), f"one of {', '.join(get_args(Form))}")
    return known[form]


def _at_least_two(m: int) -> int:
    if m < 2:
        raise RangeError("m", m, "at least 2 descriptors for each picture", "One descriptor has nothing to differ from.")
    return m


def _check(pictures: Tensor) -> None:
    if pictures.ndim != 4 or pictures.shape[1] != 3:
        raise ShapeError("pictures", list(pictures.shape), "[bs, 3, H, W]", "RGB in [0, 1], channels first.")
    if not pictures.is_floating_point():
        raise RangeError("pictures", f"dtype {pictures.dtype}", "floating point in [0, 1]", "Use imaging.convert.to_tensor first.")
    # Looked at only where something is measured: in training it would hold up the device at each step.
    if not pictures.requires_grad and not bool(torch.isfinite(pictures).all()):
        raise RangeError("pictures", "NaN or infinity", "finite numbers in [0, 1]", "Leave broken pictures out.")
