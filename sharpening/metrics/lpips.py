"""LPIPS: the distance between two pictures inside a network, weighted as people weigh it. Version 0.1 of its authors.

The network comes from outside (`models.lpips.load_lpips`), since its weights do; so this metric is made by `lpips_metric` and
stands in no table by itself. State the backbone with every figure: AlexNet's and VGG-16's differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sharpening.errors import ShapeError
from sharpening.imaging.pairs import as_pair
from sharpening.metrics.metric import Metric

__all__ = ["lpips_metric", "perceptual_distance"]

_EPS = 1e-10


def perceptual_distance(pred: Sequence[Tensor], target: Sequence[Tensor], heads: Sequence[Tensor]) -> Tensor:
    """Sum over levels of the weighted squared difference of the maps, their channels scaled to length 1 at each place.

    Args:
        pred: maps `[bs, c, h, w]` of the prediction, one for each level.
        target: maps of the target, of the same shapes.
        heads: for each level the weights of its channels, c numbers in any shape.

    Returns:
        `[bs]`; 0 for equal maps, and at least 0 when no weight is negative.

    Raises:
        ShapeError: when a head has another number of channels than its map.

    Source: Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", 2018, arXiv:1801.03924.
    """
    levels = []
    for a, b, head in zip(pred, target, heads, strict=True):
        if head.numel() != a.shape[1]:
            raise ShapeError("head", list(head.shape), f"{a.shape[1]} weights, one for each channel of its map")
        difference = (_unit(a) - _unit(b)).square()
        levels.append((difference * head.reshape(1, -1, 1, 1)).sum(dim=1).mean(dim=(1, 2)))
    return torch.stack(levels).sum(dim=0)


def _unit(maps: Tensor) -> Tensor:
    return maps / (torch.linalg.vector_norm(maps, dim=1, keepdim=True) + _EPS)


def lpips_metric(distance: Callable[[Tensor, Tensor], Tensor], backbone: str) -> Metric:
    """LPIPS through one network as a metric, lower is better.

    Args:
        distance: pictures `[bs, 3, H, W]` in [0, 1], twice, to `[bs]`, such as `models.lpips.LpipsNet`.
        backbone: its name for the heading, "alex" or "vgg".
    """

    @torch.no_grad()
    def measure(pred: Tensor, target: Tensor) -> Tensor:
        pred, target = as_pair(pred, target)
        return distance(pred, target).to(pred.dtype)

    return Metric(f"LPIPS ({backbone})", "-", "lower", (0.0, float("inf")), needs_target=True, fn=measure, decimals=4)
