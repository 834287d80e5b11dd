"""Loss networks put together: weighted sums of losses under a name, with the networks that they look through.

=============  =======================================================================================================
pixel          mean squared error
l1             mean absolute difference
thesis         mean squared error, features and Grams of a network (section 3.3 of the thesis; weights: `thesis_critic`)
thesis+serfiq  the same, and how well a face net can use the face (SER-FIQ)
serfiq-only    SER-FIQ alone: no likeness at all, tried in the thesis to see where it leads
ours           Charbonnier, a little structural similarity and a little identity: mostly PSNR, without losing the person
perceptual     the same with features of a face net and more identity: crisper, for a last leg of training
inpaint        for a net that puts parts of a source into a base: the source inside the mask, the base outside
inpaint-truth  the same net against the true picture, without a seam: a copy of a source that lies badly is then no answer
=============  =======================================================================================================
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from sharpening.losses.base import PictureLoss
from sharpening.losses.extractor import COURSE_WEIGHTS, Extractor
from sharpening.losses.feature import FeatureLoss
from sharpening.losses.gram import GRAM_FACTOR
from sharpening.losses.identity import IdentityLoss
from sharpening.losses.inpaint import InpaintLoss
from sharpening.losses.perceptual import PerceptualLoss
from sharpening.losses.pixel import CharbonnierLoss, L1Loss, MSELoss
from sharpening.losses.serfiq import SerFiqLoss
from sharpening.losses.ssim import SSIMLoss
from sharpening.losses.weighted import WeightedLoss
from sharpening.metrics.serfiq import SerFiq, StochasticNet
from sharpening.models.face_align.chip import extract_square_chip
from sharpening.models.face_id.quality import load_serfiq, serfiq_through
from sharpening.models.face_id.resnet29 import DlibResNet29, load_resnet29
from sharpening.registry import Registry

__all__ = [
    "NamedExtractor",
    "critic",
    "critics",
    "inpaint_critic",
    "inpaint_truth_critic",
    "l1_critic",
    "our_critic",
    "perceptual_critic",
    "pixel_critic",
    "serfiq_critic",
    "thesis_critic",
    "thesis_serfiq_critic",
]

critics = Registry("critic")
critics.add("pixel", "sharpening.models.critics:pixel_critic")
critics.add("l1", "sharpening.models.critics:l1_critic")
critics.add("thesis", "sharpening.models.critics:thesis_critic")
critics.add("thesis+serfiq", "sharpening.models.critics:thesis_serfiq_critic")
critics.add("serfiq-only", "sharpening.models.critics:serfiq_critic")
critics.add("ours", "sharpening.models.critics:our_critic")
critics.add("perceptual", "sharpening.models.critics:perceptual_critic")
critics.add("inpaint", "sharpening.models.critics:inpaint_critic")
critics.add("inpaint-truth", "sharpening.models.critics:inpaint_truth_critic")

# The course's 5 : 15 : 2, scaled to the maps of dlib's net. On 40 training stills against their bicubic ×4 (mean squared error
# 0.0020) the distances of stage 1, 2, 3 were 0.77, 0.41, 0.16 and those of the Grams 2.0e-4, 1.3e-5, 1.4e-6, so that features
# together weigh as much as pixels, and Grams half as much.
_DLIB_WEIGHTS = (1e-3, 3e-3, 4e-4)
_DLIB_GRAM_FACTOR = 3e6

# On the same stills the squared distance of the score from 1 is 0.020 with dlib's net, but what pulls is its slope: the gradient on the
# pictures has length 0.0163, that of the thesis's critic 0.00043 (of pixels alone 0.00006). With 0.02 SER-FIQ pulls three quarters as
# hard as all the rest; with as large a value as the pixels' (0.1) it would pull four times as hard.
_SERFIQ_WEIGHT = 0.02


class NamedExtractor(Extractor, Protocol):
    """An extractor that says which of its maps a feature loss should take."""

    @property
    def feature_layers(self) -> tuple[str, ...]:
        """Names of three maps, from the finest to the coarsest."""
        ...


def critic(name: str, *, extractor: NamedExtractor | None = None, network: Any = None) -> PictureLoss:
    """Build the critic of this name.

    Args:
        name: one of `critics.names()`.
        extractor: gives the maps for "thesis" and "thesis+serfiq", for example `vgg16_extractor(path)`; dlib's face net when left out.
        network: chips to descriptors for "ours" (dlib's face net when left out); a `FaceNet` or a `SerFiq` for the two with SER-FIQ
            (`load_serfiq()` when left out). A critic ignores what it has no use for.

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


def l1_critic(*, extractor: object = None, network: object = None) -> WeightedLoss:
    """Mean absolute difference alone."""
    return WeightedLoss({"l1": (L1Loss(), 1.0)})


def thesis_critic(*, extractor: NamedExtractor | None = None, network: object = None) -> WeightedLoss:
    """Mean squared error on pixels, on three maps of a network and on their Grams.

    The thesis took a VGG-16 trained on faces and gives no weights; with a network brought by the user these are the course's
    (5, 15, 2). With dlib's face net, whose maps have another size, they are scaled so that the three kinds balance.
    """
    return WeightedLoss(_thesis_parts(extractor))


def _thesis_parts(extractor: NamedExtractor | None) -> dict[str, tuple[PictureLoss, float]]:
    if extractor is None:
        maps: NamedExtractor = _own_face_net()
        weights, factor = _DLIB_WEIGHTS, _DLIB_GRAM_FACTOR
    else:
        maps, weights, factor = extractor, COURSE_WEIGHTS, GRAM_FACTOR
    perceptual = PerceptualLoss(maps, maps.feature_layers, weights, base="mse", factor=factor)
    return {"mse": (MSELoss(), 1.0), "perceptual": (perceptual, 1.0)}


def our_critic(*, extractor: object = None, network: Callable[[Tensor], Tensor] | None = None) -> WeightedLoss:
    """Charbonnier, with structure and identity as far as they cost no PSNR.

    On bicubic ×4 the three parts are about 0.025, 0.015 and 0.002. The face is cut out where standard crops have it, so pictures
    must be such crops, upright to some degrees.
    """
    identity = IdentityLoss(_own_face_net() if network is None else network, align=extract_square_chip)
    return WeightedLoss({"charbonnier": (CharbonnierLoss(), 1.0), "ssim": (SSIMLoss(), 0.05), "identity": (identity, 0.05)})


# Of ×4 faces that a trained net made, Charbonnier is about 0.022, the features 0.001 and the identity 0.06: with these weights features
# count a quarter of the pixels, identity four fifths. Weights are kept by this loss on held-out faces: whoever changes these two numbers
# must remove pretrained/fusion_small_perceptual first, unless the next leg begins with other fidelity weights: losses of different weights
# cannot be compared.
_FEATURES, _IDENTITY = 6.0, 0.3


def perceptual_critic(
    *, extractor: NamedExtractor | None = None, network: Callable[[Tensor], Tensor] | None = None
) -> WeightedLoss:
    """Charbonnier, structure, features and identity; for standard crops, as "ours".

    Both look through dlib's face net unless others are given. Whoever trains with it must not judge the likeness by that net alone: what is
    trained on a judge pleases the judge.
    """
    net = _own_face_net()
    maps: NamedExtractor = net if extractor is None else extractor
    weights = _DLIB_WEIGHTS if extractor is None else COURSE_WEIGHTS
    identity = IdentityLoss(net if network is None else network, align=extract_square_chip)
    return WeightedLoss(
        {
            "charbonnier": (CharbonnierLoss(), 1.0),
            "ssim": (SSIMLoss(), 0.05),
            "features": (FeatureLoss(maps, maps.feature_layers, weights, base="mse"), _FEATURES),
            "identity": (identity, _IDENTITY),
        }
    )


def thesis_serfiq_critic(*, extractor: NamedExtractor | None = None, network: StochasticNet | SerFiq | None = None) -> WeightedLoss:
    """The thesis's critic and the quality of the face, which pulls about three quarters as hard."""
    return WeightedLoss({**_thesis_parts(extractor), "serfiq": (SerFiqLoss(_quality(network)), _SERFIQ_WEIGHT)})


def serfiq_critic(*, extractor: object = None, network: StochasticNet | SerFiq | None = None) -> WeightedLoss:
    """The quality of the face alone; the target is not looked at."""
    return WeightedLoss({"serfiq": (SerFiqLoss(_quality(network)), 1.0)})


def inpaint_critic(*, extractor: NamedExtractor | None = None, network: object = None) -> InpaintLoss:
    """The thesis's equation 2.1; with an extractor its maps as well, weighted as in "thesis". It wants the inputs after the target."""
    features = None
    if extractor is not None:
        features = PerceptualLoss(extractor, extractor.feature_layers, COURSE_WEIGHTS, base="mse", factor=GRAM_FACTOR)
    return InpaintLoss(features=features)


# Steps across the border of a mask are few: at this weight they pull about a tenth as hard as the pixels of all the picture.
_SEAM_WEIGHT = 0.1


def inpaint_truth_critic(*, extractor: NamedExtractor | None = None, network: object = None) -> InpaintLoss:
    """The mean squared error against the true picture, and the steps across the mask's border; no maps. It wants the inputs too."""
    return InpaintLoss(0.0, 0.0, truth=1.0, seam=_SEAM_WEIGHT)


def _quality(network: StochasticNet | SerFiq | None) -> SerFiq:
    """The thesis's ten descriptors; the masks are new at each step, or a net could learn to please ten fixed ones."""
    if isinstance(network, SerFiq):
        return network
    dice = torch.Generator().manual_seed(0)
    return load_serfiq(generator=dice) if network is None else serfiq_through(network, generator=dice)


def _own_face_net() -> DlibResNet29:
    """A copy, so that moving a critic to another device moves nobody else's net."""
    return copy.deepcopy(load_resnet29())
