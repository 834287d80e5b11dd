"""The settings of PULSE, checked once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sharpening.errors import RangeError
from sharpening.models.pulse.losses import PulseLoss
from sharpening.models.pulse.schedules import SCHEDULES
from sharpening.models.pulse.sphere import OPTIMISERS

__all__ = ["NOISES", "PulseSettings"]

NOISES = ("trainable", "fixed", "zero")


@dataclass(frozen=True, kw_only=True)
class PulseSettings:
    """How PULSE searches; what is left out is as published.

    Attributes:
        loss: sum of losses, see `losses.parse_loss`.
        eps: mean squared error of the small picture under which the search has converged, and L2 pulls no more.
        noise: "trainable" (drawn; the coarsest maps are searched too), "fixed" (drawn) or "zero".
        n_trainable: number of maps that are searched, from the coarsest.
        bad_noise: numbers of the layers whose noise is 0 in any case, since drawn noise spoils the picture there; None for the last layer.
        tile: one style for all layers.
        optimiser: "adam", "sgd", "sgdm" or "adamax".
        lr: learning rate.
        schedule: of the learning rate, see `schedules.schedule`.
        steps: of the search.
        keep: which picture is given back: that of the "best" total loss, or of the "last" step, as in the published program.
        mixed: paint in bfloat16, on a CUDA device; losses and codes stay in float32.

    Raises:
        RangeError: for words that are not known, or numbers that mean nothing.
    """

    loss: str = "100*L2+0.05*GEOCROSS"
    eps: float = 2e-3
    noise: Literal["trainable", "fixed", "zero"] = "trainable"
    n_trainable: int = 5
    bad_noise: tuple[int, ...] | None = None
    tile: bool = False
    optimiser: str = "adam"
    lr: float = 0.4
    schedule: str = "linear1cycledrop"
    steps: int = 100
    keep: Literal["best", "last"] = "best"
    mixed: bool = False

    def __post_init__(self) -> None:
        PulseLoss(self.loss, self.eps)
        for what, given, known in (
            ("noise", self.noise, NOISES),
            ("optimiser", self.optimiser, tuple(OPTIMISERS)),
            ("schedule", self.schedule, tuple(SCHEDULES)),
            ("keep", self.keep, ("best", "last")),
        ):
            if given not in known:
                raise RangeError(what, repr(given), f"one of {', '.join(known)}")
        if self.steps < 1 or not self.lr > 0 or self.n_trainable < 0:
            given = f"{self.steps}, {self.lr}, {self.n_trainable}"
            raise RangeError("steps, lr, n_trainable", given, "at least 1, above 0, 0 or more")

    def silent(self, n_layers: int) -> frozenset[int]:
        """Layers without noise, of a generator with `n_layers`.

        Raises:
            RangeError: when `bad_noise` names a layer that is not there.
        """
        bad = (n_layers - 1,) if self.bad_noise is None else self.bad_noise
        if any(not 0 <= i < n_layers for i in bad):
            raise RangeError("bad_noise", self.bad_noise, f"numbers of layers, 0 … {n_layers - 1}")
        return frozenset(range(n_layers) if self.noise == "zero" else bad)
