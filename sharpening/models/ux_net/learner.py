"""The fastai Learner of the learned-aggregation U-Net."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from fastai.data.core import DataLoaders
from fastai.learner import Learner
from torch import nn

from sharpening.models.learner_parts import Critic, LearnerOptions, assemble, enlarging_form, start_network
from sharpening.models.ux_net.model import UXNet

__all__ = ["get_learner", "parameter_groups"]


def parameter_groups(network: UXNet) -> list[list[nn.Parameter]]:
    """What chooses, then what computes; `lr=slice(…)` gives the choice a rate of its own."""
    choosing = network.choice_logits()
    known = {id(p) for p in choosing}
    return [choosing, [p for p in network.parameters() if id(p) not in known]]


def get_learner(
    dls: DataLoaders,
    *,
    critic: Critic = "ours",
    weights: str | Path | None = None,
    widths: Sequence[int] = (32, 64, 128, 256),
    n_blocks: int = 2,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """A Learner that trains the learned-aggregation U-Net; `learn.model.choice_in_words()` tells what it has chosen.

    Args:
        dls: Loaders with frames of their own size in 0 … 1 and labels four times as large: `mframe_dls(…)` as it is.
        critic: Name in `models.critics`, or a loss (pred, target).
        weights: Trained weights to go on from, by name or path; they decide the network's settings.
        widths: See `UXNet`.
        n_blocks: See `UXNet`.
        **options: `lr`, `wd`, `metrics`, `channels_last`, `clip`, `cbs`, `path`, see `LearnerOptions`. Weight decay pulls the choices
            back to equal shares.

    Raises:
        ShapeError: if the labels are not four times as large as the frames, or the weights are for another number of frames.
        RangeError: if the frames are normalised, or the sizes fit no network.
    """
    form = enlarging_form(dls, "UX-Net", UXNet.scale)
    settings: dict[str, Any] = {"n_frames": form.n_frames, "widths": list(widths), "n_blocks": n_blocks}
    network = start_network(UXNet, "ux_net", form, settings, weights=weights)
    return assemble(dls, network, critic, options, splitter=parameter_groups, wd=1e-3, metrics=("psnr", "ssim"))
