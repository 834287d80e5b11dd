"""The cross-over in StyleGAN's latent space: a face is sought that is the source inside the mask and the base outside of it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from sharpening.errors import RangeError, WeightsMissing
from sharpening.imaging.mask import mix
from sharpening.imaging.resize import resize_tensor
from sharpening.models.latent_editor import crossover_steps, finish, load_features
from sharpening.models.latent_editor.crossover import CROSSOVER_STEPS
from sharpening.models.latent_editor.embed import LR
from sharpening.models.latent_editor.features import Features
from sharpening.models.latent_editor.optimise import Start
from sharpening.models.stylegan import StyleGan, load_stylegan
from sharpening.reconstruct.crossover.inputs import check_inputs
from sharpening.reconstruct.crossover.soft import GROW, SOFTNESS, soft_mask
from sharpening.weights.store import find

__all__ = ["StyleGanCrossover", "load_stylegan_crossover", "stylegan"]

_GENERATORS = ("stylegan-ffhq", "stylegan-ffhq-port", "pulse-synthesis")
_ADVICE = (
    "Get karras2019stylegan-ffhq-1024x1024.pkl of NVlabs/stylegan (not for commercial use), then: sharpening weights import FILE "
    "--as stylegan-ffhq. A generator of your own is given as weights=NAME or PATH."
)


class StyleGanCrossover(NamedTuple):
    """A generator, and the VGG-16 that pictures are compared by ("pixels" for none)."""

    gan: StyleGan
    features: Features


def load_stylegan_crossover(weights: str | Path | None = None, *, pretrained: str | Path | None = None) -> StyleGanCrossover:
    """Load the generator and VGG-16.

    Args:
        weights: name or path of the generator; NVIDIA's for FFHQ is looked for by its names when left out.
        pretrained: folder to search names in first, `vgg16` too.

    Raises:
        WeightsMissing: the generator or `vgg16` are nowhere; the message says what to get.
        WeightsMismatch: one of them is not what it should be.
    """
    path = _generator(pretrained) if weights is None else find(weights, pretrained)
    return StyleGanCrossover(load_stylegan(path, pretrained=pretrained), load_features(pretrained=pretrained))


def _generator(pretrained: str | Path | None) -> Path:
    searched: tuple[str, ...] = ()
    for name in _GENERATORS:
        try:
            return find(name, pretrained)
        except WeightsMissing as error:
            searched = error.searched
    raise WeightsMissing(" or ".join(_GENERATORS), searched, f"The cross-over stylegan needs StyleGAN-v1. {_ADVICE}")


def stylegan(
    base: Tensor,
    source: Tensor,
    mask: Tensor,
    *,
    network: StyleGanCrossover,
    steps: int = CROSSOVER_STEPS,
    lr: float = LR,
    start: Start = "zeros",
    noise_steps: int = 0,
    seed: int = 0,
    softness: float = SOFTNESS,
    grow: float = GROW,
) -> Tensor:
    """Let the generator paint the source's parts into the base.

    Both pictures are brought to the generator's square as they are, without looking for the face: a generator paints best where its faces
    lie, so give pictures in the form of FFHQ. What it painted is brought back to the picture's size and taken inside the softened mask;
    the base stays outside. At 1024 px on a CPU a step takes many seconds, so a GPU, or fewer `steps`, are wanted there.

    Args:
        base: `[3, H, W]`, RGB in [0, 1].
        source: the same shape, lying on the base.
        mask: `[1, H, W]` in [0, 1], 1 = take from the source.
        network: from `load_stylegan_crossover`; `create_crossover` gives it.
        steps: of the optimisation over styles.
        lr: its rate.
        start: where it begins, see `models.latent_editor.embed`.
        noise_steps: of the optimisation over noise after it; none as published.
        seed: of the dice for the noise, where the generator has none of its own.
        softness: of the mask's border, see `soft_mask`.
        grow: likewise.

    Returns:
        `[3, H, W]` in [0, 1].

    Raises:
        ShapeError, RangeError: see `check_inputs`, or impossible settings.

    Source: the thesis, sections 2.3 and 3.4; Abdal et al. 2019, arXiv:1904.03189.
    """
    check_inputs(base, source, mask)
    if min(softness, grow) < 0:
        raise RangeError("softness, grow", (softness, grow), "0 or more")
    if not bool(mask.any()):
        return base.clone()
    side = network.gan.synthesis.resolution
    soft = soft_mask(mask, softness=softness, grow=grow).to(base)
    pair = resize_tensor(torch.stack([base, source]).float(), side).clamp(0, 1)
    shape = resize_tensor(soft[None].float(), side, "bilinear")[0].clamp(0, 1)
    gan, features = network
    dice = torch.Generator().manual_seed(seed)
    states = crossover_steps(
        gan, pair[0], pair[1], shape, features=features, steps=steps, lr=lr, start=start, noise_steps=noise_steps, generator=dice
    )
    found = finish(states)
    painted = resize_tensor(found.picture[None].to(base.device).float(), (base.shape[1], base.shape[2]))[0].clamp(0, 1)
    return mix(base, painted, soft).to(base.dtype)
