"""The fastai Learners of the thesis's BiO-Net and of the published one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

from fastai.data.core import DataLoaders
from fastai.learner import Learner
from torch import nn

from sharpening.models.bionet.model import BioNet
from sharpening.models.bionet.published import BioNetPublished
from sharpening.models.learner_parts import Critic, LearnerOptions, assemble, picture_sized_form, start_network
from sharpening.models.unet.encoder import FirstLayer
from sharpening.models.unet.learner import parameter_groups

__all__ = ["get_learner", "get_published_learner", "published_parameter_groups"]


def get_learner(
    dls: DataLoaders,
    *,
    critic: Critic = "thesis",
    weights: str | Path | None = None,
    encoder: str = "resnet34",
    n_iterations: int = 2,
    first_layer: FirstLayer = "first",
    pretrained: str | Path | None = None,
    blur: bool = True,
    width: int = 64,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """A Learner that trains the thesis's BiO-Net.

    Args:
        dls: Loaders with frames as large as the labels and ImageNet-normalised: `mframe_dls(…, size_in=128, normalize=True)`.
        critic: Name in `models.critics`, or a loss (pred, target).
        weights: Trained weights to start from, by name or path; they decide the network's settings.
        encoder: See `BioNet`.
        n_iterations: See `BioNet`.
        first_layer: See `BioNet`.
        pretrained: State file of torchvision's ResNet for the encoder. With it the encoder starts frozen, as in fastai: call
            `learn.fine_tune`, or `learn.unfreeze()`.
        blur: See `BioNet`.
        width: See `BioNet`.
        **options: `lr`, `wd`, `metrics`, `channels_last`, `clip`, `cbs`, `path`, see `LearnerOptions`.

    Raises:
        ShapeError: if frames and labels of `dls` differ in size, or the weights are for another number of frames.
        RangeError: if the weights want another normalisation.
    """
    form = picture_sized_form(dls, "BiO-Net")
    settings: dict[str, Any] = {"n_frames": form.n_frames, "encoder": encoder, "n_iterations": n_iterations}
    settings |= {"first_layer": first_layer, "blur": blur, "width": width}
    network = start_network(BioNet, "bionet", form, settings, weights=weights, pretrained=pretrained)
    frozen = pretrained is not None and weights is None
    return assemble(dls, network, critic, options, splitter=parameter_groups, frozen=frozen, wd=1e-3, metrics=("psnr", "ssim"))


def published_parameter_groups(network: BioNetPublished) -> list[list[nn.Parameter]]:
    """What reads the frames, then what paints: the groups that `freeze` and discriminative learning rates go by."""
    parts = ([network.stem, network.encoder], [network.middle, network.decoder, network.head, network.last])
    return [[p for module in group for p in module.parameters()] for group in parts]


def get_published_learner(
    dls: DataLoaders,
    *,
    critic: Critic = "thesis",
    weights: str | Path | None = None,
    n_iterations: int = 2,
    integrate: bool = True,
    multiplier: float = 1.0,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """A Learner that trains the published BiO-Net on stacks of frames.

    Args:
        dls: Loaders as for `get_learner`.
        critic: Name in `models.critics`, or a loss (pred, target).
        weights: Trained weights to start from, by name or path; they decide the network's settings.
        n_iterations: See `BioNetPublished`.
        integrate: See `BioNetPublished`.
        multiplier: See `BioNetPublished`.
        **options: `lr`, `wd`, `metrics`, `channels_last`, `clip`, `cbs`, `path`, see `LearnerOptions`.

    Raises:
        ShapeError: if frames and labels of `dls` differ in size, or the weights are for another number of frames.
        RangeError: if the weights want another normalisation.
    """
    form = picture_sized_form(dls, "BiO-Net")
    settings: dict[str, Any] = {"n_frames": form.n_frames, "n_iterations": n_iterations}
    settings |= {"integrate": integrate, "multiplier": multiplier}
    network = start_network(BioNetPublished, "bionet_published", form, settings, weights=weights)
    return assemble(dls, network, critic, options, splitter=published_parameter_groups, wd=1e-3, metrics=("psnr", "ssim"))
