"""The fastai Learner of V-Net."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from fastai.data.core import DataLoaders
from fastai.learner import Learner
from torch import nn

from sharpening.models.learner_parts import Critic, LearnerOptions, assemble, enlarging_form, start_network
from sharpening.models.vnet.model import VNet

__all__ = ["get_learner", "parameter_groups"]


def parameter_groups(network: VNet) -> list[list[nn.Parameter]]:
    """What reads the frames, then what paints: the groups that `freeze` and discriminative learning rates go by."""
    parts = ([network.encoder, network.down], [network.up, network.decoder, network.head])
    return [[p for module in group for p in module.parameters()] for group in parts]


def get_learner(
    dls: DataLoaders,
    *,
    critic: Critic = "ours",
    weights: str | Path | None = None,
    widths: Sequence[int] = (16, 32, 64, 128, 256),
    n_convs_down: Sequence[int] = (1, 2, 3, 3, 3),
    n_convs_up: Sequence[int] = (3, 3, 2, 1),
    **options: Unpack[LearnerOptions],
) -> Learner:
    """A Learner that trains V-Net.

    Args:
        dls: Loaders with frames of their own size in 0 … 1 and labels four times as large: `mframe_dls(…)` as it is.
        critic: Name in `models.critics`, or a loss (pred, target).
        weights: Trained weights to go on from, by name or path; they decide the network's settings.
        widths: See `VNet`.
        n_convs_down: See `VNet`.
        n_convs_up: See `VNet`.
        **options: `lr`, `wd`, `metrics`, `channels_last`, `clip`, `cbs`, `path`, see `LearnerOptions`.

    Raises:
        ShapeError: if the labels are not four times as large as the frames, or the weights are for another number of frames.
        RangeError: if the frames are normalised, or the sizes fit no network.
    """
    form = enlarging_form(dls, "V-Net", VNet.scale)
    settings: dict[str, Any] = {"n_frames": form.n_frames, "widths": list(widths)}
    settings |= {"n_convs_down": list(n_convs_down), "n_convs_up": list(n_convs_up)}
    network = start_network(VNet, "vnet", form, settings, weights=weights)
    # The layout for faster convolutions is one of pictures; a volume has an axis more.
    chosen: LearnerOptions = {**options, "channels_last": False}
    return assemble(dls, network, critic, chosen, splitter=parameter_groups, wd=1e-3, metrics=("psnr", "ssim"))
