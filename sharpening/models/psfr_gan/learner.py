"""The fastai Learner of PSFR-GAN: generator and discriminator learn in the same step, each from its own terms.

Source: Chen et al., "Progressive semantic-aware style transformation for blind face restoration", CVPR 2021, arXiv:2009.08709, and the
settings of its published code.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Unpack

import torch
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.optimizer import Adam
from torch import Tensor, nn

from sharpening.errors import ShapeError
from sharpening.imaging.ranges import from_signed, to_signed
from sharpening.losses.adversarial import adversarial_loss
from sharpening.losses.base import PictureLoss, picture_means
from sharpening.losses.extractor import Extractor
from sharpening.losses.feature import feature_loss
from sharpening.losses.style import StyleForm, StyleLoss
from sharpening.models.learner_parts import LearnerOptions, assemble
from sharpening.models.loading import remember
from sharpening.models.psfr_gan.discriminator import PsfrDiscriminator
from sharpening.models.psfr_gan.enhance import one_hot
from sharpening.models.psfr_gan.generator import PsfrGenerator
from sharpening.models.psfr_gan.load import load_parse_net, to_house
from sharpening.models.psfr_gan.parse_net import ParseNet
from sharpening.training.export import export
from sharpening.training.learner import batch_form
from sharpening.weights.store import find, load_into

__all__ = ["DiscriminatorRate", "PsfrLoss", "PsfrTraining", "export_generator", "get_learner", "trained_generator"]

_PIXEL, _FEATURE, _STYLE = 10.0, 10.0, 1000.0
_LR, _FASTER = 1e-4, 4.0
_VGG_SIDE = 224  # px


class PsfrTraining(nn.Module):
    """Generator, discriminator and the frozen parser in one module, so that a checkpoint holds all that learns.

    Args:
        generator: with spectral norm.
        discriminator: for the same classes.
        parse_net: stays as it is.
    """

    def __init__(self, generator: PsfrGenerator, discriminator: PsfrDiscriminator, parse_net: ParseNet) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.parse_net = parse_net.requires_grad_(False)

    def train(self, mode: bool = True) -> PsfrTraining:
        """Switch to training, or back; the parser stays in evaluation mode."""
        super().train(mode)
        self.parse_net.eval()
        return self

    @torch.no_grad()
    def parts(self, pictures: Tensor) -> Tensor:
        """One-hot parts `[bs, n_classes, S, S]` of pictures `[bs, 3, S, S]` in [0, 1]."""
        return one_hot(self.parse_net(to_signed(pictures))[0])

    def forward(self, x: Tensor) -> Tensor:
        """Damaged pictures `[bs, 3, S, S]` in [0, 1] to restored ones, not limited."""
        plain = x.as_subclass(Tensor)
        return from_signed(self.generator(to_signed(plain), self.parts(plain)))


class PsfrLoss(PictureLoss):
    """What both networks lose; terms "pixel", "gan", "feature" and "style" are the generator's, "real" and "fake" the discriminator's.

    The terms of one network send no gradient to the other. Pixels are compared in −1…1. Where several discriminators look, the mean of
    what they say counts.

    Args:
        training: holds the networks.
        extractor: gives maps of VGG-19 (`vgg19_extractor`) for the style term; without it the term is left out.
        form: "published" or "paper", see `losses.style`.
        pixel: weight of the absolute difference.
        feature: weight of the discriminator's maps.
        style: weight of the style term.
    """

    def __init__(
        self,
        training: PsfrTraining,
        extractor: Extractor | None = None,
        *,
        form: StyleForm = "published",
        pixel: float = _PIXEL,
        feature: float = _FEATURE,
        style: float = _STYLE,
    ) -> None:
        super().__init__()
        self.training_nets = training
        self.weights = {"pixel": pixel, "feature": feature, "style": style}
        self.style = None if extractor is None else StyleLoss(extractor, training.parts, form, enlarge_to=_VGG_SIDE)

    def terms(self, pred: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The weighted terms, `[bs]` each; the adversarial ones are means over the batch."""
        parts = self.training_nets.parts(target)
        fake, real = (torch.cat([to_signed(pictures), parts], dim=1) for pictures in (pred, target))
        terms = {"pixel": self.weights["pixel"] * picture_means((fake - real).abs()[:, :3])}
        terms |= self._generator_terms(fake, real)
        if self.style is not None:
            terms["style"] = self.weights["style"] * torch.stack(list(self.style.terms(pred, target).values())).sum(dim=0)
        return terms | self._discriminator_terms(fake.detach(), real)

    def _generator_terms(self, fake: Tensor, real: Tensor) -> dict[str, Tensor]:
        judge = self.training_nets.discriminator.requires_grad_(False)
        with torch.no_grad():
            wanted = [judged.maps for judged in judge(real)]
        seen = judge(fake)
        gan = torch.stack([adversarial_loss(judged.scores, "generator") for judged in seen]).mean()
        rows = [
            feature_loss(judged.maps, maps, weights=(1.0,) * len(maps), base="mse", reduction="none")
            for judged, maps in zip(seen, wanted, strict=True)
        ]
        return {"gan": gan.expand(len(fake)), "feature": self.weights["feature"] * torch.stack(rows).mean(dim=0)}

    def _discriminator_terms(self, fake: Tensor, real: Tensor) -> dict[str, Tensor]:
        judge = self.training_nets.discriminator.requires_grad_(True)
        pairs: tuple[tuple[Any, Tensor], ...] = (("real", real), ("fake", fake))
        losses = {side: torch.stack([adversarial_loss(judged.scores, side) for judged in judge(x)]).mean() for side, x in pairs}
        return {side: value.expand(len(fake)) for side, value in losses.items()}


class DiscriminatorRate(Callback):
    """Keeps the discriminator's learning rate at a multiple of the generator's, whatever the schedule does.

    Args:
        times: how many times as large.
    """

    def __init__(self, times: float = _FASTER) -> None:
        super().__init__()
        self.times = times

    def before_step(self) -> None:
        """Set it."""
        first, last = self.opt.hypers[0], self.opt.hypers[-1]
        first["lr"] = self.times * last["lr"]


def parameter_groups(training: PsfrTraining) -> list[list[nn.Parameter]]:
    """The discriminator's parameters, then the generator's."""
    return [list(training.discriminator.parameters()), list(training.generator.parameters())]


def get_learner(
    dls: DataLoaders,
    *,
    parse_net: str | Path | ParseNet = "psfrgan-parsenet",
    extractor: Extractor | None = None,
    form: StyleForm = "published",
    width: int = 32,
    n_levels: int = 5,
    side: int = 16,
    n_hidden: int = 64,
    judge_width: int = 64,
    judge_sizes: int = 3,
    judge_halvings: int = 4,
    **options: Unpack[LearnerOptions],
) -> Learner:
    """A Learner that trains PSFR-GAN's generator; the defaults are the published sizes and settings.

    Args:
        dls: loaders from `psfr_dls`, with pictures as large as the generator's.
        parse_net: the frozen parser, or name or path of its file.
        extractor: for the style term, see `PsfrLoss`.
        form: of the style term.
        width: see `PsfrGenerator`.
        n_levels: see `PsfrGenerator`.
        side: see `PsfrGenerator`.
        n_hidden: see `PsfrGenerator`.
        judge_width: see `PsfrDiscriminator`.
        judge_sizes: its `n_sizes`.
        judge_halvings: its `n_halvings`.
        **options: `lr` (of the generator; the discriminator's is four times as high), `metrics`, `cbs`, `path`, see `LearnerOptions`.

    Raises:
        ShapeError: if the pictures of the loaders have another size than the generator's.
        WeightsMissing: if the parser's file is nowhere.
    """
    parser = parse_net if isinstance(parse_net, ParseNet) else load_parse_net(find(parse_net))
    settings = {"width": width, "n_levels": n_levels, "side": side, "n_hidden": n_hidden, "n_classes": parser.n_classes}
    generator = remember(PsfrGenerator(**settings, spectral=True), PsfrGenerator.name, settings)
    size = batch_form(dls).size_in
    if size != generator.size:
        raise ShapeError(
            "side of the pictures", size, f"{generator.size}, as the generator's", f"psfr_dls(…, size={generator.size})"
        )
    judge = PsfrDiscriminator(parser.n_classes, judge_width, n_sizes=judge_sizes, n_halvings=judge_halvings)
    training = PsfrTraining(generator, judge, parser)
    defaults: dict[str, Any] = {"lr": _LR, "wd": 0.0, "clip": 0.0, "channels_last": False}
    loss = PsfrLoss(training, extractor, form=form)
    learn = assemble(dls, training, loss, options, splitter=parameter_groups, cbs=[DiscriminatorRate()], **defaults)
    learn.opt_func, learn.moms = partial(Adam, mom=0.5, sqr_mom=0.999, eps=1e-8), (0.5, 0.5, 0.5)
    return learn


def trained_generator(learn: Learner) -> PsfrGenerator:
    """The generator of a Learner as enhancement wants it: a frozen copy without spectral norm."""
    source: Any = learn.model.generator
    state = to_house({key: value.detach().cpu() for key, value in source.state_dict().items()})
    plain = load_into(PsfrGenerator(**source.settings), state, source="the Learner")
    return remember(plain, PsfrGenerator.name, source.settings).requires_grad_(False).eval()


def export_generator(learn: Learner, name: str, folder: str | Path = "pretrained", **facts: Any) -> Path:
    """Write the generator in the house's form, with a card: `load_psfr_gan` reads it.

    Args:
        learn: from `get_learner`.
        name: what the weights are to be called.
        folder: made where it is absent.
        **facts: `data`, `licence`, `free_use`, `recipe`, `metrics`, see `training.export.export`. The parser's terms reach the result.

    Returns:
        The weight file.
    """
    return export(trained_generator(learn), name, folder, form=batch_form(learn.dls), **facts)
