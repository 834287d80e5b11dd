"""What is done to whole batches, and how a still is seen before it is damaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from fastai.torch_core import TensorImage
from fasttransform import Transform
from numpy.typing import NDArray
from torch import Tensor

from sharpening.errors import RangeError
from sharpening.imaging.ranges import from_imagenet, to_imagenet
from sharpening.imaging.resize import resize_tensor
from sharpening.mframe_dl.draws import Draws
from sharpening.mframe_dl.types import FrameStack

__all__ = ["EnlargeFrames", "NormalizeFrames", "OneDraw", "ViewRanges", "Views"]


@dataclass(frozen=True)
class ViewRanges:
    """Ranges of the augmentation: one draw for a whole sequence and its label.

    Attributes:
        flip: Mirror left and right, half of the time.
        zoom: Largest zoom in, as a share: 0.1 shows 1 … 1.1 times the size.
        rotate: Largest angle [degrees].
        brightness: Largest change of the gain, as a share.
    """

    flip: bool = False
    zoom: float = 0.0
    rotate: float = 0.0
    brightness: float = 0.0

    def __post_init__(self) -> None:
        for name in ("zoom", "rotate", "brightness"):
            if getattr(self, name) < 0:
                raise RangeError(name, getattr(self, name), "0 or more")

    def draw(self, rng: np.random.Generator, n: int) -> Views:
        """Draw the views of `n` samples."""
        return Views(
            flip=rng.random(n) < (0.5 if self.flip else 0.0),
            zoom=1 + rng.uniform(0, 1, n) * self.zoom,
            angle=rng.uniform(-1, 1, n) * self.rotate,
            gain=1 + rng.uniform(-1, 1, n) * self.brightness,
        )

    def __call__(self, picture: NDArray[np.uint8], rng: np.random.Generator) -> tuple[NDArray[np.uint8], float]:
        """See a still `[S, S, 3]` as drawn. The zoom is returned, not done: the damage does it in the same resampling."""
        view = self.draw(rng, 1)
        if view.flip[0]:
            picture = np.ascontiguousarray(picture[:, ::-1])
        if self.rotate > 0:
            centre = (picture.shape[1] - 1) / 2, (picture.shape[0] - 1) / 2
            matrix = cv2.getRotationMatrix2D(centre, float(view.angle[0]), 1.0)
            shape = picture.shape[1::-1]
            turned = cv2.warpAffine(picture, matrix, shape, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
            picture = np.asarray(turned, np.uint8)
        if self.brightness > 0:
            picture = np.clip(np.round(picture * np.float32(view.gain[0])), 0, 255).astype(np.uint8)
        return picture, float(view.zoom[0])


@dataclass(frozen=True)
class Views:
    """Drawn views, one entry a sample: mirrored or not, zoom factor, angle in degrees, gain of the light."""

    flip: NDArray[np.bool_]
    zoom: NDArray[np.float64]
    angle: NDArray[np.float64]
    gain: NDArray[np.float64]

    def theta(self) -> NDArray[np.float32]:
        """Sampling matrices `[n, 2, 3]` (−1 … 1, output to input) of zoom and rotation; the flip is apart, as it loses nothing."""
        angle = np.deg2rad(self.angle)
        cos, sin, none = np.cos(angle) / self.zoom, np.sin(angle) / self.zoom, np.zeros_like(angle)
        return np.stack([np.stack([cos, -sin, none], -1), np.stack([sin, cos, none], -1)], axis=1).astype(np.float32)


class OneDraw(Transform):
    """Flip, zoom, rotation and brightness of ready-made sequences: one draw for all frames and the label.

    Works on float batches in 0 … 1, in training only. Frames and label may differ in size.

    Args:
        view: The ranges.
        draws: Where the chance comes from.
    """

    split_idx, order = 0, 20

    def __init__(self, view: ViewRanges, draws: Draws) -> None:
        super().__init__()
        self.view, self.draws = view, draws
        self._views: Views | None = None

    def __call__(self, batch: Any, split_idx: int | None = None, **kwargs: Any) -> Any:
        """Draw for the batch, then let `encodes` see each of its pictures so; fastai's pipeline calls it."""
        if split_idx == self.split_idx:
            pictures = batch[0] if isinstance(batch, tuple) else batch
            self._views = self.view.draw(self.draws.for_batch(), len(pictures))
        return super().__call__(batch, split_idx=split_idx, **kwargs)

    def encodes(self, x: TensorImage) -> TensorImage:
        """Apply the batch's draw to `[bs, c, H, W]`."""
        return x if self._views is None else type(x)(see_batch(x.as_subclass(Tensor), self._views))


def see_batch(x: Tensor, views: Views) -> Tensor:
    """See each picture of the batch `[bs, c, H, W]`, in 0 … 1, as drawn."""
    flip = torch.from_numpy(views.flip).to(x.device)[:, None, None, None]
    x = torch.where(flip, x.flip(-1), x)
    if (views.zoom != 1).any() or (views.angle != 0).any():
        theta = torch.from_numpy(views.theta()).to(x)
        grid = F.affine_grid(theta, list(x.shape), align_corners=False)
        x = F.grid_sample(x, grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return (x * torch.from_numpy(views.gain).to(x)[:, None, None, None]).clamp(0, 1)


class EnlargeFrames(Transform):
    """Bring the frames (not the label) to the side that the network wants, by bicubic interpolation.

    Args:
        size: Side [px].
    """

    order = 30

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def encodes(self, x: FrameStack) -> FrameStack:
        """`[bs, 3·n, h, w]` in 0 … 1 → `[bs, 3·n, size, size]`."""
        if x.shape[-2:] == (self.size, self.size):
            return x
        # Bicubic kernels overshoot at edges; a picture file could not hold such values, so neither does the batch.
        return FrameStack(resize_tensor(x.as_subclass(Tensor), self.size, method="bicubic").clamp(0, 1))


class NormalizeFrames(Transform):
    """ImageNet normalisation of every frame of a stack; labels stay in 0 … 1.

    fastai's `Normalize` holds three numbers against 3·n channels and fails, and `unet_learner` skips it silently.
    """

    order = 99

    def encodes(self, x: FrameStack) -> FrameStack:
        """0 … 1 → normalised."""
        return FrameStack(to_imagenet(x.frames()).flatten(-4, -3))

    def decodes(self, x: FrameStack) -> FrameStack:
        """Normalised → 0 … 1."""
        return FrameStack(from_imagenet(x.frames()).flatten(-4, -3))
