"""What a generator and its discriminator want, in the four usual forms, on the scores that the discriminator gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torch.nn import functional as F

from sharpening.errors import RangeError

__all__ = ["AdversarialForm", "Player", "Side", "adversarial_loss", "relativistic_loss"]

AdversarialForm = Literal["hinge", "lsgan", "vanilla", "wgan"]
Side = Literal["real", "fake", "generator"]
Player = Literal["discriminator", "generator"]

# For each form: the discriminator on true pictures, on made ones, and the generator.
_FORMS: dict[str, dict[str, Callable[[Tensor], Tensor]]] = {
    "hinge": {"real": lambda x: F.relu(1 - x), "fake": lambda x: F.relu(1 + x), "generator": lambda x: -x},
    "lsgan": {"real": lambda x: (x - 1).square(), "fake": lambda x: x.square(), "generator": lambda x: (x - 1).square()},
    "vanilla": {"real": lambda x: F.softplus(-x), "fake": F.softplus, "generator": lambda x: F.softplus(-x)},
    "wgan": {"real": lambda x: -x, "fake": lambda x: x, "generator": lambda x: -x},
}


def adversarial_loss(scores: Tensor, side: Side, *, form: AdversarialForm = "hinge") -> Tensor:
    """Mean over all scores of what one side loses.

    Args:
        scores: what the discriminator says before any activation, any shape; high means true.
        side: "real" and "fake" for the discriminator on true and on made pictures, "generator" for the one who made them.
        form: "hinge" (PSFR-GAN's), "lsgan" (least squares), "vanilla" (cross-entropy, the generator's not saturating) or "wgan"
            (without the gradient penalty, which needs the discriminator itself).

    Returns:
        One number.

    Raises:
        RangeError: for another side or form.

    Source: Lim and Ye, "Geometric GAN", 2017, arXiv:1705.02894; Mao et al., 2017, arXiv:1611.04076; Goodfellow et al., 2014,
        arXiv:1406.2661; Arjovsky et al., 2017, arXiv:1701.07875.
    """
    if form not in _FORMS:
        raise RangeError("form", repr(form), f"one of {', '.join(_FORMS)}")
    if side not in _FORMS[form]:
        raise RangeError("side", repr(side), '"real", "fake" or "generator"')
    return _FORMS[form][side](scores).mean()


def relativistic_loss(real: Tensor, fake: Tensor, player: Player, *, form: AdversarialForm = "vanilla") -> Tensor:
    """What one player loses when each picture is judged against the mean of the other kind.

    The discriminator wants true pictures to score above the mean made one and made ones below the mean true one, the generator the
    reverse of both; so the true pictures matter to it as well.

    Args:
        real: scores of true pictures before any activation, any shape; high means true.
        fake: of made ones.
        player: "discriminator" or "generator".
        form: see `adversarial_loss`; ESRGAN takes "vanilla".

    Returns:
        The sum of both halves.

    Raises:
        RangeError: for another player or form.

    Source: Jolicoeur-Martineau, "The relativistic discriminator", 2018, arXiv:1807.00734; Wang et al., ESRGAN, 2018, arXiv:1809.00219,
        equations 1 and 2.
    """
    if player not in ("discriminator", "generator"):
        raise RangeError("player", repr(player), '"discriminator" or "generator"')
    above, below = real - fake.mean(), fake - real.mean()
    if player == "generator":
        above, below = below, above
    return adversarial_loss(above, "real", form=form) + adversarial_loss(below, "fake", form=form)
