"""What one gets without our networks: interpolation, classical multi-frame back-projection, and a published small network.

All take frames `[bs, 3·n, h, w]` in 0 … 1 and return `[bs, 3, 4h, 4w]`, as a network does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sharpening.errors import InputError
from sharpening.evaluation.protobuf import split_depth_to_space
from sharpening.models.basic_blocks import affine_grid, back_project, estimate_affine, frame_agreement, warp

__all__ = ["back_projection", "fsrcnn", "interpolate", "middle_of"]

SCALE = 4


def middle_of(frames: Tensor) -> Tensor:
    """The middle frame `[bs, 3, h, w]` of a stack `[bs, 3·n, h, w]`."""
    n = frames.shape[1] // 3
    return frames[:, 3 * (n // 2) : 3 * (n // 2) + 3]


def interpolate(frames: Tensor, mode: str = "bicubic") -> Tensor:
    """The middle frame enlarged; `mode` is "nearest", "bilinear" or "bicubic"."""
    corners = None if mode == "nearest" else False
    return F.interpolate(middle_of(frames), scale_factor=SCALE, mode=mode, align_corners=corners).clamp(0, 1)


def back_projection(frames: Tensor, *, iterations: int = 4, step: float = 1.0) -> Tensor:
    """Registered multi-frame super-resolution without learning (Irani and Peleg 1991), with estimated motion.

    Start: mean of all frames, enlarged and registered onto the middle. Then, `iterations` times: look at the result as each frame saw it,
    and bring the mean of what is missing back. The defaults were the best of 0, 1, 2, 4 iterations and steps 0.7, 1.0 on damaged stills.
    """
    n = frames.shape[1] // 3
    stack = frames.unflatten(1, (n, 3))
    reference, moving = stack[:, n // 2, None].expand_as(stack).flatten(0, 1), stack.flatten(0, 1)
    affine = estimate_affine(reference, moving)
    affine[n // 2 :: n] = torch.eye(2, 3)
    belief = frame_agreement(warp(moving, affine_grid(affine, *frames.shape[-2:])), reference)
    return back_project(stack, affine, belief, scale=SCALE, iterations=iterations, step=step).clamp(0, 1)


def fsrcnn(path: str | Path) -> Callable[[Tensor], Tensor]:
    """FSRCNN ×4 (Dong et al. 2016) for the middle frame, from OpenCV's published `FSRCNN_x4.pb`, run by `cv2.dnn`.

    The network enlarges the luminance; the colours are enlarged bicubically, as OpenCV's own module does.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(file, "the FSRCNN file is not there.", "Take FSRCNN_x4.pb from OpenCV's super-resolution models.")
    graph, bias = split_depth_to_space(file.read_bytes())
    network = cv2.dnn.readNetFromTensorflow(np.frombuffer(graph, np.uint8))
    return partial(_run_fsrcnn, network, bias)


def _run_fsrcnn(network: Any, bias: float, frames: Tensor) -> Tensor:
    pictures = middle_of(frames).detach().permute(0, 2, 3, 1).cpu().numpy()
    return torch.stack([_fsrcnn_one(network, bias, np.ascontiguousarray(p)) for p in pictures]).to(frames)


def _fsrcnn_one(network: Any, bias: float, picture: np.ndarray) -> Tensor:
    ycc = cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb)
    network.setInput(cv2.dnn.blobFromImage(ycc[..., 0]))
    luminance = F.pixel_shuffle(torch.from_numpy(network.forward()), SCALE)[0, 0].numpy() + bias
    large = cv2.resize(ycc, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
    large[..., 0] = luminance
    return torch.from_numpy(cv2.cvtColor(large, cv2.COLOR_YCrCb2RGB)).permute(2, 0, 1).clamp(0, 1)
