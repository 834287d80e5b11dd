"""The fastai Learner of the cross-over U-Net."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from torch import nn

import sharpening.models.inpaint_net.show  # noqa: F401  (tells fastai how pairs are shown)
from sharpening.errors import RangeError, ShapeError
from sharpening.models.inpaint_net.model import InpaintNet
from sharpening.models.learner_parts import Critic, LearnerOptions, assemble
from sharpening.models.loading import load_trained, remember
from sharpening.models.unet.learner import parameter_groups as unet_groups

__all__ = ["TellCritic", "get_learner", "parameter_groups"]


class TellCritic(Callback):
    """Gives the network's inputs to a critic that asks for them (`needs_inputs`), after the label.

    They are taken away again after the loss, so that metrics and `get_preds` see the label alone.
    """

    order = 12  # after the tensors are cast (9) and mixed precision (10)

    def after_pred(self) -> None:
        """Add the inputs."""
        if getattr(self.loss_func, "needs_inputs", False) and len(self.yb) == 1:
            self.learn.yb = (*self.yb, self.xb[0])

    def after_loss(self) -> None:
        """Take them away."""
        self.learn.yb = self.yb[:1]


def parameter_groups(network: InpaintNet) -> list[list[nn.Parameter]]:
    """The groups of the `UNet` inside."""
    return unet_groups(network.unet)


def get_learner(
    dls: DataLoaders,
    *,
    critic: Critic = "inpaint",
    weights: str | Path | None = None,
    encoder: str = "resnet34",
    blur: bool = True,
    width: int = 64,
    pretrained: str | Path | None = None,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """A Learner that trains the thesis's cross-over U-Net.

    Args:
        dls: Loaders from `inpaint_dls`; they decide `n_in`.
        critic: Name in `models.critics`, or a loss: (pred, target), or (pred, target, inputs) if its `needs_inputs` is True, as
            that of `losses.inpaint.InpaintLoss` is.
        weights: Trained weights to start from, by name or path; they decide the network's settings.
        encoder: See `InpaintNet`.
        blur: See `InpaintNet`.
        width: See `InpaintNet`.
        pretrained: See `InpaintNet`. With it the encoder starts frozen, as in fastai.
        **options: `lr`, `wd`, `metrics`, `channels_last`, `clip`, `cbs`, `path`, see `LearnerOptions`.

    Raises:
        RangeError: if the loaders are of another kind.
        ShapeError: if the weights are for another `n_in`.
    """
    n_in = getattr(dls, "n_in", None)
    if n_in is None:
        raise RangeError("dls", "loaders of another kind", "pairs and masks", "Build the loaders with inpaint_dls(…).")
    if weights is None:
        settings: dict[str, Any] = {"n_in": n_in, "encoder": encoder, "blur": blur, "width": width}
        network = remember(InpaintNet(**settings, pretrained=pretrained), "inpaint_net", settings)
    else:
        network, _ = load_trained(InpaintNet, "inpaint_net", weights)
        if network.n_in != n_in:
            advice = f"Build the loaders with inpaint_dls(…, n_in={network.n_in})."
            raise ShapeError("channels of the loaders", n_in, f"{network.n_in}, as the weights were trained", advice)
    defaults: dict[str, Any] = {"wd": 1e-3, "metrics": ("psnr", "ssim"), "frozen": pretrained is not None and weights is None}
    return assemble(dls, network, critic, options, splitter=parameter_groups, cbs=[TellCritic()], **defaults)
