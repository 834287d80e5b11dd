"""The three ways of training against a discriminator, as settings and as the pair of losses that fastai's `GANLearner` takes.

Source: Ledig et al., SRGAN, CVPR 2017, arXiv:1609.04802; Wang et al., ESRGAN, 2018, arXiv:1809.00219; Arjovsky et al., "Wasserstein GAN",
2017, arXiv:1701.07875, and its published program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sharpening.errors import RangeError
from sharpening.losses.adversarial import AdversarialForm, adversarial_loss, relativistic_loss
from sharpening.losses.extractor import Base, Extractor
from sharpening.losses.feature import FeatureLoss

__all__ = ["ADVERSARIES", "Adversary", "DiscriminatorLoss", "GeneratorLoss", "get_adversary", "wgan_steps"]

Critic = Callable[..., Any]


def wgan_steps(n_done: int) -> int:
    """Steps of the discriminator before the next one of the generator, which has made `n_done`: 5, but 100 at first and now and then."""
    return 100 if n_done < 25 or n_done % 500 == 0 else 5


@dataclass(frozen=True)
class Adversary:
    """Settings of one way.

    Attributes:
        form: of the adversarial loss.
        relativistic: whether pictures are judged against the mean of the other kind.
        weight: of the adversarial loss.
        pixel: weight of the pixel loss beside features.
        pixel_alone: its weight where no features are looked at.
        feature: weight of the feature loss.
        layer: map of VGG-19 that it compares.
        base: how it compares.
        clip: the discriminator's weights are kept within ± this; None for no limit.
        n_steps: number of the generator's steps so far → steps of the discriminator before its next.
        rmsprop: RMSprop instead of Adam, whose memory of past steps WGAN does not bear.
    """

    form: AdversarialForm = "vanilla"
    relativistic: bool = False
    weight: float = 1e-3
    pixel: float = 0.0
    pixel_alone: float = 1.0
    feature: float = 1.0
    layer: str = "relu5_4"
    base: Base = "mse"
    clip: float | None = None
    n_steps: Callable[[int], int] = lambda n_done: 1
    rmsprop: bool = False


ADVERSARIES: dict[str, Adversary] = {
    # The paper divides the maps by 12.75, so their squared distance by its square.
    "srgan": Adversary(feature=1 / 12.75**2),
    "esrgan": Adversary(relativistic=True, weight=5e-3, pixel=1e-2, pixel_alone=1e-2, layer="conv5_4", base="l1"),
    # The paper makes pictures out of noise and has no other loss; with the pixel loss, which is ours, they are pictures of these frames.
    "wgan": Adversary(form="wgan", feature=1 / 12.75**2, clip=0.01, n_steps=wgan_steps, rmsprop=True),
}


def get_adversary(adversary: str | Adversary) -> Adversary:
    """The settings of this name.

    Raises:
        RangeError: for an unknown name.
    """
    if isinstance(adversary, Adversary):
        return adversary
    if adversary not in ADVERSARIES:
        raise RangeError("adversary", repr(adversary), f"one of {', '.join(ADVERSARIES)}, or None to train without one")
    return ADVERSARIES[adversary]


class GeneratorLoss(nn.Module):
    """What the generator loses: pixels, features where a network is given, and the adversary.

    Args:
        adversary: settings.
        critic: the pixel loss, (pred, target) to one number.
        discriminator: judges the true pictures as well where the adversary is relativistic. It does not become part of this module.
        extractor: gives the maps; without one the features are left out.

    Attributes:
        parts: the weighted terms of the last call, without gradient.
    """

    def __init__(self, adversary: Adversary, critic: Critic, discriminator: nn.Module, extractor: Extractor | None) -> None:
        super().__init__()
        self.adversary, self.critic = adversary, critic
        self._judge = [discriminator]  # a list, so that its weights are not counted twice
        self.features = None if extractor is None else FeatureLoss(extractor, (adversary.layer,), (1.0,), adversary.base)
        self.parts: dict[str, Tensor] = {}

    def forward(self, scores: Tensor, pred: Tensor, target: Tensor) -> Tensor:
        """The loss.

        Args:
            scores: what the discriminator says of `pred`.
            pred: `[bs, 3, H, W]`.
            target: the true pictures.
        """
        scores, pred, target = (x.as_subclass(Tensor) for x in (scores, pred, target))
        way = self.adversary
        pixel = way.pixel_alone if self.features is None else way.pixel
        terms = {"adversarial": way.weight * self._adversarial(scores, target)}
        if pixel > 0:
            terms["pixel"] = pixel * self.critic(pred, target)
        if self.features is not None:
            terms["feature"] = way.feature * self.features(pred, target)
        self.parts = {name: value.detach() for name, value in terms.items()}
        return torch.stack(list(terms.values())).sum()

    def _adversarial(self, scores: Tensor, target: Tensor) -> Tensor:
        if not self.adversary.relativistic:
            return adversarial_loss(scores, "generator", form=self.adversary.form)
        with torch.no_grad():
            real = self._judge[0](target)
        return relativistic_loss(real, scores, "generator", form=self.adversary.form)


class DiscriminatorLoss(nn.Module):
    """What the discriminator loses. With WGAN it is the score of made pictures less that of true ones.

    The published program of WGAN lets a low score mean true; here a high one does, in all forms.

    Args:
        adversary: settings.
    """

    def __init__(self, adversary: Adversary) -> None:
        super().__init__()
        self.adversary = adversary

    def forward(self, real: Tensor, fake: Tensor) -> Tensor:
        """The loss on the scores of true and of made pictures."""
        real, fake = real.as_subclass(Tensor), fake.as_subclass(Tensor)
        form = self.adversary.form
        if self.adversary.relativistic:
            return relativistic_loss(real, fake, "discriminator", form=form)
        return adversarial_loss(real, "real", form=form) + adversarial_loss(fake, "fake", form=form)
