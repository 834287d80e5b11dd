"""Pose transfer between pictures of one face, turned and bent by known amounts."""

from __future__ import annotations

import math
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from sharpening.cli import app
from sharpening.errors import InputError, NoFaceFound
from sharpening.evaluation.pose_transfer import PoseTransferRow, pose_series, pose_transfer, pose_transfer_table
from sharpening.imaging.files import write_picture


class MeanJudge:
    """In place of a `FaceJudge`: persons are as alike as their mean colours."""

    def same_person(self, pred, target, *, landmarks=None):
        assert landmarks.shape == (len(pred), 5, 2)
        far = (pred - target).mean(dim=(2, 3)).norm(dim=1)
        return SimpleNamespace(cosine=1 - far, distance=far)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, astronaut_face):
    """The face three times: as it is, tilted and shifted, and with the middle pushed to a side as when a head turns; and a grey picture."""
    root = tmp_path_factory.mktemp("person")
    y, x = np.mgrid[:160, :160].astype(np.float32)
    push = 5 * np.exp(-((x - 80) ** 2 + (y - 90) ** 2) / (2 * 30**2))
    turned = cv2.remap(astronaut_face, x + push, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    spun = cv2.getRotationMatrix2D((80, 80), 7, 1.05)
    pictures = {
        "a": astronaut_face,
        "b": cv2.warpAffine(astronaut_face, spun, (160, 160), borderMode=cv2.BORDER_REFLECT_101),
        "c": turned,
        "d": np.full((160, 160, 3), 128, np.uint8),
    }
    for name, picture in pictures.items():
        write_picture(root / f"{name}.png", picture)
    return root


@pytest.fixture(scope="module")
def rows(folder):
    return pose_transfer(folder, judge=MeanJudge())


def test_every_pair_and_method(rows):
    pairs = {(row.base, row.source) for row in rows if row.method}
    assert pairs == {(f"{a}.png", f"{b}.png") for a in "abc" for b in "abc" if a != b}
    assert len(rows) == 6 * 4 + 1
    assert [row.base for row in rows if row.refused == "no face found"] == ["d.png"]


def test_the_dense_transfer_comes_nearest_to_the_base(rows):
    def mean(method, name):
        return np.mean([getattr(row, name) for row in rows if row.method == method])

    assert mean("dense", "psnr") > mean("align-blend", "psnr") > mean("no transfer", "psnr")
    assert mean("dense", "ssim") > max(mean(other, "ssim") for other in ("align-blend", "dlib", "no transfer"))
    assert mean("dense", "mismatch") < mean("align-blend", "mismatch") < mean("no transfer", "mismatch")


def test_figures_are_finite_and_of_the_pair(rows):
    for row in rows:
        if row.method:
            assert all(math.isfinite(v) for v in (row.identity, row.distance, row.psnr, row.ssim, row.seam, row.mismatch))
            assert 0 <= row.angle < 40
    angles = {(row.base, row.source): row.angle for row in rows if row.method == "dense"}
    assert angles["a.png", "c.png"] == pytest.approx(angles["c.png", "a.png"])
    assert angles["a.png", "c.png"] > angles["a.png", "b.png"]  # a tilt is no turn


def test_a_limit_on_the_angle(folder):
    rows = pose_transfer([folder / "a.png", folder / "b.png"], methods=["align-blend"], most_angle=0, judge=MeanJudge())
    assert rows == []


def row(angle, refused="", **figures):
    return PoseTransferRow("a", "b", "dense", angle, refused, **figures)


def test_the_table_counts_refusals_and_means_the_rest():
    rows = [
        row(2, psnr=20.0, identity=0.9, ssim=0.5, seam=1.0, mismatch=0.1),
        row(4, psnr=30.0, identity=0.8, ssim=0.7, seam=1.2, mismatch=0.3),
        row(3, "mismatch of 0.90", psnr=0.0),
        row(50, "the heads are turned 50° apart", psnr=1.0),
        PoseTransferRow("x", "", "", math.nan, "no face found"),
    ]
    grid = pose_transfer_table(rows)
    assert grid.rows[0] == ("0–5°", "dense", "3", "1", "0.8500", "25.00", "0.600", "1.10", "0.200")
    assert grid.rows[1] == ("45–180°", "dense", "1", "1", "–", "–", "–", "–", "–")
    assert "Pictures without a face: 1." in grid.notes


def test_too_few_pictures(folder, tmp_path):
    with pytest.raises(InputError, match="a pair is needed"):
        pose_transfer([folder / "a.png"])
    with pytest.raises(NoFaceFound, match="in 1 of 2"):
        pose_transfer([folder / "a.png", folder / "d.png"], judge=MeanJudge())


def test_a_source_turned_far_is_refused(folder, monkeypatch):
    from sharpening.evaluation import pose_transfer as module
    from sharpening.models.face_align.pose import Pose

    poses = iter([Pose(0.0, 0.0, 0.0, 0.03), Pose(60.0, 0.0, 0.0, 0.03)])
    monkeypatch.setattr(module, "head_pose", lambda *_: next(poses))
    rows = pose_transfer([folder / "a.png", folder / "b.png"], methods=["align-blend"], judge=MeanJudge())
    assert [row.refused for row in rows] == ["the heads are turned 60° apart"] * 2
    assert torch.tensor([row.angle for row in rows]).allclose(torch.tensor(60.0))


def test_the_headpose_set_is_taken_series_by_series_with_its_own_angles(folder, tmp_path):
    shots = {"person01100+0+0": "a", "person01101+0+15": "c", "person01200+0+0": "b", "person02100+0+0": "a"}
    for name, picture in shots.items():
        (tmp_path / f"{name}.png").write_bytes((folder / f"{picture}.png").read_bytes())
        (tmp_path / f"{name}.txt").write_text(f"{name}.png\n\nFace\n80\n80\n60\n70\n")
    series = pose_series(tmp_path)
    assert [[path.stem[:9] for path in group] for group in series] == [["person011"] * 2]  # the others have no pair
    rows = pose_transfer(series[0], methods=("align-blend",), judge=MeanJudge())
    assert [row.angle for row in rows] == pytest.approx([15.0, 15.0])
    assert pose_series(folder) == [sorted(folder.glob("*.png"))]


@pytest.mark.parametrize(("option", "known"), [("--transfers", "align-blend"), ("--crossover", "soft")])
def test_the_command_tells_the_known_names(folder, option, known):
    told = CliRunner().invoke(app, ["poses", str(folder), option, "foo"], env={"COLUMNS": "200"})
    assert told.exit_code == 2
    assert "'foo'" in told.output
    assert known in told.output
    assert "Traceback" not in told.output


def test_unknown_names_are_told_before_any_picture_is_read(folder):
    with pytest.raises(KeyError, match="align-blend"):
        pose_transfer(folder, methods=["foo"], find=pytest.fail)


def test_the_command_puts_series_together(folder, tmp_path, monkeypatch):
    """Persons are never mixed: each pair of the table is one of the same person and series."""
    from sharpening.evaluation import pose_transfer as module

    for name, picture in {"person01100+0+0": "a", "person01101+0+15": "c", "person02100+0+0": "a", "person02101+0+0": "b"}.items():
        (tmp_path / f"{name}.png").write_bytes((folder / f"{picture}.png").read_bytes())
    seen = []
    monkeypatch.setattr(module, "FaceJudge", MeanJudge)
    monkeypatch.setattr(module, "pose_transfer_table", lambda rows: seen.extend(rows) or pose_transfer_table(rows))
    done = CliRunner().invoke(app, ["poses", str(tmp_path), "--transfers", "no transfer"])
    assert done.exit_code == 0, done.output
    assert [(row.base[:9], row.source[:9]) for row in seen] == [("person011",) * 2] * 2 + [("person021",) * 2] * 2
    # Two pictures of one direction are told apart from pictures of no known direction.
    assert [round(row.angle) for row in seen] == [15, 15, 0, 0]
