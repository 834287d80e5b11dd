"""The leaderboard's score: by hand, over columns, and what it refuses."""

import math

import numpy as np
import pytest

from sharpening.errors import RangeError
from sharpening.metrics.mlfdb import mlfdb_parts, mlfdb_score

GOOD = {"mse_255": 100.0, "ssim": 0.8, "psnr": 30.0, "cpbd_pred": 0.25, "cpbd_label": 0.4, "n_failed": 50}


def test_by_hand():
    parts = mlfdb_parts(**GOOD)
    assert parts == pytest.approx({"mse": 0.2, "ssim": 0.2, "psnr": 0.4, "cpbd": 0.15, "failed": 0.02})
    assert mlfdb_score(**GOOD) == pytest.approx(0.97)


def test_a_perfect_method_at_50_db_has_zero():
    assert mlfdb_score(0, 1, 50, 0.3, 0.3, 0) == 0


def test_columns_count_by_their_means():
    columns = {name: np.array([value - 0.1, value + 0.1]) for name, value in GOOD.items() if name != "n_failed"}
    assert mlfdb_score(**columns, n_failed=50) == pytest.approx(mlfdb_score(**GOOD))


@pytest.mark.parametrize(
    ("name", "worse"), [("mse_255", 200), ("ssim", 0.7), ("psnr", 25), ("cpbd_pred", 0.1), ("cpbd_label", 0.6), ("n_failed", 51)]
)
def test_worse_is_higher(name, worse):
    assert mlfdb_score(**GOOD | {name: worse}) > mlfdb_score(**GOOD)


@pytest.mark.parametrize(("name", "value"), [("psnr", math.inf), ("cpbd_pred", [0.2, math.nan]), ("ssim", []), ("n_failed", -1)])
def test_what_has_no_mean_is_refused(name, value):
    with pytest.raises(RangeError, match=name):
        mlfdb_score(**GOOD | {name: value})
