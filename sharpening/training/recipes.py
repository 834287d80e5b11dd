"""Recipes: all settings of a training run as one frozen object, so that a run can be named, stored, compared and repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sharpening.errors import RangeError
from sharpening.registry import Registry

__all__ = ["Recipe", "recipes"]


@dataclass(frozen=True)
class Recipe:
    """Settings of one training run.

    Attributes:
        name: Of the recipe; also the name of the weights that it makes.
        model: Name in `models.zoo`.
        settings: Arguments of the network's class, beside `n_frames`.
        critic: Name in `models.critics`.
        start: Name of the recipe whose weights this one starts from; empty for fresh weights.
        start_as: Argument of the `get_learner` that takes them.
        loaders: Name in `training.learner.loaders`: "mframe" for sequences, "inpaint" for pairs with a mask.
        loader_options: More arguments of those loaders.
        n_frames: Frames in a stack.
        size_in: Side of the frames as the network gets them [px].
        size_out: Side of the label [px].
        normalize: ImageNet normalisation of the frames.
        degrade: Preset of `frames.degrade` for training stills.
        degrade_valid: Preset for validation, the same damage in every epoch.
        motion_weight: Weight of the alignment loss against the true motion; 0 leaves it out.
        p_fewer_frames: Share of the training batches that keep a random number of frames round the middle.
        flip: Mirror half of the samples.
        zoom: Largest zoom in, as a share.
        rotate: Largest rotation of frames and label together [degrees].
        brightness: Largest change of light of frames and label together, as a share.
        bs: Sequences in a batch.
        lr: Highest learning rate of the one-cycle schedule.
        wd: Weight decay.
        pct_start: Share of the run in which the learning rate rises.
        epochs: Number of epochs; after each one it validates and writes a checkpoint.
        samples_per_epoch: Length of an epoch; all items when None.
        n_valid: Largest number of items that validate; all when None.
        clip: Largest norm of the gradient; 0 for no limit.
        ema: Decay of the running mean of the weights, which validates and is exported; 0 for none.
        channels_last: Memory layout for faster convolutions, on CPU and on tensor cores.
        metrics: Names in `metrics`, taken in validation.
        seed: Of weights, order, damage and augmentation.
    """

    name: str
    model: str = "fusion_net"
    settings: Mapping[str, Any] = field(default_factory=dict)
    critic: str = "ours"
    start: str = ""
    start_as: str = "weights"
    loaders: str = "mframe"
    loader_options: Mapping[str, Any] = field(default_factory=dict)
    n_frames: int = 7
    size_in: int = 32
    size_out: int = 128
    normalize: bool = False
    degrade: str = "train"
    degrade_valid: str = "stills"
    motion_weight: float = 0.0
    p_fewer_frames: float = 0.0
    flip: bool = True
    zoom: float = 0.1
    rotate: float = 0.0
    brightness: float = 0.1
    bs: int = 16
    lr: float = 1e-3
    wd: float = 1e-2
    pct_start: float = 0.1
    epochs: int = 10
    samples_per_epoch: int | None = None
    n_valid: int | None = None
    clip: float = 1.0
    ema: float = 0.999
    channels_last: bool = True
    metrics: tuple[str, ...] = ("psnr",)
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("epochs", 1), ("bs", 1), ("n_frames", 1), ("clip", 0), ("motion_weight", 0), ("seed", 0)):
            if getattr(self, name) < least:
                raise RangeError(name, getattr(self, name), f"{least} or more")
        if self.lr <= 0:
            raise RangeError("lr", self.lr, "more than 0")
        for name in ("ema", "p_fewer_frames", "pct_start"):
            if not 0 <= getattr(self, name) < 1:
                raise RangeError(name, getattr(self, name), "0 … 1, without 1")

    def to_json(self) -> str:
        """The recipe as JSON; `from_json` reads it back unchanged."""
        return json.dumps({**asdict(self), "settings": dict(self.settings), "loader_options": dict(self.loader_options)}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read what `to_json` wrote."""
        facts = json.loads(text)
        return cls(**{**facts, "metrics": tuple(facts["metrics"])})

    def loader_settings(self) -> dict[str, Any]:
        """The arguments of the loaders that the recipe decides: all of `mframe_dls`, what others share with it, and its options."""
        names = "bs samples_per_epoch n_valid seed flip"
        if self.loaders == "mframe":
            names += " n_frames size_in size_out normalize degrade degrade_valid zoom rotate brightness"
        motion = {"motion": self.motion_weight > 0} if self.loaders == "mframe" else {}
        return {**{name: getattr(self, name) for name in names.split()}, **motion, **self.loader_options}

    def learner_settings(self) -> dict[str, Any]:
        """The arguments of every `get_learner` that the recipe decides, with those of the network."""
        names = "critic lr wd channels_last clip metrics"
        shared = {name: getattr(self, name) for name in names.split()}
        motion = {"motion_weight": self.motion_weight} if self.motion_weight > 0 else {}
        return {**shared, **motion, **self.settings}


# Ours, sized for two CPU cores. The limit on the gradient matters: without one the net was seen to diverge at lr 2e-3.
FUSION = Recipe(
    name="fusion",
    settings={"preset": "small"},
    motion_weight=0.05,
    p_fewer_frames=0.3,
    bs=8,
    lr=1.5e-3,
    wd=1e-4,
    epochs=12,
    samples_per_epoch=1760,
    n_valid=96,
    clip=0.5,
    ema=0.998,
    metrics=("psnr", "ssim"),
)

# The same net, damage and steps with the middle frame alone: what it lacks against FUSION is what the other frames give.
FUSION_ONE_FRAME = replace(FUSION, name="fusion-one-frame", n_frames=1, motion_weight=0.0, p_fewer_frames=0.0)

# Seconds, not minutes: for tests and for trying an installation.
TINY = Recipe(
    name="tiny",
    settings={"preset": "tiny"},
    critic="pixel",
    n_frames=3,
    degrade="thesis",
    degrade_valid="thesis",
    bs=2,
    lr=3e-3,
    epochs=2,
    n_valid=2,
    ema=0.9,
)

recipes = Registry("recipe")
recipes.add("fusion", "sharpening.training.recipes:FUSION")
recipes.add("fusion-one-frame", "sharpening.training.recipes:FUSION_ONE_FRAME")
recipes.add("tiny", "sharpening.training.recipes:TINY")
for _name, _attribute in (
    ("thesis-unet-one-frame", "THESIS_UNET_ONE_FRAME"),
    ("thesis-unet-one-frame-longer", "THESIS_UNET_ONE_FRAME_LONGER"),
    ("thesis-unet", "THESIS_UNET"),
    ("thesis-bionet", "THESIS_BIONET"),
    ("bionet-published", "BIONET_PUBLISHED"),
    ("thesis-feature-net", "THESIS_FEATURE_NET"),
    ("thesis-serfiq", "THESIS_SERFIQ"),
    ("serfiq-only", "SERFIQ_ONLY"),
    ("finetune-144", "FINETUNE_144"),
    ("inpaint-patches", "INPAINT_PATCHES"),
    ("inpaint-blur", "INPAINT_BLUR"),
    ("inpaint-truth", "INPAINT_TRUTH"),
):
    recipes.add(_name, f"sharpening.training.thesis_recipes:{_attribute}")
    recipes.add(f"{_name}-small", f"sharpening.training.thesis_recipes:{_attribute}_SMALL")
for _name, _attribute in (
    ("srgan-mse", "SRGAN_MSE"),
    ("srgan", "SRGAN"),
    ("wgan", "WGAN"),
    ("esrgan-l1", "ESRGAN_L1"),
    ("esrgan", "ESRGAN"),
    ("vnet", "VNET"),
    ("ux-net", "UX_NET"),
):
    recipes.add(_name, f"sharpening.training.theory_recipes:{_attribute}")
    recipes.add(f"{_name}-small", f"sharpening.training.theory_recipes:{_attribute}_SMALL")
