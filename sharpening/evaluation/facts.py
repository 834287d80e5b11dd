"""What every stored result carries: the circumstances of the run, and means with their intervals."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["circumstances", "mean_interval"]

_PACKAGES = ("sharpening", "torch", "numpy", "opencv-python-headless", "av")


def circumstances(*packages: str) -> dict[str, Any]:
    """Versions, device and threads of this run; `packages` names more whose version matters."""
    versions = {name: importlib.metadata.version(name) for name in (*_PACKAGES, *packages)}
    return {"versions": versions, "device": "cpu", "threads": torch.get_num_threads()}


def mean_interval(values: NDArray[np.floating], clusters: NDArray[Any]) -> tuple[float, float]:
    """Mean of the values that are there, and half of its 95 % interval.

    Values of one cluster are not independent: the interval is that of cluster sums, which for one value a cluster is the usual one.

    Args:
        values: `[n]`; NaN where nothing was measured.
        clusters: `[n]`: what each value belongs to.

    Returns:
        NaN for what cannot be known: both without values, the interval with one cluster.
    """
    there = ~np.isnan(values)
    values, clusters = values[there], clusters[there]
    if len(values) == 0:
        return float("nan"), float("nan")
    mean = float(values.mean())
    _, group = np.unique(clusters, return_inverse=True)
    sums = np.bincount(group, weights=values - mean)
    k = len(sums)
    if k < 2:
        return mean, float("nan")
    return mean, float(1.96 * np.sqrt((sums**2).sum() * k / (k - 1)) / len(values))
