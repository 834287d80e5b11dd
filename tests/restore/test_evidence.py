"""What a result rests on: shares, error, frame use, support, regions, verdicts, words; in report, sheet and files."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from typer.testing import CliRunner

from sharpening.cli import app
from sharpening.errors import WeightsMismatch
from sharpening.frames.degrade import apply, draw, settings
from sharpening.frames.face_places import TYPICAL_FACE
from sharpening.imaging.files import write_picture
from sharpening.restore import Restorer
from sharpening.restore.error_table import ErrorTable, error_table
from sharpening.restore.evidence import NO_SPREAD, NO_TABLE, PAINTED_OVER, _median, frame_use, frame_use_map
from sharpening.restore.evidence_sheet import frame_cells, heat, result_cells
from sharpening.restore.evidence_words import BORNE_OUT, HIGH_ERROR, LOW_ERROR, Region, in_one_line, sentences
from sharpening.restore.network import TrainedNetwork
from sharpening.restore.regions import SURROUNDINGS, regions_of
from sharpening.restore.support import support_of
from sharpening.weights.card import WeightCard
from tests.restore_helpers import crops, write_weights

TABLE = {"error_68": [[0.01, 0.05, 0.2], [3.0, 10.0, 40.0]]}


class Parts(NamedTuple):
    pred: torch.Tensor
    weights: torch.Tensor
    spread: torch.Tensor | None = None


class Stub(nn.Module):
    """The middle enlarged, or if it `uses` the others the mean of all; with `spread` it says the same error everywhere."""

    def __init__(self, *, uses: bool, spread: float | None) -> None:
        super().__init__()
        self.uses, self.spread, self.anchor = uses, spread, nn.Parameter(torch.zeros(1))

    def parts(self, frames: torch.Tensor) -> Parts:
        stack = frames.unflatten(1, (-1, 3))
        bs, n, _, h, w = stack.shape
        source = stack.mean(dim=1) if self.uses else stack[:, n // 2]
        pred = F.interpolate(source, scale_factor=4, mode="bicubic", align_corners=False) + 0.02
        weights = torch.full((bs, n + 1, 2 * h, 2 * w), 0.9 / n)
        weights[:, -1] = 0.1
        spread = None if self.spread is None else torch.full((bs, 1, 4 * h, 4 * w), self.spread)
        return Parts(pred, weights, spread)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.parts(frames).pred


def stub(*, uses: bool = True, spread: float | None = 0.02, metrics: dict | None = None, **more: object) -> Restorer:
    card = WeightCard(
        name="stub", model="x", source="test", licence="MIT", free_use=True, metrics=TABLE if metrics is None else metrics
    )
    return Restorer(TrainedNetwork(Stub(uses=uses, spread=spread).eval(), card), **more)


@pytest.fixture(scope="module")
def restored():
    return stub()(crops(), name="made")


def test_maps_and_error_have_the_size_of_the_picture(restored) -> None:
    evidence = restored.evidence
    assert evidence.maps.shape == (8, 128, 128)
    assert evidence.maps.dtype == evidence.error.dtype == np.float32
    np.testing.assert_allclose(evidence.maps.sum(axis=0), 1, atol=1e-5)
    assert evidence.shares == pytest.approx([0.9 / 7] * 7)
    assert evidence.none == pytest.approx(0.1, abs=1e-5)
    np.testing.assert_allclose(evidence.error, 4.75, atol=1e-4)  # a quarter of the way from 3 to 10
    assert evidence.support.maps.shape == evidence.support.aligned.shape == (7, 128, 128)
    assert evidence.middle == 3


def test_network_that_ignores_the_others_has_no_frame_use() -> None:
    evidence = stub(uses=False)(crops()).evidence
    assert evidence.frame_use == 0
    assert evidence.use_map.max() == 0
    assert all(region.frame_use == 0 for region in evidence.regions)


def test_network_that_averages_uses_the_others(restored) -> None:
    evidence = restored.evidence
    assert 0.5 < evidence.frame_use < 1
    assert 0 <= evidence.use_map.min() < evidence.use_map.max() <= 1


def test_single_frame_uses_nothing_else() -> None:
    evidence = stub()(crops(1)).evidence
    assert evidence.frame_use == 0
    assert "one frame alone" in evidence.words()[0]
    assert {region.verdict for region in evidence.regions} <= {"mixed", "habit"}


def test_frame_use_is_the_share_of_the_energy() -> None:
    bicubic = torch.zeros(3, 20, 20)
    alone, pred = bicubic + 0.3, bicubic + 0.3
    pred[:, :, 10:] += 0.4
    assert frame_use(pred, alone, bicubic) == pytest.approx(0.08 / (0.08 + 0.09), rel=1e-3)
    where = np.zeros((20, 20), bool)
    where[:, 10:] = True
    assert frame_use(pred, alone, bicubic, where) == pytest.approx(0.16 / 0.25, rel=1e-3)
    found = frame_use_map(pred, alone, bicubic)
    assert found[:, :5].max() == 0
    np.testing.assert_allclose(found[:, 15:], 0.64, rtol=1e-3)
    assert frame_use(bicubic, bicubic, bicubic) == 0


@pytest.mark.parametrize(("spread", "metrics", "why"), [(None, TABLE, NO_SPREAD), (0.02, {}, NO_TABLE)])
def test_error_that_is_not_known_is_said_so(spread, metrics, why) -> None:
    restored = stub(spread=spread, metrics=metrics)(crops())
    assert restored.evidence.error is None
    assert any(why in sentence for sentence in restored.evidence.words())
    assert all(region.verdict != "evidence" for region in restored.evidence.regions)
    assert restored.report["evidence"]["error_68"] is None
    assert restored.report["evidence"]["error_unknown_because"] == why


def test_report_is_valid_json_with_numbers_and_words(restored) -> None:
    facts = json.loads(json.dumps(restored.report, allow_nan=False))["evidence"]
    assert facts["error_68"] == pytest.approx(4.75, abs=0.01)
    assert len(facts["frames"]) == 7
    assert [row["name"] for row in facts["regions"]] == [region.name for region in restored.evidence.regions]
    assert sum(row["size"] for row in facts["regions"]) == pytest.approx(1, abs=1e-3)
    for row in facts["regions"]:
        assert row["share_middle"] + row["share_others"] + row["share_none"] == pytest.approx(1, abs=1e-3)
    assert facts["words"] == restored.evidence.words()
    assert "evidence" in restored.report["seconds"]


def test_evidence_can_be_left_out() -> None:
    restored = stub(evidence=False)(crops())
    assert restored.evidence is None
    assert restored.report["evidence"] is None
    assert "evidence" not in restored.report["seconds"]


def test_networks_that_cannot_tell_have_no_evidence() -> None:
    card = WeightCard(name="plain", model="x", source="test", licence="MIT", free_use=True, n_frames=7, size_out=32)
    restored = Restorer(TrainedNetwork(nn.Conv2d(21, 3, 1).requires_grad_(False), card))(crops())
    assert restored.evidence is None
    assert restored.report["evidence"] is None
    assert restored.sheet(size=64).shape[0] < stub()(crops()).sheet(size=64).shape[0]


def test_many_give_the_evidence_of_single_calls() -> None:
    restore = stub()
    together = restore.many([crops(seed=1), crops(3, seed=2), crops(seed=3)])
    alone = restore(crops(seed=3))
    np.testing.assert_allclose(together[2].evidence.use_map, alone.evidence.use_map, atol=1e-5)
    assert together[2].evidence.words() == alone.evidence.words()
    assert len(together[1].evidence.shares) == 3


def test_fusion_net_with_its_own_spread(tmp_path) -> None:
    write_weights(tmp_path, nudge=0.02, settings={"preset": "tiny", "extras": ["spread"]}, metrics=TABLE)
    restored = Restorer.from_weights(pretrained=tmp_path, device="cpu", judge=False)(crops())
    evidence = restored.evidence
    assert evidence.error.shape == (128, 128)
    assert evidence.error.min() >= 3
    assert 0 < evidence.frame_use < 1
    assert sum(evidence.shares) + evidence.none == pytest.approx(1, abs=1e-4)


def test_what_a_finetuner_painted_has_no_known_error() -> None:
    def then(kept: bool):
        class Then:
            trained = TrainedNetwork(nn.Identity(), WeightCard(name="x", model="x", source="test", licence="MIT", free_use=True))

            def __call__(self, picture: np.ndarray) -> SimpleNamespace:
                large = np.ascontiguousarray(picture[:112, :112]) if kept else picture
                return SimpleNamespace(picture=large, kept=kept, facts=dict, warnings=list)

        return Then()

    painted = stub(then=then(True))(crops()).evidence
    assert painted.error is None
    assert painted.no_error == PAINTED_OVER
    assert painted.maps.shape == (8, 112, 112)
    assert painted.use_map.shape == (112, 112)
    assert stub(then=then(False))(crops()).evidence.error.shape == (128, 128)


def test_sheet_gains_a_row_of_maps(restored) -> None:
    plain = stub(evidence=False)(crops(), name="made")
    with_maps, without = restored.sheet(size=64), plain.sheet(size=64)
    assert with_maps.shape[0] > without.shape[0] + 64
    assert with_maps.shape[1] >= 7 * 64
    cells = frame_cells(restored.evidence)
    assert len(cells) == 7
    assert cells[0].picture.shape == (128, 128, 3)
    captions = [cell.caption for cell in result_cells(restored.evidence)]
    assert [caption.split("\n")[0] for caption in captions] == ["error, 68 %", "by the others", "by no frame", "unlike frames"]
    unknown = stub(spread=None)(crops())
    assert len(result_cells(unknown.evidence)) == 3


def test_sheet_of_many_frames_keeps_maps_under_their_frames() -> None:
    sheet = stub()(crops(9), n_frames=9).sheet(size=64)
    assert sheet.shape[0] > 5 * 64  # two rows of frames, a row of maps under each, the result


def test_heat_shows_more_as_brighter() -> None:
    colours = heat(np.array([[0.0, 0.5, 1.0, 7.0, np.nan]])).astype(int)[0]
    assert colours[0].sum() < colours[1].sum() < colours[2].sum()
    assert (colours[2] == colours[3]).all()
    assert (colours[4] == 96).all()


def test_maps_are_written_only_when_wanted(restored, tmp_path) -> None:
    path = restored.save(tmp_path / "face.png", maps=True)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["face.evidence.npz", "face.json", "face.png", "face.sheet.png"]
    with np.load(path.with_suffix(".evidence.npz")) as found:
        np.testing.assert_array_equal(found["maps"], restored.evidence.maps)
        np.testing.assert_array_equal(found["error"], restored.evidence.error)
        assert found["frame_difference"].shape == (7, 128, 128)
    stub(evidence=False)(crops()).save(tmp_path / "other.png", maps=True)
    assert not (tmp_path / "other.evidence.npz").exists()
    # Numbers of an earlier picture do not stay beside a new one.
    restored.save(path)
    assert not path.with_suffix(".evidence.npz").exists()


# -- support


def _large(rng: np.random.Generator, side: int = 128) -> torch.Tensor:
    noise = torch.from_numpy(rng.random((1, 3, 10, 10), np.float32))
    return F.interpolate(noise, (side, side), mode="bicubic", align_corners=False).clamp(0, 1)[0]


def test_frames_of_the_same_picture_bear_it_out(rng) -> None:
    large = _large(rng)
    theta = torch.tensor([[[1.0, 0, 0], [0, 1, 0]], [[1.0, 0.03, 0.08], [-0.03, 1, -0.05]]])
    moved = F.grid_sample(
        large.expand(2, -1, -1, -1),
        F.affine_grid(theta, [2, 3, 128, 128], align_corners=False),
        align_corners=False,
        padding_mode="border",
    )
    frames = F.avg_pool2d(moved, 4)
    frames[1] += 0.05  # another light is no difference
    stranger = F.avg_pool2d(_large(rng)[None], 4)
    found = support_of(large.movedim(0, -1).numpy(), torch.cat([frames[1:], frames[:1], stranger]), middle=1)
    assert found.difference[1] == pytest.approx(0, abs=1e-3)
    assert found.difference[0] < 3
    assert found.difference[2] > 20
    assert found.correlation[0] > 0.99 > found.correlation[2]
    assert found.correlation[1] == pytest.approx(1, abs=1e-4)
    assert np.isnan(found.maps[0]).any()  # what moved out of the frame
    assert np.nanmean(found.maps[2]) > 20
    grey = (large * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=0).numpy()
    assert np.abs(found.aligned[1] - grey).mean() < 0.02


def test_frame_that_sees_nothing_of_the_result_has_no_difference(monkeypatch) -> None:
    away = torch.tensor([[1.0, 0.0, 5.0], [0.0, 1.0, 0.0]])
    monkeypatch.setattr("sharpening.restore.support.estimate_affine", lambda a, b: away.expand(len(a), 2, 3).clone())
    found = support_of(np.random.default_rng(0).random((64, 64, 3), np.float32), torch.rand(2, 3, 16, 16), middle=1)
    assert found.difference[0] is None
    assert found.difference[1] > 0
    assert np.isnan(found.maps[0]).all()


def test_flat_frames_have_no_correlation() -> None:
    found = support_of(np.full((64, 64, 3), 0.5, np.float32), torch.full((2, 3, 16, 16), 0.3), middle=1)
    assert found.correlation == pytest.approx((0.0, 0.0), abs=1e-5)
    assert found.difference == pytest.approx((0.0, 0.0), abs=1e-3)


def test_median_leaves_out_frames_that_do_not_reach() -> None:
    nan = np.nan
    maps = np.array([[[1.0, 1.0, nan, nan]], [[5.0, nan, nan, 2.0]], [[2.0, 4.0, nan, nan]]], np.float32)
    np.testing.assert_allclose(_median(maps), [[2.0, 2.5, nan, 2.0]])


# -- regions, verdicts, words


@pytest.mark.parametrize("face", [None, TYPICAL_FACE])
def test_every_pixel_is_in_one_region(face) -> None:
    masks = regions_of(face, (128, 128))
    assert (np.sum(list(masks.values()), axis=0) == 1).all()
    assert all(mask.any() for mask in masks.values())


def test_regions_lie_where_their_names_say() -> None:
    centres = {name: np.argwhere(mask).mean(axis=0) for name, mask in regions_of(TYPICAL_FACE, (128, 128)).items()}
    assert centres["left eye"][1] > 64 > centres["right eye"][1]  # the person's own sides
    assert centres["left eye"][0] < centres["nose"][0] < centres["mouth"][0]
    ninths = {name: np.argwhere(mask).mean(axis=0) for name, mask in regions_of(None, (99, 99)).items()}
    assert len(ninths) == 9
    assert ninths["upper left"].max() < 33
    assert ninths["centre"] == pytest.approx([49, 49])


def test_parts_are_named_where_a_face_is_found(restorer, astronaut_face) -> None:
    restored = restorer([astronaut_face[16:144, 16:144]] * 3)
    names = [region.name for region in restored.evidence.regions]
    assert names == ["left eye", "right eye", "mouth", "nose", "rest of the face", "hair and background"]


def region(**other: object) -> Region:
    facts = {
        "name": "mouth",
        "size": 0.1,
        "error": 5.4,
        "share_middle": 0.2,
        "share_others": 0.75,
        "share_none": 0.05,
        "frame_use": 0.5,
        "differences": (5.0, 6.0, 7.0, 4.0, 20.0, None, 8.0),
    } | other
    return Region(**{"middle": len(facts["differences"]) // 2, **facts})


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        ({}, "evidence"),
        ({"error": LOW_ERROR}, "evidence"),
        ({"error": LOW_ERROR + 0.1}, "mixed"),
        ({"error": HIGH_ERROR + 0.1}, "habit"),
        ({"error": None}, "mixed"),
        ({"share_none": 0.6}, "habit"),
        ({"differences": (BORNE_OUT,) * 7}, "habit"),
        ({"differences": (5.0, 5.0, 5.0, 20.0, 20.0, 20.0, 20.0)}, "mixed"),
        ({"differences": (5.0,)}, "mixed"),
        ({"differences": (5.0, 6.0)}, "evidence"),
        # The middle is no witness for itself: of four frames two bear it out, but of the three others one.
        ({"differences": (20.0, 20.0, 5.0, 5.0)}, "mixed"),
        ({"differences": (20.0, 5.0, 5.0, 5.0)}, "evidence"),
        ({"differences": (20.0, 5.0)}, "mixed"),
        ({"differences": (5.0, 20.0)}, "mixed"),
        # One frame's word stands against another's; two others that contradict it are enough.
        ({"differences": (20.0, 5.0, 20.0)}, "habit"),
        ({"differences": (20.0, 5.0, None, 30.0)}, "mixed"),
        ({"differences": (20.0, 30.0, 5.0, None)}, "habit"),
    ],
)
def test_verdicts(other, verdict) -> None:
    assert region(**other).verdict == verdict


def test_words_of_a_region() -> None:
    sentence = (
        "The mouth rests on evidence: 4 of the 6 other frames bear it out, "
        "and in two of three pixels the error is below 6 grey levels."
    )
    assert region().words() == sentence
    habit = region(name="left eye", error=22.2, share_none=0.7).words()
    assert habit.startswith("The left eye is mostly the network's habit: ")
    assert "above 22 grey levels" in habit
    assert "70% of it come from none of the frames" in habit
    assert habit.endswith("Do not rely on it.")
    assert (
        region(name=SURROUNDINGS, error=None).words()
        == "Hair and background are called neither evidence nor habit: 4 of the 6 other frames bear them out."
    )
    alone = region(differences=(30.0, 30.0, 30.0, 5.0, 30.0, 30.0, 30.0)).words()
    assert "no frame besides the one that was restored bears it out" in alone
    assert region(error=7.0, differences=(30.0, 5.0)).words().startswith("The mouth is partly evidence, partly habit")
    assert "only one frame" in region(differences=(5.0,)).words()
    assert "the other frame bears it out" in region(differences=(5.0, 6.0)).words()
    assert "the other frame does not bear it out" in region(differences=(20.0, 6.0)).words()
    assert region().facts()["n_showing"] == 5
    assert region().facts()["n_witnesses"] == 4


def test_words_of_the_whole() -> None:
    words = sentences([region()], 0.385, 7, "")
    assert words[0] == "38% of what was added to the enlarged middle frame depends on the other frames."
    assert words[1:] == [region().words()]
    line = in_one_line([region(), region(name="nose", error=99.0), region(name="left eye")])
    assert line == "evidence: mouth, left eye; habit: nose"


def test_words_count_frames_that_show_something_else() -> None:
    assert any("2 of the 7 frames agree too little" in each for each in sentences([region()], 0.3, 7, "", n_unlike=2))
    assert not any("too little" in each for each in sentences([region()], 0.3, 7, ""))


def test_shipped_weights_leave_out_a_frame_of_noise_and_say_so(astronaut_face, rng) -> None:
    frames = apply(astronaut_face, draw(rng, settings("stills"))).frames
    frames[1] = rng.integers(0, 256, frames[1].shape, np.uint8)
    restored = Restorer.from_weights(device="cpu", judge=False)(list(frames), cropped=True, middle=3)
    assert [share == 0 for share in restored.evidence.shares] == [False, True, False, False, False, False, False]
    assert any("1 of the 7 frames agrees too little" in each for each in restored.evidence.words())


def test_words_say_how_far_the_error_can_be_relied_on() -> None:
    table = ErrorTable((0.01, 0.1), (3.0, 30.0), {"stills": 0.726, "h264": 0.576, "clips": 0.65})
    assert "58% of them (h264) to 73% (stills)" in table.words()
    assert sentences([region()], 0.3, 7, "", table.words())[-1] == table.words()
    assert ErrorTable((0.01, 0.1), (3.0, 30.0)).words() == ""


# -- the table of errors


def test_bound_is_linear_between_knots_and_grows_beyond() -> None:
    table = ErrorTable((0.01, 0.05, 0.2), (3.0, 10.0, 40.0))
    np.testing.assert_allclose(table.bound(np.array([0.0, 0.01, 0.03, 0.2, 0.4])), [3, 3, 6.5, 40, 80], rtol=1e-6)


@pytest.mark.parametrize(
    "pairs",
    [[], [[0.1], [2.0]], [[0.1, 0.1], [1, 2]], [[0.1, 0.2], [3, 2]], [[0.1, 0.2]], [[0.1, "x"], [1, 2]], 7, [[0.1, 0.2], [1]]],
)
def test_useless_tables_are_refused(pairs) -> None:
    with pytest.raises(WeightsMismatch, match="error_68"):
        stub(metrics={"error_68": pairs})


def test_card_without_table_has_none() -> None:
    card = WeightCard(name="a", model="b", source="c", licence="d", free_use=True)
    assert error_table(card) is None


# -- the command


def test_command_names_the_regions_and_writes_maps(tmp_path) -> None:
    weights = write_weights(tmp_path, settings={"preset": "tiny", "extras": ["spread"]}, metrics=TABLE)
    for i, frame in enumerate(crops(3)):
        write_picture(tmp_path / f"in/{i}.png", frame)
    options = ["restore", str(tmp_path / "in"), "--cropped", "--weights", str(weights), "--device", "cpu", "-o"]
    done = CliRunner().invoke(app, [*options, str(tmp_path / "out/a.png"), "--maps"])
    assert done.exit_code == 0, done.output
    regions = json.loads((tmp_path / "out/a.json").read_text())["evidence"]["regions"]
    assert len(regions) == 9  # nobody's face is in there
    assert all(row["name"] in done.output and f"{row['verdict']}: " in done.output for row in regions)
    assert (tmp_path / "out/a.evidence.npz").is_file()
    done = CliRunner().invoke(app, [*options, str(tmp_path / "out/b.png"), "--no-evidence"])
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "out/b.json").read_text())["evidence"] is None
    assert not (tmp_path / "out/b.evidence.npz").exists()
