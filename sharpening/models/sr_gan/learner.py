"""The fastai Learners of SRGAN's and ESRGAN's generators: alone, by a pixel loss, and then against a discriminator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Unpack

from fastai.data.core import DataLoaders
from fastai.learner import Learner
from torch import nn

from sharpening.models.learner_parts import Critic, LearnerOptions, assemble, enlarging_form, start_network
from sharpening.models.sr_gan.adversarial import Features, gan_learner
from sharpening.models.sr_gan.adversaries import Adversary
from sharpening.models.sr_gan.esrgan import RRDBNet
from sharpening.models.sr_gan.srgan import SrGan

__all__ = ["get_esrgan_learner", "get_learner"]


def get_learner(
    dls: DataLoaders,
    *,
    critic: Critic = "pixel",
    weights: str | Path | None = None,
    width: int = 64,
    n_blocks: int = 16,
    adversary: str | Adversary | None = None,
    features: Features = "vgg19",
    judge_width: int = 64,
    judge_hidden: int = 1024,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """A Learner that trains SRGAN's generator, first alone and then, from those weights, against an adversary.

    >>> alone = get_learner(dls)                                                # doctest: +SKIP
    >>> alone.fit_one_cycle(10)                                                 # doctest: +SKIP
    >>> against = get_learner(dls, weights=export(alone, "srgan-mse"), adversary="srgan")  # doctest: +SKIP

    Args:
        dls: Loaders with frames of their own size in 0 … 1 and labels four times as large: `mframe_dls(…, n_frames=1)`.
        critic: The pixel loss: name in `models.critics`, or a loss (pred, target).
        weights: Trained weights to go on from, by name or path; they decide the network's settings.
        width: See `SrGan`.
        n_blocks: See `SrGan`.
        adversary: "srgan", "esrgan" or "wgan", or own settings; None trains the generator alone.
        features: See `gan_learner`; only with an adversary.
        judge_width: See `gan_learner`.
        judge_hidden: See `gan_learner`.
        **options: `lr`, `wd`, `metrics`, `channels_last`, `clip`, `cbs`, `path`, see `LearnerOptions`.

    Raises:
        ShapeError: if the labels are not four times as large as the frames, or the weights are for another number of frames.
        RangeError: if the frames are normalised, or the adversary is unknown.
        WeightsMissing: if the file of VGG-19 is wanted and nowhere.
    """
    network = _generator(SrGan, "srgan", dls, {"width": width, "n_blocks": n_blocks}, weights)
    judge = {"features": features, "judge_width": judge_width, "judge_hidden": judge_hidden}
    return _learner(dls, network, critic, adversary, judge, options)


def get_esrgan_learner(
    dls: DataLoaders,
    *,
    critic: Critic = "l1",
    weights: str | Path | None = None,
    width: int = 64,
    n_blocks: int = 23,
    growth: int = 32,
    adversary: str | Adversary | None = None,
    features: Features = "vgg19",
    judge_width: int = 64,
    judge_hidden: int = 1024,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """A Learner that trains ESRGAN's generator, first alone and then against an adversary.

    Args:
        dls: See `get_learner`.
        critic: See `get_learner`; the paper's is the absolute difference.
        weights: See `get_learner`.
        width: See `RRDBNet`.
        n_blocks: See `RRDBNet`.
        growth: See `RRDBNet`.
        adversary: See `get_learner`.
        features: See `gan_learner`.
        judge_width: See `gan_learner`.
        judge_hidden: See `gan_learner`.
        **options: See `get_learner`.

    Raises:
        ShapeError: as `get_learner`; so the others.
    """
    settings = {"width": width, "n_blocks": n_blocks, "growth": growth}
    network = _generator(RRDBNet, "esrgan", dls, settings, weights)
    judge = {"features": features, "judge_width": judge_width, "judge_hidden": judge_hidden}
    return _learner(dls, network, critic, adversary, judge, options)


def _generator(
    build: Callable[..., nn.Module], model: str, dls: DataLoaders, settings: dict[str, Any], weights: str | Path | None
) -> nn.Module:
    form = enlarging_form(dls, build.__name__, 4)
    return start_network(build, model, form, {"n_frames": form.n_frames, **settings}, weights=weights)


def _learner(
    dls: DataLoaders,
    network: nn.Module,
    critic: Critic,
    adversary: str | Adversary | None,
    judge: dict[str, Any],
    options: LearnerOptions,
) -> Learner:
    if adversary is not None:
        return gan_learner(dls, network, adversary, critic=critic, options=options, **judge)
    return assemble(dls, network, critic, options, lr=1e-4, wd=0.0, metrics=("psnr", "ssim"))
