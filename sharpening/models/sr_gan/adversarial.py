"""The `GANLearner` that trains a generator against a discriminator."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from fastai.callback.training import GradientClip
from fastai.data.core import DataLoaders
from fastai.optimizer import Adam, RMSProp
from fastai.vision.gan import GANLearner
from torch import nn

from sharpening.errors import WeightsMissing
from sharpening.losses.extractor import Extractor
from sharpening.metrics import metrics as metric_table
from sharpening.models.critics import critic as get_critic
from sharpening.models.face_id.vgg19 import vgg19_extractor
from sharpening.models.learner_parts import Critic, LearnerOptions
from sharpening.models.sr_gan.adversaries import Adversary, DiscriminatorLoss, GeneratorLoss, get_adversary
from sharpening.models.sr_gan.callbacks import FrozenHalf, GanSchedule, GanTrainer
from sharpening.models.sr_gan.discriminator import Discriminator
from sharpening.training.callbacks import LastValidation, PictureMean
from sharpening.training.learner import batch_form, quieten
from sharpening.weights.store import find

__all__ = ["Features", "gan_learner"]

Features = Extractor | str | Path | None
_LR = {"adam": 1e-4, "rmsprop": 5e-5}


def gan_learner(
    dls: DataLoaders,
    generator: nn.Module,
    adversary: str | Adversary,
    *,
    critic: Critic,
    features: Features = "vgg19",
    judge_width: int = 64,
    judge_hidden: int = 1024,
    options: LearnerOptions | None = None,
) -> GANLearner:
    """A Learner that trains a generator and a new discriminator in turn.

    It runs in float32 everywhere, since clipped weights and small differences of scores lose much in half precision. Training and
    judging nets both stay in training mode (`switch_eval=False`): with fastai's other way the generator would validate in it too, and its
    batch norms would learn from the validation pictures.

    Args:
        dls: Loaders with labels as large as the generator's pictures.
        generator: Best one that was trained without an adversary before.
        adversary: "srgan", "esrgan" or "wgan", or own settings.
        critic: The pixel loss: name in `models.critics`, or a loss (pred, target).
        features: Gives maps of VGG-19 for the feature loss: a network, or name or path of torchvision's file. None trains by pixels and
            adversary alone, which has to be said.
        judge_width: See `Discriminator`. WGAN's clipped weights let nothing through a net of fewer than about 32 channels.
        judge_hidden: Its `n_hidden`.
        options: What the user chose, see `LearnerOptions`.

    Raises:
        RangeError: for an unknown adversary.
        WeightsMissing: if the file of VGG-19 is nowhere.
    """
    way = get_adversary(adversary)
    judge = Discriminator(batch_form(dls).size_out, judge_width, judge_hidden)
    pixel = get_critic(critic) if isinstance(critic, str) else critic
    loss = GeneratorLoss(way, pixel, judge, _extractor(features)).to(dls.device)
    settings = {**_optimiser(way), **_chosen(options or {})}
    learn = GANLearner(dls, generator, judge, loss, DiscriminatorLoss(way), GanSchedule(way.n_steps), splitter=_both, **settings)
    learn.remove_cb(learn.gan_trainer)
    learn.add_cb(GanTrainer(switch_eval=False, clip=way.clip, show_img=False))
    learn.add_cb(LastValidation())
    learn.model.exports = "generator"
    return quieten(learn)


def _chosen(options: LearnerOptions) -> dict[str, Any]:
    """The user's options as fastai takes them."""
    chosen: dict[str, Any] = dict(options)
    chosen.pop("channels_last", None)  # fastai's wrapper of the two networks is left in the usual layout
    clip, names = chosen.pop("clip", 0.0), chosen.pop("metrics", ("psnr", "ssim"))
    clipping = [GradientClip(clip)] if clip > 0 else []
    chosen["cbs"] = [*clipping, FrozenHalf(), *chosen.pop("cbs", ())]
    chosen["metrics"] = [PictureMean(name, metric_table.get(name).fn) for name in names]
    return chosen


def _both(gan: Any) -> list[list[nn.Parameter]]:
    return [list(gan.critic.parameters()), list(gan.generator.parameters())]


def _optimiser(way: Adversary) -> dict[str, Any]:
    """The papers' optimisers, with a momentum that no schedule changes."""
    if way.rmsprop:
        return {"opt_func": partial(RMSProp, mom=0.0, sqr_mom=0.99, eps=1e-8), "lr": _LR["rmsprop"], "wd": 0.0, "moms": (0.0,) * 3}
    return {"opt_func": partial(Adam, mom=0.9, sqr_mom=0.999, eps=1e-8), "lr": _LR["adam"], "wd": 0.0, "moms": (0.9,) * 3}


def _extractor(features: Features) -> Extractor | None:
    if features is None or not isinstance(features, str | Path):
        return features
    try:
        return vgg19_extractor(find(features))
    except WeightsMissing as error:
        advice = (
            "Get vgg19-dcbb9e9d.pth of download.pytorch.org/models, then: sharpening weights import vgg19-dcbb9e9d.pth --as vgg19. "
            "Or say features=None to train by pixels and adversary alone."
        )
        raise WeightsMissing(str(features), error.searched, advice) from error
