"""Settings of the standing recipe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from sharpening.losses.pixel import charbonnier, psnr_loss
from sharpening.models.fusion_net.extras import EXTRAS

__all__ = ["FIDELITY", "PretrainPlan"]

FIDELITY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"charbonnier": charbonnier, "psnr": psnr_loss}
"""Losses of pixels alone."""


@dataclass(frozen=True)
class PretrainPlan:
    """Settings of one leg of the standing recipe; the card of the shipped weights tells theirs.

    Attributes:
        preset: Size of the net.
        extras: What it has beside its first design, see `fusion_net.extras`.
        only: Name of the one part that is trained, with all others as they are, or several names with commas; empty for the whole net.
        damage: Preset of the damage, see `frames.degrade`.
        other_damage: Single settings of it that are to be otherwise, for ablations.
        n_choices: Numbers of frames, one drawn for each batch.
        epochs: After each one the running mean is measured on held-out faces and a checkpoint is written.
        stop: Leave after so many epochs, in the middle of the schedule; 0 for the whole.
        steps: Batches in an epoch.
        bs: Sequences in a batch.
        lr: Highest learning rate of the one-cycle schedule.
        opt: "adam" or "muon".
        critic: Of the picture: a name of `FIDELITY`, which leaves it to PSNR which weights are kept, or that of a critic of
            `models.critics`, by whose loss they are kept.
        p_clip: Share of samples that are real clips, not moved stills.
        motion_weight: Weight of the flow's error [px of the frames] where the true motion is known.
        spread_weight: Weight of the likelihood of the expected error.
        precision: "float32", "bfloat16" (convolutions and products; coordinates and weights stay float32), or "auto": what
            `fast_dtype` says of the device; the card tells what it was.
        start_share: Share of the weights that the leg began with in those that it ends with, 0 … 1 without 1, where the held-out faces
            like the mixture better than the leg's own end; with a critic in any case. The ends of two legs lie around a better place than
            either (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", arXiv 2109.01903).
        ema: Decay of the running mean of the weights, which is what gets exported.
        seed: Of weights and samples.
    """

    preset: str = "small"
    extras: tuple[str, ...] = tuple(EXTRAS)
    only: str = ""
    damage: str = "train-alive"
    other_damage: Mapping[str, Any] = field(default_factory=dict)
    n_choices: tuple[int, ...] = tuple(range(1, 16))
    epochs: int = 12
    stop: int = 0
    steps: int = 220
    bs: int = 8
    lr: float = 1.5e-3
    opt: str = "muon"
    critic: str = "charbonnier"
    p_clip: float = 0.35
    motion_weight: float = 0.05
    spread_weight: float = 0.01
    precision: str = "auto"
    start_share: float = 0.0
    ema: float = 0.998
    seed: int = 0

    @property
    def n_usual(self) -> int:
        """How many frames the net is usually given: the thesis's seven, unless it never sees so many."""
        return min(7, max(self.n_choices))

    @property
    def fidelity(self) -> bool:
        """Whether the loss of the picture is one of pixels alone, so that PSNR tells which weights are better."""
        return self.critic in FIDELITY

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts that are trained; none for the whole net."""
        return tuple(name.strip() for name in self.only.split(",")) if self.only else ()

    @property
    def judged_by(self) -> str:
        """What tells which weights are better: "psnr"; "likelihood", where nothing but the expected error learns; or "critic"."""
        if self.parts and all(name.partition(".")[0] == "spread" for name in self.parts):
            return "likelihood"
        return "psnr" if self.fidelity else "critic"

    @property
    def one_frame(self) -> bool:
        """Whether it trains the single-frame twin."""
        return max(self.n_choices) == 1
