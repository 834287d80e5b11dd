"""The fastai Learner of the U-Net."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

from fastai.data.core import DataLoaders
from fastai.learner import Learner
from torch import nn

from sharpening.models.learner_parts import Critic, LearnerOptions, assemble, picture_sized_form, start_network
from sharpening.models.unet.encoder import FirstLayer
from sharpening.models.unet.model import UNet

__all__ = ["get_learner", "parameter_groups"]


def parameter_groups(network: UNet) -> list[list[nn.Parameter]]:
    """Early encoder, late encoder, the rest: the groups that `freeze` and discriminative learning rates go by, as fastai's."""
    encoder = network.encoder
    early = [encoder.conv1, encoder.bn1, encoder.layer1, encoder.layer2]
    late = [encoder.layer3, encoder.layer4]
    rest = [module for name, module in network.named_children() if name != "encoder"]
    return [[p for module in group for p in module.parameters()] for group in (early, late, rest)]


def get_learner(
    dls: DataLoaders,
    *,
    critic: Critic = "thesis",
    weights: str | Path | None = None,
    encoder: str = "resnet34",
    first_layer: FirstLayer = "first",
    pretrained: str | Path | None = None,
    blur: bool = True,
    width: int = 64,
    enlarge: float = 1.0,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """A Learner that trains the thesis's U-Net.

    Args:
        dls: Loaders with frames as large as the labels and ImageNet-normalised: `mframe_dls(…, size_in=128, normalize=True)`.
        critic: Name in `models.critics`, or a loss (pred, target).
        weights: Trained weights to start from, by name or path; they decide the network's settings.
        encoder: See `UNet`.
        first_layer: See `UNet`.
        pretrained: State file of torchvision's ResNet for the encoder, see `UNet`. With it the encoder starts frozen, as in
            fastai: call `learn.fine_tune`, or `learn.unfreeze()`.
        blur: See `UNet`.
        width: See `UNet`.
        enlarge: See `UNet`; the labels are so many times larger than the frames.
        **options: `lr`, `wd`, `metrics`, `channels_last`, `clip`, `cbs`, `path`, see `LearnerOptions`.

    Raises:
        ShapeError: if the labels have another size than the pictures, or the weights are for another number of frames.
        RangeError: if the weights want another normalisation.
    """
    form = picture_sized_form(dls, "The U-Net", enlarge)
    settings: dict[str, Any] = {"n_frames": form.n_frames, "encoder": encoder, "first_layer": first_layer, "blur": blur}
    settings |= {"width": width, **({} if enlarge == 1 else {"enlarge": enlarge})}
    network = start_network(UNet, "unet", form, settings, weights=weights, pretrained=pretrained)
    frozen = pretrained is not None and weights is None
    return assemble(dls, network, critic, options, splitter=parameter_groups, frozen=frozen, wd=1e-3, metrics=("psnr", "ssim"))
