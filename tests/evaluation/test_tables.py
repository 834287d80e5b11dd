"""Tables come from rows, and the front page from the tables (`make accept` writes its block anew)."""

import json
import os
from pathlib import Path

import pytest

from sharpening.errors import InputError
from sharpening.evaluation.run import evaluate
from sharpening.evaluation.tables import SHOWN, overview, read_rows

ROOT = Path(__file__).parents[2]
BEGIN, END = "<!-- results:begin -->\n", "<!-- results:end -->"


def test_overview_has_a_line_for_each_group(small_data, tmp_path):
    for protocol in SHOWN:
        evaluate(
            protocol, small_data, methods=["bicubic", "back-projection"], limit=None if protocol == "clips" else 2, out=tmp_path
        )
    lines = overview(tmp_path).splitlines()
    assert sum(line.startswith("| `") for line in lines) == len(SHOWN) + 1
    assert any("`clips, dense`" in line for line in lines)
    assert all("–" in line for line in lines if line.startswith("| `"))  # the networks were not run


def test_rows_of_different_weights_are_not_laid_side_by_side(small_data, tmp_path):
    for protocol in ("stills", "h264"):
        evaluate(protocol, small_data, methods=["bicubic"], limit=1, out=tmp_path)
        facts = json.loads((tmp_path / f"{protocol}.json").read_text())
        assert facts["weights"] == {}
        facts["weights"] = {"default": {"sha256": protocol * 8}}
        (tmp_path / f"{protocol}.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="different weights: stills of stillsstills, h264 of h264h264h264"):
        overview(tmp_path)


def test_missing_rows_say_how_to_make_them(tmp_path):
    with pytest.raises(InputError, match="sharpening evaluate --protocol stills"):
        read_rows(tmp_path, "stills")


def test_front_page_shows_the_stored_results():
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    wanted = before + BEGIN + overview(ROOT / "docs/results") + END + after
    if os.environ.get("ACCEPT"):
        page.write_text(wanted, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == wanted, "results have changed: make accept"
