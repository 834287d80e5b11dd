"""The fastai Learner of FusionNet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from fastai.data.core import DataLoaders
from fastai.learner import Learner
from torch import nn

from sharpening.errors import RangeError, ShapeError
from sharpening.mframe_dl import BatchForm
from sharpening.models.fusion_net.callbacks import AlignmentError, FewerFrames, TrueMotion
from sharpening.models.fusion_net.extras import EXTRAS
from sharpening.models.fusion_net.model import FusionNet
from sharpening.models.learner_parts import Critic, LearnerOptions, assemble
from sharpening.models.loading import load_trained, remember
from sharpening.training.learner import batch_form

__all__ = ["get_learner", "parameter_groups"]

OF_PICTURE = tuple(name for name in EXTRAS if name not in ("spread", "quality"))
"""Extras that make the picture; the others foretell its error."""

_LATE = ("fuse", "decoder", "correction", "second_correction", "spread")


def parameter_groups(network: FusionNet) -> list[list[nn.Parameter]]:
    """What sees and aligns single frames, then what joins and paints: the groups that `freeze` goes by."""
    groups: list[list[nn.Parameter]] = [[], []]
    for name, module in network.named_children():
        groups[name in _LATE] += module.parameters()
    return groups


def get_learner(
    dls: DataLoaders,
    *,
    critic: Critic = "ours",
    weights: str | Path | None = None,
    preset: str = "small",
    extras: Sequence[str] = OF_PICTURE,
    motion_weight: float = 0.1,
    p_fewer_frames: float = 0.0,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """A Learner that trains FusionNet.

    Args:
        dls: Loaders with frames of their own size in 0 … 1 and labels four times as large: `mframe_dls(…)` as it is.
        critic: Name in `models.critics`, or a loss (pred, target).
        weights: Trained weights to start from ("default" for the ones that ship), by name or path.
        preset: Size of a fresh network, see `FusionNet`.
        extras: Of a fresh network, see `FusionNet`. Those that foretell the error need the loss of `pretrain` and are left out by default.
        motion_weight: Weight of the alignment error where the batches carry the true motion (`mframe_dls(motion=True)`).
        p_fewer_frames: Share of the training batches that keep only some of the frames.
        **options: `lr`, `wd`, `metrics`, `channels_last`, `clip`, `cbs`, `path`, see `LearnerOptions`.

    Raises:
        ShapeError: if the labels are not four times as large as the frames.
        RangeError: if the frames are normalised.
    """
    form = batch_form(dls)
    _check(form)
    if weights is not None:
        network, _ = load_trained(FusionNet, "fusion_net", weights)
    else:
        settings: dict[str, Any] = {"preset": preset, "n_frames": form.n_frames, "extras": list(extras)}
        network = remember(FusionNet(**settings), "fusion_net", settings)
    own = [TrueMotion(motion_weight)] + ([FewerFrames(p_fewer_frames)] if p_fewer_frames > 0 else [])
    learn = assemble(dls, network, critic, options, splitter=parameter_groups, cbs=own, metrics=("psnr", "ssim"))
    if len(getattr(dls.train_ds, "tls", ())) > 2:
        learn.metrics = [*learn.metrics, AlignmentError()]
    return learn


def _check(form: BatchForm) -> None:
    if form.size_out != FusionNet.scale * form.size_in:
        advice = f"Build the loaders with mframe_dls(…, size_in={form.size_out // FusionNet.scale}, size_out={form.size_out})."
        raise ShapeError("side of the labels", form.size_out, f"{FusionNet.scale} times the frames' {form.size_in}", advice)
    if form.normalisation == "imagenet":
        raise RangeError(
            "normalisation of the frames", "imagenet", "none", "FusionNet takes 0 … 1: mframe_dls(…, normalize=False)."
        )
