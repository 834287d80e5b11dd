"""The run: rows, their summary, and what is written."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from sharpening.evaluation.run import COLUMNS, evaluate, summary, to_markdown

METHODS = ["bicubic", "nearest", "back-projection"]


@pytest.fixture(scope="module")
def rows(small_data, tmp_path_factory) -> pd.DataFrame:
    out = tmp_path_factory.mktemp("out")
    table = evaluate("stills", small_data, methods=METHODS, out=out)
    table.attrs["out"] = out
    return table


def test_a_row_for_each_picture_and_method(rows):
    assert len(rows) == 6 * len(METHODS)
    assert set(COLUMNS) <= set(rows.columns)
    assert rows[["psnr", "ssim", "mse_255"]].notna().all().all()


def test_identity_is_measured_where_there_is_a_face(rows):
    found = rows[rows["identity_cosine"].notna()]
    assert len(found) >= len(METHODS)
    assert found["identity_cosine"].between(0.5, 1).all()


def test_psnr_and_mse_cannot_contradict_each_other(rows):
    """Jensen: the mean PSNR is at least the PSNR of the mean error. The thesis's Tables 3.1 and 3.6 break this."""
    for _, part in rows.groupby("method"):
        assert part["psnr"].mean() >= 10 * math.log10(255**2 / part["mse_255"].mean()) - 1e-6


def test_two_runs_give_the_same_numbers(rows, small_data):
    again = evaluate("stills", small_data, methods=METHODS)
    pd.testing.assert_frame_equal(rows, again, check_exact=True)


def test_files_tell_the_whole_story(rows):
    out = rows.attrs["out"]
    stored, facts = pd.read_csv(out / "stills.csv"), json.loads((out / "stills.json").read_text())
    assert len(stored) == len(rows)
    assert facts["samples"] == 6
    assert len(facts["inputs_sha256"]) == 64
    assert "PSNR ↑ [dB]" in (out / "stills.md").read_text()


def test_interval_is_over_clusters_not_over_rows():
    def table(clusters: list[str]) -> pd.DataFrame:
        values = np.tile([1.0, 2.0, 3.0, 4.0], 5)
        columns = dict.fromkeys(COLUMNS, values)
        names = [str(i) for i in range(20)]
        return pd.DataFrame({"name": names, "group": "g", "cluster": clusters, "method": "bicubic", **columns})

    alone = summary(table([str(i) for i in range(20)]))["psnr±"][0]
    together = summary(table([str(i % 4) for i in range(20)]))["psnr±"][0]
    assert alone == pytest.approx(t.ppf(0.975, 19) * np.tile([1.0, 2.0, 3.0, 4.0], 5).std(ddof=1) / np.sqrt(20))
    assert together > 2 * alone


def test_gain_is_picture_by_picture_and_markdown_has_all_methods(rows):
    table = summary(rows).set_index("method")
    assert table.loc["bicubic", "gain"] == 0
    expected = rows[rows["method"] == "nearest"]["psnr"].mean() - rows[rows["method"] == "bicubic"]["psnr"].mean()
    assert table.loc["nearest", "gain"] == pytest.approx(expected)
    text = to_markdown(summary(rows))
    assert all(f"| {method} |" in text for method in METHODS)
