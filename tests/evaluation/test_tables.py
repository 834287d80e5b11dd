"""The front page's table comes from stored rows (`make accept` writes its block anew)."""

import os
from pathlib import Path

import pandas as pd
import pytest

from sharpening.errors import InputError
from sharpening.evaluation.tables import overview

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- results:begin -->\n", "<!-- results:end -->"
GROUPS = [(name, name) for name in ("stills", "h264", "damaged-middle", "noise-others")] + [("clips", "sparse"), ("clips", "dense")]


def rows(groups: list[tuple[str, str]]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "protocol": protocol,
            "group": group,
            "method": method,
            "key": "k",
            "name": str(i),
            "cluster": f"person {i % 3}",
            "psnr": 20.0 + i,
            "identity_cosine": 0.9,
        }
        for protocol, group in groups
        for method in ("bicubic", "ours")
        for i in range(6)
    )


def test_overview_has_a_line_for_each_group_and_a_dash_for_what_was_not_run(tmp_path):
    rows(GROUPS).to_csv(tmp_path / "goals.csv", index=False)
    lines = overview(tmp_path).splitlines()
    assert [line.split("`")[1] for line in lines if line.startswith("| `")] == [*dict(GROUPS[:4]), "clips, sparse", "clips, dense"]
    # Pairs of people 3 apart: means 21.5, 22.5, 23.5; Student's with two degrees of freedom.
    assert "| `stills` (6) | 22.50 ± 2.48 dB, 0.9000 | – | – | 22.50 ± 2.48 dB, 0.9000 |" in lines


def test_missing_rows_say_how_to_make_them(tmp_path):
    with pytest.raises(InputError, match=r"goals\.csv.*Make them: sharpening goals"):
        overview(tmp_path)
    rows(GROUPS[1:]).to_csv(tmp_path / "goals.csv", index=False)
    with pytest.raises(InputError, match="no rows of 'stills'.*sharpening goals"):
        overview(tmp_path)


def test_front_page_shows_the_stored_results():
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    wanted = before + BEGIN + overview(ROOT / "docs/results") + END + after
    if os.environ.get("ACCEPT"):
        page.write_text(wanted, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == wanted, "results have changed: make accept"
