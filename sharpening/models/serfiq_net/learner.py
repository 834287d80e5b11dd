"""The fastai Learner of the U-Net with the SER-FIQ critic."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

from fastai.data.core import DataLoaders
from fastai.learner import Learner

from sharpening.errors import ShapeError
from sharpening.models.learner_parts import Critic, LearnerOptions, assemble, start_network
from sharpening.models.serfiq_net.model import SerFiqNet
from sharpening.models.unet.encoder import FirstLayer
from sharpening.models.unet.learner import parameter_groups
from sharpening.training.learner import batch_form

__all__ = ["get_learner"]


def get_learner(
    dls: DataLoaders,
    *,
    critic: Critic = "thesis+serfiq",
    weights: str | Path | None = None,
    encoder: str = "resnet34",
    first_layer: FirstLayer = "first",
    pretrained: str | Path | None = None,
    blur: bool = True,
    width: int = 64,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """A Learner that trains the thesis's U-Net towards SER-FIQ.

    Args:
        dls: Loaders of 112 px, frames and labels, ImageNet-normalised: `mframe_dls(…, size_in=112, size_out=112, normalize=True)`.
        critic: Name in `models.critics` ("thesis+serfiq", "serfiq-only"), or a loss (pred, target).
        weights: Trained weights to start from, by name or path; they decide the network's settings.
        encoder: See `UNet`.
        first_layer: See `UNet`.
        pretrained: State file of torchvision's ResNet for the encoder, see `UNet`. With it the encoder starts frozen, as in
            fastai: call `learn.fine_tune`, or `learn.unfreeze()`.
        blur: See `UNet`.
        width: See `UNet`.
        **options: `lr`, `wd`, `metrics`, `channels_last`, `clip`, `cbs`, `path`, see `LearnerOptions`.

    Raises:
        ShapeError: if frames or labels are not 112 px wide, or the weights are for another number of frames.
        RangeError: if the weights want another normalisation.
    """
    form = batch_form(dls)
    side = SerFiqNet.size
    if (form.size_in, form.size_out) != (side, side):
        advice = f"Build the loaders with mframe_dls(…, size_in={side}, size_out={side}, normalize=True)."
        raise ShapeError("sides of frames and labels", (form.size_in, form.size_out), f"({side}, {side})", advice)
    settings: dict[str, Any] = {"n_frames": form.n_frames, "encoder": encoder, "first_layer": first_layer, "blur": blur}
    settings["width"] = width
    network = start_network(SerFiqNet, "serfiq_net", form, settings, weights=weights, pretrained=pretrained)
    frozen = pretrained is not None and weights is None
    return assemble(dls, network, critic, options, splitter=parameter_groups, frozen=frozen, wd=1e-3, metrics=("psnr", "ssim"))
