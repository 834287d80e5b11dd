"""The fastai Learner of the U-Net."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from torch import nn

from sharpening.errors import RangeError, ShapeError
from sharpening.mframe_dl import BatchForm
from sharpening.models.critics import critic as get_critic
from sharpening.models.loading import load_trained, remember
from sharpening.models.unet.encoder import FirstLayer
from sharpening.models.unet.model import UNet
from sharpening.training.learner import batch_form, make_learner

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
    critic: str | Callable[..., Any] = "thesis",
    weights: str | Path | None = None,
    lr: float = 1e-3,
    wd: float = 1e-3,
    metrics: Iterable[str] = ("psnr", "ssim"),
    channels_last: bool = True,
    clip: float = 0.5,
    cbs: Iterable[Callback] = (),
    path: str | Path | None = None,
    encoder: str = "resnet34",
    first_layer: FirstLayer = "first",
    pretrained: str | Path | None = None,
    blur: bool = True,
    width: int = 64,
) -> Learner:
    """A Learner that trains the thesis's U-Net.

    Args:
        dls: Loaders with frames as large as the labels and ImageNet-normalised: `mframe_dls(…, size_in=128, normalize=True)`.
        critic: Name in `models.critics`, or a loss (pred, target).
        weights: Trained weights to start from, by name or path; they decide the network's settings.
        lr: Learning rate that `fit` takes when not told.
        wd: Weight decay.
        metrics: Names in `metrics`.
        channels_last: Faster memory layout.
        clip: Largest norm of the gradient; 0 for no limit.
        cbs: More callbacks.
        path: Folder for what fastai writes.
        encoder: See `UNet`.
        first_layer: See `UNet`.
        pretrained: State file of torchvision's ResNet for the encoder, see `UNet`. With it the encoder starts frozen, as in
            fastai: call `learn.fine_tune`, or `learn.unfreeze()`.
        blur: See `UNet`.
        width: See `UNet`.

    Raises:
        ShapeError: if frames and labels of `dls` differ in size, or the weights are for another number of frames.
        RangeError: if the weights want another normalisation.
    """
    form = batch_form(dls)
    if form.size_in != form.size_out:
        advice = f"The U-Net gives pictures as large as its frames: mframe_dls(…, size_in={form.size_out}, normalize=True)."
        raise ShapeError("side of the frames", form.size_in, f"{form.size_out}, that of the labels", advice)
    if weights is None:
        settings: dict[str, Any] = {"n_frames": form.n_frames, "encoder": encoder, "first_layer": first_layer, "blur": blur}
        settings["width"] = width
        network = remember(UNet(**settings, pretrained=pretrained), "unet", settings)
    else:
        network = _trained(weights, form)
    loss = get_critic(critic) if isinstance(critic, str) else critic
    shared: dict[str, Any] = {"lr": lr, "wd": wd, "metrics": metrics, "channels_last": channels_last, "clip": clip, "path": path}
    learn = make_learner(dls, network, loss, splitter=parameter_groups, cbs=cbs, **shared)
    if pretrained is not None and weights is None:
        learn.freeze()
    return learn


def _trained(weights: str | Path, form: BatchForm) -> UNet:
    network, card = load_trained(UNet, "unet", weights)
    if network.n_frames != form.n_frames:
        advice = f"Build the loaders with mframe_dls(…, n_frames={network.n_frames})."
        raise ShapeError("frames in a stack", form.n_frames, f"{network.n_frames}, as the weights were trained", advice)
    if form.normalisation not in (card.normalisation, "unknown"):
        advice = f"Build the loaders with mframe_dls(…, normalize={card.normalisation == 'imagenet'})."
        raise RangeError(
            "normalisation of the frames", form.normalisation, f"{card.normalisation}, as the weights were trained", advice
        )
    return network
