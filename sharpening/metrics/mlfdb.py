"""The score by which the leaderboard of the MLFDB data ranks methods: five parts, each about 1 for a bad result; lower is better.

Not known of the leaderboard: on which scale its MSE is (0–255 is taken here; the divisor 500 makes sense on that one only), whether
its differences are taken picture by picture or between means (between means here), and what a method's failed faces add
to the other four parts (nothing here). So compare figures of this function with each other, and with theirs only loosely.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import RangeError

__all__ = ["mlfdb_parts", "mlfdb_score"]

Column = float | Sequence[float] | NDArray[np.floating]


def mlfdb_parts(
    mse_255: Column, ssim: Column, psnr: Column, cpbd_pred: Column, cpbd_label: Column, n_failed: int
) -> dict[str, float]:
    """The five parts of `mlfdb_score` by name: "mse", "ssim", "psnr", "cpbd" and "failed"; arguments and errors as there."""
    if n_failed < 0:
        raise RangeError("n_failed", n_failed, "at least 0")
    difference = abs(_mean("cpbd_pred", cpbd_pred) - _mean("cpbd_label", cpbd_label))
    return {
        "mse": _mean("mse_255", mse_255) / 500,
        "ssim": 1 - _mean("ssim", ssim),
        "psnr": 1 - _mean("psnr", psnr) / 50,
        "cpbd": difference,
        "failed": n_failed / 2500,
    }


def mlfdb_score(mse_255: Column, ssim: Column, psnr: Column, cpbd_pred: Column, cpbd_label: Column, n_failed: int) -> float:
    """The leaderboard's score of a method over one test set, not over one picture; lower is better.

    It is MSE / 500 + (1 - SSIM) + (1 - PSNR / 50) + |CPBD of the results - CPBD of the labels| + failed faces / 2500.

    Args:
        mse_255: mean squared error on 0–255: the mean over the set, or one number a picture.
        ssim: structural similarity, likewise.
        psnr: peak signal-to-noise ratio [dB], likewise.
        cpbd_pred: CPBD of the results, likewise.
        cpbd_label: CPBD of the true pictures, likewise.
        n_failed: number of faces for which the method gave no result.

    Returns:
        The sum of `mlfdb_parts`.

    Raises:
        RangeError: when a column is empty or holds NaN or infinity, or the number of failures is negative.

    Source: Rajnoha, Mezina and Burget, "Multi-frame labeled faces database: towards face super-resolution from realistic
        video sequences", 2020, doi:10.3390/app10207213.
    """
    return sum(mlfdb_parts(mse_255, ssim, psnr, cpbd_pred, cpbd_label, n_failed).values())


def _mean(name: str, column: Column) -> float:
    values = np.asarray(column, np.float64)
    if not values.size or not np.isfinite(values).all():
        advice = "Leave out the pictures without a value (CPBD has none under 64 px) and say how many they were."
        raise RangeError(name, "nothing" if not values.size else "NaN or infinity", "finite numbers", advice)
    return float(values.mean())
