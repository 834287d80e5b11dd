"""Tables of blurry sections: columns of the damaged areas, kept pictures, refusals and answers of people."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from sharpening.evaluation import thesis_run, thesis_tables
from sharpening.evaluation.kept import INPUT, Kept
from sharpening.evaluation.measuring import TRUTH
from sharpening.evaluation.methods import Made, SequenceMethod
from sharpening.evaluation.protocols import samples
from sharpening.evaluation.survey_count import NONE_YET, VOTE_HEADS, Votes, write_votes
from sharpening.evaluation.thesis_rows import Entry, baseline
from sharpening.evaluation.thesis_run import fill
from sharpening.evaluation.thesis_tables import make_table, summarise
from sharpening.imaging.convert import to_tensor, to_uint8
from tests.restore_helpers import write_weights

N = 2


class Mended(SequenceMethod):
    """The label a little darker, but for the first sample, which it refuses."""

    def of(self, samples):
        pictures = torch.stack([0.9 * to_tensor(sample.label) for sample in samples])
        refused = torch.tensor([float(i == 0) for i in range(len(samples))], dtype=torch.float64)
        pictures[0] /= 2
        return Made(pictures, {"refused": refused, "right_sources": torch.where(refused == 1, torch.nan, 0.75)})


ENTRIES = [baseline("bicubic"), Entry("mended", Mended, made_of={"settings": 1}), Entry("later", needs="needs time")]


@pytest.fixture(scope="module")
def filled(small_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    return out, fill("3.6", small_data, ENTRIES, out=out, limit=N, keep=out / "kept")


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    return write_weights(tmp_path_factory.mktemp("weights")).parent


def test_areas_have_columns_of_their_own(filled, small_data):
    rows = filled[1].rows.set_index(["method", "name"])
    sample = next(samples("sections", small_data))
    first = rows.loc["bicubic", sample.name]
    picture = Kept(filled[0] / "kept").picture("bicubic", sample.name).astype(float)
    error = np.square((picture - sample.label) / 255).mean(2)
    assert first["mse_inside"] == pytest.approx(error[sample.mask].mean(), rel=0.02)  # the kept picture is rounded
    assert first["mse_inside"] > first["mse"]
    assert first["psnr_inside"] == pytest.approx(-10 * np.log10(first["mse_inside"]), rel=1e-5)
    assert first[["seam", "ssim_inside"]].notna().all()
    truth = rows.loc[TRUTH]
    assert truth["seam"].notna().all()
    assert truth[["mse_inside", "identity_inside", "refused"]].isna().all().all()


def test_refusals_and_right_sources_are_those_of_the_method(filled):
    means = summarise(filled[1].rows)
    assert means["mended"]["refused"][0] == 1
    assert means["mended"]["right_sources"][0] == 75
    assert "refused" not in means["bicubic"]
    assert means["mended"]["ssim_inside"][0] > means["bicubic"]["ssim_inside"][0]


def test_pictures_are_kept_as_they_were_measured(filled, small_data):
    kept = Kept(filled[0] / "kept")
    assert set(kept.systems) == {TRUTH, INPUT, "bicubic", "mended"}
    for i, sample in enumerate(samples("sections", small_data, limit=N)):
        np.testing.assert_array_equal(kept.picture(TRUTH, sample.name), sample.label)
        np.testing.assert_array_equal(kept.picture(INPUT, sample.name), sample.frames[3])
        wanted = to_uint8(to_tensor(sample.label) * 0.9 / (2 if i == 0 else 1))
        np.testing.assert_array_equal(kept.picture("mended", sample.name), wanted)


@pytest.fixture
def measured(monkeypatch):
    seen, true = [], thesis_run._measured

    def spy(job, *arguments):
        seen.append(job.label)
        return true(job, *arguments)

    monkeypatch.setattr(thesis_run, "_measured", spy)
    return seen


def test_rows_are_made_anew_for_other_settings_or_lost_pictures_only(filled, small_data, measured, tmp_path):
    out = filled[0]
    again = fill("3.6", small_data, ENTRIES, out=out, limit=N, keep=out / "kept")
    assert measured == []
    pd.testing.assert_frame_equal(again.rows, filled[1].rows)
    other = [ENTRIES[0], Entry("mended", Mended, made_of={"settings": 2})]
    fill("3.6", small_data, other, limit=N, out=out)
    assert measured == ["mended"]
    measured.clear()
    fill("3.6", small_data, ENTRIES[:1], limit=N, out=out, keep=tmp_path / "elsewhere")
    assert measured == [TRUTH, "bicubic"]
    measured.clear()
    next((tmp_path / "elsewhere").glob("bicubic*/*.png")).unlink()
    fill("3.6", small_data, ENTRIES[:1], limit=N, out=out, keep=tmp_path / "elsewhere")
    assert measured == ["bicubic"]


def test_table_36_waits_for_answers_and_shows_them(small_data, pretrained, tmp_path, monkeypatch):
    monkeypatch.setattr(thesis_tables, "section_entries", lambda *arguments, **options: ENTRIES)
    places = {"out": tmp_path, "limit": N, "pretrained": pretrained}
    grid, thesis = make_table("3.6", small_data, **places)
    assert grid.heads[-2:] == VOTE_HEADS
    cells = {row[0]: row[1:] for row in grid.rows}
    assert cells["mended"][-2:] == (NONE_YET, NONE_YET)
    assert cells["later"] == ("needs time",)
    assert {"PSNR inside ↑ [dB]", "seam (none: 1)", "refused ↓"} <= set(grid.heads)
    assert cells["mended"][grid.heads.index("refused ↓") - 1] == "1"
    (line,) = [row for row in thesis.rows if row[0] == "bicubic"]
    assert dict(zip(thesis.heads, line, strict=True))["PSNR thesis"] == "18.27"
    write_votes(Votes("p", 4, {"bicubic": {"quality": 1, "identity": 0}, "mended": {"quality": 3, "identity": 4}}), tmp_path)
    cells = {row[0]: row[1:] for row in make_table("3.6", small_data, **places)[0].rows}
    assert cells["mended"][-2] == "75.0 (30.1–95.4)"
    assert cells[TRUTH][-2:] == ("–", "–")
    assert json.loads((tmp_path / "table-3.6.json").read_text())["protocol"] == "sections"


@pytest.mark.parametrize("table", ["3.4", "3.5"])
def test_other_tables_have_no_votes(small_data, pretrained, table, monkeypatch):
    monkeypatch.setattr(thesis_tables, "section_entries", lambda *arguments, **options: ENTRIES)
    grid, _ = make_table(table, small_data, limit=1, pretrained=pretrained)
    assert not set(VOTE_HEADS) & set(grid.heads)
    assert "areas' border" in " ".join(grid.notes)
