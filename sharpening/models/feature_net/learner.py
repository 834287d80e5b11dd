"""The fastai Learner of the Feature-Merge U-Net."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from fastai.data.core import DataLoaders
from fastai.learner import Learner

from sharpening.errors import RangeError
from sharpening.mframe_dl import BatchForm
from sharpening.models.feature_net.model import FeatureNet
from sharpening.models.learner_parts import Critic, LearnerOptions, assemble, picture_sized_form, trained_network
from sharpening.models.loading import load_trained, remember
from sharpening.models.unet.learner import parameter_groups
from sharpening.models.unet.model import UNet

__all__ = ["get_learner"]


def get_learner(
    dls: DataLoaders,
    *,
    critic: Critic = "thesis",
    weights: str | Path | None = None,
    single: str | Path | None = None,
    merge: Sequence[str] = ("deepest",),
    encoder: str = "resnet34",
    blur: bool = True,
    width: int = 64,
    pretrained: str | Path | None = None,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """A Learner that trains the thesis's Feature-Merge U-Net.

    Args:
        dls: Loaders with frames as large as the labels and ImageNet-normalised: `mframe_dls(…, size_in=128, normalize=True)`.
        critic: Name in `models.critics`, or a loss (pred, target).
        weights: Trained weights of a `FeatureNet` to go on from, by name or path; they decide the network's settings.
        single: Trained weights of a single-frame U-Net to start from, by name or path, with their card; they decide `encoder`,
            `blur` and `width`. Without them the frozen encoder knows nothing but `pretrained`.
        merge: See `FeatureNet`.
        encoder: See `FeatureNet`.
        blur: See `FeatureNet`.
        width: See `FeatureNet`.
        pretrained: See `FeatureNet`.
        **options: `lr`, `wd`, `metrics`, `channels_last`, `clip`, `cbs`, `path`, see `LearnerOptions`.

    Raises:
        ShapeError: if frames and labels of `dls` differ in size, or the weights are for another number of frames.
        RangeError: if the weights want another normalisation, or `single` is not of one frame.
        WeightsMismatch: if `single` holds weights of another network.
    """
    form = picture_sized_form(dls, "The Feature-Merge U-Net")
    if weights is not None:
        network = trained_network(FeatureNet, "feature_net", weights, form)
    else:
        settings: dict[str, Any] = {"n_frames": form.n_frames, "encoder": encoder, "merge": list(merge), "blur": blur}
        settings["width"] = width
        start = None if single is None else _single(single, form, settings)
        network = remember(FeatureNet(**settings, pretrained=pretrained), "feature_net", settings)
        if start is not None:
            network.start_from(start)
    return assemble(dls, network, critic, options, splitter=parameter_groups, wd=1e-3, metrics=("psnr", "ssim"))


def _single(weights: str | Path, form: BatchForm, settings: dict[str, Any]) -> UNet:
    """The single-frame U-Net, whose settings go into `settings`."""
    network, card = load_trained(UNet, "unet", weights)
    if form.normalisation not in (card.normalisation, "unknown"):
        advice = f"Build the loaders with mframe_dls(…, normalize={card.normalisation == 'imagenet'})."
        wanted = f"{card.normalisation}, as the single-frame weights were trained"
        raise RangeError("normalisation of the frames", form.normalisation, wanted, advice)
    defaults = {"encoder": "resnet34", "blur": True, "width": 64}
    settings |= {key: card.settings.get(key, default) for key, default in defaults.items()}
    return network
