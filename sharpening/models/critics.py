"""Loss networks put together: weighted sums of losses under a name, with the networks that they look through.

=========  ===========================================================================================================
pixel      mean squared error
thesis     mean squared error, features and Grams of a network (section 3.3 of the thesis; weights: see `thesis_critic`)
ours       Charbonnier, a little structural similarity and a little identity: mostly PSNR, without losing the person
=========  ===========================================================================================================
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from sharpening.losses.extractor import COURSE_WEIGHTS, Extractor
from sharpening.losses.gram import GRAM_FACTOR
from sharpening.losses.identity import IdentityLoss
from sharpening.losses.perceptual import PerceptualLoss
from sharpening.losses.pixel import CharbonnierLoss, MSELoss
from sharpening.losses.ssim import SSIMLoss
from sharpening.losses.weighted import WeightedLoss
from sharpening.models.face_align.chip import extract_square_chip
from sharpening.models.face_id.resnet29 import DlibResNet29, load_resnet29
from sharpening.registry import Registry

__all__ = ["NamedExtractor", "critic", "critics", "our_critic", "pixel_critic", "thesis_critic"]

critics = Registry("critic")
critics.add("pixel", "sharpening.models.critics:pixel_critic")
critics.add("thesis", "sharpening.models.critics:thesis_critic")
critics.add("ours", "sharpening.models.critics:our_critic")

# The course's 5 : 15 : 2, scaled to the maps of dlib's net. On 40 training stills against their bicubic ×4 (mean squared error
# 0.0020) the distances of stage 1, 2, 3 were 0.77, 0.41, 0.16 and those of the Grams 2.0e-4, 1.3e-5, 1.4e-6, so that features
# together weigh as much as pixels, and Grams half as much.
_DLIB_WEIGHTS = (1e-3, 3e-3, 4e-4)
_DLIB_GRAM_FACTOR = 3e6


class NamedExtractor(Extractor, Protocol):
    """An extractor that says which of its maps a feature loss should take."""

    @property
    def feature_layers(self) -> tuple[str, ...]:
        """Names of three maps, from the finest to the coarsest."""
        ...


def critic(
    name: str, *, extractor: NamedExtractor | None = None, network: Callable[[Tensor], Tensor] | None = None
) -> WeightedLoss:
    """Build the critic of this name.

    Args:
        name: "pixel", "thesis" or "ours".
        extractor: gives the maps for "thesis", for example `vgg16_extractor(path)`; dlib's face net when left out.
        network: chips to descriptors for "ours"; dlib's face net when left out. A critic ignores what it has no use for.

    Returns:
        A loss on (pred, target) `[bs, 3, S, S]` in [0, 1], whose weighted parts are in `.parts` after each call.

    Raises:
        KeyError: when there is no critic of this name.
        WeightsMissing: when dlib's face net is needed and not installed.
    """
    return critics.get(name)(extractor=extractor, network=network)


def pixel_critic(*, extractor: object = None, network: object = None) -> WeightedLoss:
    """Mean squared error alone."""
    return WeightedLoss({"mse": (MSELoss(), 1.0)})


def thesis_critic(*, extractor: NamedExtractor | None = None, network: object = None) -> WeightedLoss:
    """Mean squared error on pixels, on three maps of a network and on their Grams.

    The thesis took a VGG-16 trained on faces and gives no weights; with a network brought by the user these are the course's
    (5, 15, 2). With dlib's face net, whose maps have another size, they are scaled so that the three kinds balance.
    """
    if extractor is None:
        maps: NamedExtractor = _own_face_net()
        weights, factor = _DLIB_WEIGHTS, _DLIB_GRAM_FACTOR
    else:
        maps, weights, factor = extractor, COURSE_WEIGHTS, GRAM_FACTOR
    perceptual = PerceptualLoss(maps, maps.feature_layers, weights, base="mse", factor=factor)
    return WeightedLoss({"mse": (MSELoss(), 1.0), "perceptual": (perceptual, 1.0)})


def our_critic(*, extractor: object = None, network: Callable[[Tensor], Tensor] | None = None) -> WeightedLoss:
    """Charbonnier, with structure and identity as far as they cost no PSNR.

    On bicubic ×4 the three parts are about 0.025, 0.015 and 0.002. The face is cut out where standard crops have it, so pictures
    must be such crops, upright to some degrees.
    """
    identity = IdentityLoss(_own_face_net() if network is None else network, align=extract_square_chip)
    return WeightedLoss({"charbonnier": (CharbonnierLoss(), 1.0), "ssim": (SSIMLoss(), 0.05), "identity": (identity, 0.05)})


def _own_face_net() -> DlibResNet29:
    """A copy, so that moving a critic to another device moves nobody else's net."""
    return copy.deepcopy(load_resnet29())
