"""The systems of the thesis's theory part as recipes, each in its published size and in a small one for machines without a GPU.

The thesis trained none of them. Single-frame GANs take the middle frame alone: first by pixels, then from those weights against a
discriminator, as their papers do. Number of epochs and batch size are ours, and so is the one-cycle schedule in place of two steps.
The small GANs look at no features, since VGG-19 must be brought by the user; the full ones want its file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sharpening.training.recipes import Recipe


def _small(recipe: Recipe, narrow: Mapping[str, Any], **more: Any) -> Recipe:
    settings, name = {**recipe.settings, **narrow}, f"{recipe.name}-small"
    start = f"{recipe.start}-small" if recipe.start else ""
    return replace(recipe, name=name, settings=settings, start=start, epochs=12, samples_per_epoch=800, n_valid=64, **more)


# The paper's batch, optimiser and rate; ours is 128 px instead of crops of 96.
SRGAN_MSE = Recipe(
    name="srgan-mse",
    model="srgan",
    settings={"width": 64, "n_blocks": 16},
    critic="pixel",
    n_frames=1,
    degrade="thesis",
    bs=16,
    lr=1e-4,
    wd=0.0,
    clip=0.0,
    ema=0.0,
)
_NARROW_SRGAN = {"width": 24, "n_blocks": 6}
# At the paper's rate the small nets would learn next to nothing in the epochs that they have.
SRGAN_MSE_SMALL = _small(SRGAN_MSE, _NARROW_SRGAN, lr=1e-3)

_NARROW_JUDGE = {"features": None, "judge_width": 16, "judge_hidden": 128}
SRGAN = replace(
    SRGAN_MSE, name="srgan", settings={**SRGAN_MSE.settings, "adversary": "srgan", "features": "vgg19"}, start="srgan-mse"
)
SRGAN_SMALL = _small(SRGAN, {**_NARROW_SRGAN, **_NARROW_JUDGE})

# RMSprop, clipped weights and the steps of the discriminator come with the adversary.
WGAN = replace(SRGAN, name="wgan", settings={**SRGAN_MSE.settings, "adversary": "wgan", "features": "vgg19"}, lr=5e-5, bs=64)
# With 100 discriminator's steps for each of the generator's first 25, shorter epochs would leave the generator as it came.
# A judge as narrow as the others' would let nothing through its clipped weights.
WGAN_SMALL = replace(_small(WGAN, {**_NARROW_SRGAN, **_NARROW_JUDGE, "judge_width": 32}), bs=16, samples_per_epoch=6400)

ESRGAN_L1 = replace(
    SRGAN_MSE, name="esrgan-l1", model="esrgan", settings={"width": 64, "n_blocks": 23, "growth": 32}, critic="l1", lr=2e-4
)
_NARROW_ESRGAN = {"width": 24, "n_blocks": 3, "growth": 12}
ESRGAN_L1_SMALL = _small(ESRGAN_L1, _NARROW_ESRGAN, lr=1e-3)
ESRGAN = replace(
    ESRGAN_L1,
    name="esrgan",
    settings={**ESRGAN_L1.settings, "adversary": "esrgan", "features": "vgg19"},
    lr=1e-4,
    start="esrgan-l1",
)
ESRGAN_SMALL = _small(ESRGAN, {**_NARROW_ESRGAN, **_NARROW_JUDGE})

# Multi-frame nets of the zoo, on frames of their own size.
VNET = Recipe(
    name="vnet",
    model="vnet",
    settings={"widths": [16, 32, 64, 128, 256], "n_convs_down": [1, 2, 3, 3, 3], "n_convs_up": [3, 3, 2, 1]},
    critic="ours",
    degrade="thesis",
    bs=8,
    lr=3e-4,
    wd=1e-3,
    pct_start=0.3,
    ema=0.0,
)
VNET_SMALL = _small(VNET, {"widths": [8, 16, 32, 64], "n_convs_down": [1, 2, 2, 2], "n_convs_up": [2, 2, 1]})

UX_NET = replace(VNET, name="ux-net", model="ux_net", settings={"widths": [32, 64, 128, 256], "n_blocks": 2}, lr=1e-3)
UX_NET_SMALL = _small(UX_NET, {"widths": [16, 32, 64], "n_blocks": 1})
