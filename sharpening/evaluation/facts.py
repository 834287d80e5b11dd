"""What every stored result carries: the circumstances of the run, and means with their intervals."""

from __future__ import annotations

import importlib.metadata
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from sharpening.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["circumstances", "mean_interval", "read_rows", "stored_rows"]

# Codes may look like numbers ("12e4567890"); they are names all the same.
_NAMES = ("protocol", "method", "key", "name", "group", "cluster", "commit")
_PACKAGES = ("sharpening", "torch", "numpy", "opencv-python-headless", "av")


def circumstances(*packages: str) -> dict[str, Any]:
    """Versions, device and threads of this run; `packages` names more whose version matters."""
    versions = {name: importlib.metadata.version(name) for name in (*_PACKAGES, *packages)}
    return {"versions": versions, "device": "cpu", "threads": torch.get_num_threads()}


def mean_interval(values: NDArray[np.floating], clusters: NDArray[Any]) -> tuple[float, float]:
    """Mean of the values that are there, and half of its 95 % interval.

    Values of one cluster are not independent: the interval is that of cluster sums, which for one value a cluster is the usual one. It is
    Student's, with one degree of freedom less than there are clusters.

    Args:
        values: `[n]`; NaN where nothing was measured.
        clusters: `[n]`: what each value belongs to.

    Returns:
        NaN for what cannot be known: both without values, the interval with one cluster.
    """
    from scipy.stats import t

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
    return mean, float(t.ppf(0.975, k - 1) * np.sqrt((sums**2).sum() * k / (k - 1)) / len(values))


def read_rows(source: Path | io.StringIO) -> pd.DataFrame:
    """Rows of figures, whose names are text whatever they look like."""
    import pandas as pd

    return pd.read_csv(source, dtype=dict.fromkeys(_NAMES, str))


def stored_rows(file: Path, *needed: str) -> pd.DataFrame:
    """The rows of a file that new ones are put beside.

    Args:
        file: The CSV.
        needed: Columns beside "method" and "key".

    Raises:
        InputError: It is no such table: what is in it is not to be lost.
    """
    try:
        rows = read_rows(file)
        lacking = {"method", "key", *needed} - set(rows.columns)
        if lacking:
            raise ValueError(f"no column {', '.join(sorted(lacking))}")
    except (OSError, ValueError) as error:  # pandas' errors of parsing are ValueErrors
        advice = "Choose another folder (--out), or lose what it holds (--anew)."
        raise InputError(file, f"is no table of stored rows ({error}).", advice) from error
    return rows
