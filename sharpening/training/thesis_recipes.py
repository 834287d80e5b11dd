"""The runs of the thesis (chapter 3) as recipes, each in its published size and in a small one for machines without a GPU.

What the thesis does not say (batch size, epochs, which pretraining, the weights of the losses) is ours and stands here.
The small ones have the shape of the published nets with a ResNet-18 a quarter as wide: about two million parameters instead of 41, so
that Tables 3.1 and 3.2 can be filled on two CPU cores in some hours. Their figures are those of small nets, and are marked so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sharpening.training.recipes import Recipe

_NARROW = {"encoder": "resnet18", "width": 16}


def _small(recipe: Recipe, narrow: Mapping[str, Any] = _NARROW) -> Recipe:
    settings = {**recipe.settings, **narrow}
    return replace(recipe, name=f"{recipe.name}-small", settings=settings, epochs=12, samples_per_epoch=800, n_valid=64)


# Feature loss with Gram terms on a stack of seven, ImageNet-normalised, enlarged to the label's size (section 3.3).
THESIS_UNET = Recipe(
    name="thesis-unet",
    model="unet",
    settings={"encoder": "resnet34", "first_layer": "first", "blur": True},
    critic="thesis",
    size_in=128,
    normalize=True,
    degrade="thesis",
    bs=8,
    lr=1e-3,
    wd=1e-3,
    pct_start=0.3,
    ema=0.0,
)
THESIS_UNET_SMALL = _small(THESIS_UNET)

# The middle frame alone: where Feature-Merge starts, and the measure of what the other frames bring.
THESIS_UNET_ONE_FRAME = replace(THESIS_UNET, name="thesis-unet-one-frame", n_frames=1)
THESIS_UNET_ONE_FRAME_SMALL = _small(THESIS_UNET_ONE_FRAME)

# Trained as long as Feature-Merge, which goes on from the same net: the difference of the two is the other frames.
THESIS_UNET_ONE_FRAME_LONGER = replace(THESIS_UNET_ONE_FRAME, name="thesis-unet-one-frame-longer", start="thesis-unet-one-frame")
THESIS_UNET_ONE_FRAME_LONGER_SMALL = replace(_small(THESIS_UNET_ONE_FRAME_LONGER), start="thesis-unet-one-frame-small")

THESIS_BIONET = replace(
    THESIS_UNET, name="thesis-bionet", model="bionet", settings={"encoder": "resnet34", "n_iterations": 2, "blur": True}
)
THESIS_BIONET_SMALL = _small(THESIS_BIONET)

# The BiO-Net of its authors on the thesis's task; the thesis has no run of it.
BIONET_PUBLISHED = replace(
    THESIS_UNET, name="bionet-published", model="bionet_published", settings={"n_iterations": 2, "integrate": True}
)
BIONET_PUBLISHED_SMALL = _small(BIONET_PUBLISHED, {"multiplier": 0.375})

# The other frames' encoder is that of the single-frame net, frozen; merged at the deepest level alone, as in the thesis.
THESIS_FEATURE_NET = replace(
    THESIS_UNET,
    name="thesis-feature-net",
    model="feature_net",
    settings={"encoder": "resnet34", "merge": ["deepest"], "blur": True},
    start="thesis-unet-one-frame",
    start_as="single",
)
THESIS_FEATURE_NET_SMALL = replace(_small(THESIS_FEATURE_NET), start="thesis-unet-one-frame-small")

# At 112 px, the side that face nets of this kind read (section 3.3).
THESIS_SERFIQ = replace(THESIS_UNET, name="thesis-serfiq", model="serfiq_net", critic="thesis+serfiq", size_in=112, size_out=112)
THESIS_SERFIQ_SMALL = _small(THESIS_SERFIQ)
SERFIQ_ONLY = replace(THESIS_SERFIQ, name="serfiq-only", critic="serfiq-only")
SERFIQ_ONLY_SMALL = _small(SERFIQ_ONLY)

# The single-frame finetuner. What it is given is not 32 pixels of a camera but a picture that a net made: a little blurred and coded.
FINETUNE_144 = replace(
    THESIS_UNET_ONE_FRAME,
    name="finetune-144",
    settings={"encoder": "resnet34", "blur": True, "enlarge": 2.4},
    size_in=60,
    size_out=144,
    degrade="finetune",
    degrade_valid="finetune",
)
FINETUNE_144_SMALL = _small(FINETUNE_144)

# The cross-over U-Net: what it learns to mend are white patches, or blurred sections (sections 2.3 and 3.4).
INPAINT_PATCHES = replace(
    THESIS_UNET,
    name="inpaint-patches",
    model="inpaint_net",
    settings={"encoder": "resnet34", "blur": True},
    critic="inpaint",
    loaders="inpaint",
    loader_options={"how": "patches", "n_in": 9, "size": 128},
    n_frames=2,
    normalize=False,
)
INPAINT_PATCHES_SMALL = _small(INPAINT_PATCHES)
INPAINT_BLUR = replace(INPAINT_PATCHES, name="inpaint-blur", loader_options={"how": "blur", "n_in": 9, "size": 128})
INPAINT_BLUR_SMALL = _small(INPAINT_BLUR)

# Ours: the same net against the true picture. Equation 2.1 is met best by copying the source, however badly it lies.
INPAINT_TRUTH = replace(INPAINT_BLUR, name="inpaint-truth", critic="inpaint-truth")
INPAINT_TRUTH_SMALL = _small(INPAINT_TRUTH)
