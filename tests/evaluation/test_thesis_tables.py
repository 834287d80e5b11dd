"""`sharpening tables`: rows, what is reused of them, and all forms of the table."""

import csv
import json
import math

import numpy as np
import pandas as pd
import pytest

from sharpening.errors import InputError
from sharpening.evaluation import thesis_run
from sharpening.evaluation.measuring import TRUTH
from sharpening.evaluation.thesis_rows import entries
from sharpening.evaluation.thesis_run import fill
from sharpening.evaluation.thesis_tables import make_table, ours, summarise
from tests.restore_helpers import write_weights

N = 2  # of the small stills; which of the six has a face, does not matter here
TINY = {"encoder": "resnet18", "width": 8}
MULTI = {"settings": {"n_frames": 7, **TINY}, "n_frames": 7, "size_in": 64, "size_out": 64, "normalisation": "imagenet"}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    root = tmp_path_factory.mktemp("weights")
    write_weights(root / "pretrained")
    write_weights(root / "runs" / "thesis-unet-small", "thesis-unet-small", "unet", **MULTI)
    return {"pretrained": root / "pretrained", "runs": root / "runs"}


@pytest.fixture(scope="module")
def made(small_data, places, tmp_path_factory):
    """Table 3.1 on two stills, with a figure that a reader added."""
    out = tmp_path_factory.mktemp("out")
    (out / "figures.csv").write_text("table,row,column,value\n3.1,U-Net,PSNR,26.42\n", encoding="utf-8")
    grids = make_table("3.1", small_data, out=out, limit=N, thesis=out / "figures.csv", **places)
    return out, grids


def rows(out, table: str = "3.1") -> pd.DataFrame:
    return pd.read_csv(out / f"table-{table}.csv")


def test_a_row_for_each_picture_and_method_and_the_truth(made):
    table = rows(made[0])
    assert set(table["method"]) == {TRUTH, "U-Net", "bicubic", "back-projection", "twin: our net, one frame", "ours: fusion_net"}
    assert (table.groupby("method").size() == N).all()
    methods = table[table["method"] != TRUTH]
    assert methods[["mse", "mse_255", "psnr", "ssim", "cpbd", "serfiq"]].notna().all().all()
    truth = table[table["method"] == TRUTH]
    assert truth[["cpbd", "serfiq"]].notna().all().all()
    assert truth[["mse", "psnr", "ssim", "identity_cosine"]].isna().all().all()


def test_psnr_and_mse_of_the_rows_cannot_contradict_each_other(made):
    table = rows(made[0])
    for method, part in table[table["method"] != TRUTH].groupby("method"):
        of_mean = 10 * math.log10(1 / part["mse"].mean())
        assert part["psnr"].mean() >= of_mean - 1e-5, method
        np.testing.assert_allclose(part["psnr"], 10 * np.log10(1 / part["mse"]), rtol=1e-5)
        np.testing.assert_allclose(part["mse_255"], part["mse"] * 255**2, rtol=1e-5)
        assert summarise(table)[method]["psnr_of_mean"][0] == pytest.approx(of_mean, abs=1e-6)


def test_table_shows_both_conventions_and_what_is_missing(made):
    mine_grid, thesis = made[1]
    assert {"PSNR ↑ [dB]", "PSNR of the mean MSE ↑ [dB]", "MSE (0–255) ↓"} <= set(mine_grid.heads)
    labels = [row[0] for row in mine_grid.rows]
    assert labels[0] == TRUTH
    (missing,) = [row for row in mine_grid.rows if row[0] == "BiO-Net"]
    assert missing[1].startswith("needs ")
    assert missing[1].endswith("thesis-bionet/thesis-bionet.safetensors")
    psnr = mine_grid.heads.index("PSNR ↑ [dB]")
    mine = float(next(row for row in mine_grid.rows if row[0] == "U-Net")[psnr].split()[0])
    line = dict(zip(thesis.heads, next(row for row in thesis.rows if row[0] == "U-Net"), strict=True))
    assert line["PSNR thesis"] == "26.42"
    assert float(line["PSNR ours"]) == mine
    assert float(line["PSNR diff."]) == pytest.approx(mine - 26.42, abs=0.011)
    assert line["MSE thesis"] == line["MSE diff."] == "–"


def test_all_forms_are_written(made):
    out, _ = made
    facts = json.loads((out / "table-3.1.json").read_text())
    assert facts["samples"] == N
    assert len(facts["inputs_sha256"]) == 64
    assert len(facts["weights"]["U-Net"][0]["sha256"]) == 64
    assert facts["judges"]["serfiq"]
    assert {"commit", "versions", "device", "seed", "seconds", "missing"} <= set(facts)
    assert all(grid.title in (out / "table-3.1.txt").read_text() for grid in made[1])
    assert (out / "table-3.1.md").read_text().startswith("# Table 3.1")
    tex = (out / "table-3.1.tex").read_text()
    assert tex.count(r"\begin{table}") == 2
    assert "fusion\\_net" in tex
    with (out / "table-3.1.means.csv").open(newline="") as file:
        lines = {(line["row"], line["metric"]): line for line in csv.DictReader(file)}
    line = lines["U-Net", "psnr"]
    assert float(line["difference"]) == pytest.approx(float(line["ours"]) - 26.42, abs=1e-4)
    assert lines["BiO-Net", ""]["needs"]


def test_mlfdb_score_and_lost_faces_are_of_the_whole_set(made):
    means = summarise(rows(made[0]))
    assert "mlfdb" not in means[TRUTH]
    assert means["bicubic"]["mlfdb"][0] > 0
    assert means["bicubic"]["serfiq_percent"][0] == pytest.approx(50 * means["bicubic"]["serfiq"][0])


@pytest.fixture
def measured(monkeypatch) -> list[str]:
    """The methods that are measured, in order; "back-projection" fails when `measured` holds "fail"."""
    seen: list[str] = []
    true = thesis_run._measured

    def spy(job, *arguments):
        if job.label == "back-projection" and "fail" in seen:
            raise KeyboardInterrupt
        seen.append(job.label)
        return true(job, *arguments)

    monkeypatch.setattr(thesis_run, "_measured", spy)
    return seen


def test_half_done_tables_go_on_and_done_ones_make_no_work(small_data, places, tmp_path, measured):
    lines = [entry for entry in entries("3.1", **places) if entry.label in ("U-Net", "bicubic", "back-projection")]
    measured.append("fail")
    with pytest.raises(KeyboardInterrupt):
        fill("3.1", small_data, lines, out=tmp_path, limit=1)
    assert measured[1:] == [TRUTH, "U-Net", "bicubic"]
    half = rows(tmp_path)
    measured.clear()
    filled = fill("3.1", small_data, lines, out=tmp_path, limit=1)
    assert measured == ["back-projection"]
    assert filled.facts["reused"] == [TRUTH, "U-Net", "bicubic"]
    pd.testing.assert_frame_equal(rows(tmp_path).head(len(half)), half, check_exact=True)
    measured.clear()
    again = fill("3.1", small_data, lines, out=tmp_path, limit=1)
    assert measured == []
    pd.testing.assert_frame_equal(again.rows, filled.rows, check_exact=True)
    fill("3.1", small_data, lines[-1:], out=tmp_path, limit=1, anew=True)
    assert measured == [TRUTH, "back-projection"]


def test_other_weights_or_other_pictures_are_measured_anew(small_data, places, tmp_path, measured):
    def run(**changes):
        measured.clear()
        fill("3.1", small_data, lines, out=tmp_path, **{"limit": 1, "seed": 0, **changes})
        return list(measured)

    lines = [entries("3.1", f"U-Net={write_weights(tmp_path / 'a', 'a', 'unet', **MULTI)}", **places)[0]]
    assert run() == [TRUTH, "U-Net"]
    assert run(seed=1) == [TRUTH, "U-Net"]
    assert run(seed=1) == []
    lines = [entries("3.1", f"U-Net={write_weights(tmp_path / 'b', 'b', 'unet', nudge=0.1, **MULTI)}", **places)[0]]
    assert run(seed=1) == ["U-Net"]


@pytest.mark.parametrize("spoiled", ["", "no,such,columns\n1,2,3\n", "\0"])
def test_a_file_that_is_no_table_is_lost_only_when_told_so(small_data, places, tmp_path, measured, spoiled):
    lines = [entry for entry in entries("3.1", **places) if entry.label == "bicubic"]
    (tmp_path / "table-3.1.csv").write_text(spoiled)
    with pytest.raises(InputError, match="no table of stored rows.*--anew"):
        fill("3.1", small_data, lines, out=tmp_path, limit=1)
    assert (tmp_path / "table-3.1.csv").read_text() == spoiled
    fill("3.1", small_data, lines, out=tmp_path, limit=1, anew=True)
    assert measured == [TRUTH, "bicubic"]


def test_lpips_is_measured_where_its_backbone_is(small_data, places, monkeypatch):
    class Network:
        backbone = "alex"

        def __call__(self, pred, target):
            return (pred - target).abs().mean(dim=(1, 2, 3))

    monkeypatch.setattr("sharpening.evaluation.measuring.load_lpips", lambda *names, **options: Network())
    lines = [entry for entry in entries("3.1", **places) if entry.label == "bicubic"]
    filled = fill("3.1", small_data, lines, limit=1)
    assert filled.facts["judges"]["lpips"] == "LPIPS (alex)"
    assert filled.rows.set_index("method").loc["bicubic", "lpips"] > 0
    assert "LPIPS ↓" in ours(filled, summarise(filled.rows)).heads


def test_nothing_to_test_on_is_told(tmp_path, places):
    with pytest.raises(InputError):
        fill("3.1", tmp_path, entries("3.1", **places))


def test_other_tables_are_made_of_their_protocols(small_data, places, tmp_path):
    clips, _ = make_table("3.2", small_data, out=tmp_path, limit=1, **places)
    assert "MLFDB, which cannot be had" in clips.title
    assert json.loads((tmp_path / "table-3.2.json").read_text())["protocol"] == "clips"
    finetuned, _ = make_table("3.3", small_data, limit=1, **places)
    assert [row[0] for row in finetuned.rows][1:5] == ["before", "U-Net 60→144", "PULSE", "PSFR-GAN"]
    assert not list(tmp_path.glob("table-3.3*"))
