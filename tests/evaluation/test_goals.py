"""`sharpening goals` on made data with tiny networks: rows, what is reused of them, and the files."""

import json
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.nn import functional as F
from typer.testing import CliRunner

from sharpening import cli
from sharpening.errors import InputError, RangeError
from sharpening.evaluation import goals as goals_module
from sharpening.evaluation import goals_rows
from sharpening.evaluation.cost import THESIS, Cost
from sharpening.evaluation.goals import goals
from sharpening.evaluation.goals_rows import COLUMNS, OURS, OURS_ONE, TWIN, GoalRows, contenders, measure
from sharpening.evaluation.methods import BASELINES, network_method
from sharpening.evaluation.protocols import samples
from sharpening.imaging.convert import to_tensor
from sharpening.models.face_id import FaceJudge
from sharpening.weights.names import NAMES
from tests.restore_helpers import write_weights

N = 1
SOME = ("stills", "noise-others", "clips", "n-1", "n-3")
PAID = Cost(1_800_000, 3.7, 0.1, (0.1,), 50.0)


@pytest.fixture(autouse=True, scope="module")
def less():
    """Some of the protocols; time and memory have a test of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(goals_rows, "PROTOCOLS", SOME)
        patch.setattr(goals_module, "costs", lambda subjects: {subject.label: PAID for subject in subjects})
        yield


@pytest.fixture(scope="module")
def nets(tmp_path_factory):
    root = tmp_path_factory.mktemp("weights")
    write_weights(root / "pretrained", n_frames=7, nudge=0.01)
    return {"pretrained": root / "pretrained", "twin": write_weights(root / "twin", "twin", n_frames=1)}


@pytest.fixture(scope="module")
def made(small_data, nets, less, tmp_path_factory):
    said, out = [], tmp_path_factory.mktemp("out")
    return goals(small_data, **nets, more={"fidelity": nets["twin"]}, out=out, limit=N, said=said.append), out, said


def test_rows_of_all_protocols_and_methods(made):
    rows = made[0].rows
    assert list(dict.fromkeys(rows["protocol"])) == list(SOME)
    counts = rows.groupby(["protocol", "group", "method"]).size()
    assert (counts == N).all()
    assert set(rows[rows["protocol"] == "stills"]["method"]) == {"bicubic", "back-projection", TWIN, OURS_ONE, OURS, "fidelity"}
    assert set(rows[rows["protocol"] == "n-3"]["method"]) == {"back-projection", OURS, "fidelity"}
    assert set(rows[rows["protocol"] == "clips"]["group"]) == {"sparse", "dense"}
    assert rows[["psnr", "ssim"]].notna().all().all()


def test_centred_identity_is_that_without_what_the_labels_share(small_data, astronaut_face, tmp_path, monkeypatch):
    """Against a slow computation, on data with three faces."""
    monkeypatch.setattr(goals_rows, "PROTOCOLS", ("stills",))
    shutil.copytree(small_data, tmp_path / "data")
    for i, face in ((1, astronaut_face[:, ::-1]), (2, np.roll(astronaut_face, 6, axis=0) // 2)):
        Image.fromarray(np.ascontiguousarray(face)).save(tmp_path / f"data/train_faces/made/{i}.webp", lossless=True)
    bicubic = [method for method in contenders_without_nets() if method.label == "bicubic"]
    rows = measure(bicubic, tmp_path / "data", GoalRows(None))[0].set_index("name")
    tests, judge = list(samples("stills", tmp_path / "data")), FaceJudge()
    label = torch.stack([to_tensor(sample.label) for sample in tests])
    pred = BASELINES["bicubic"](torch.stack([to_tensor(sample.frames).flatten(0, 1) for sample in tests]))
    marks = judge.locate(label)
    true, got = judge.descriptors(label, marks), judge.descriptors(pred, marks)
    mean = true[marks.isfinite().all(dim=(1, 2))].mean(dim=0)
    wanted = {s.name: float(c) for s, c in zip(tests, F.cosine_similarity(got - mean, true - mean), strict=True)}
    assert sum(np.isfinite(value) for value in wanted.values()) >= 3
    for name, value in wanted.items():
        assert rows.loc[name, "identity_centred"] == pytest.approx(value, abs=1e-4, nan_ok=True)
    known = rows.dropna(subset=["identity_centred"])
    assert (known["identity_centred"] < known["identity_cosine"] - 0.01).all()


def contenders_without_nets():
    return [goals_rows.Contender(label, run, ("made",), True) for label, run in BASELINES.items()]


def test_one_frame_alone_is_what_one_frame_of_many_gives(made):
    """`n-1` of a net of any number of frames is the net that is given the middle alone."""
    rows = made[0].rows.set_index(["protocol", "method", "name"])["psnr"]
    for name in {name for protocol, method, name in rows.index if protocol == "n-1"}:
        assert rows["n-1", OURS, name] == pytest.approx(rows["stills", OURS_ONE, name], abs=1e-3)


def test_files_and_what_they_say(made):
    _, out, said = made
    page, facts = (out / "goals.md").read_text(encoding="utf-8"), json.loads((out / "goals.json").read_text(encoding="utf-8"))
    assert len(pd.read_csv(out / "goals.csv")) == len(made[0].rows)
    for words in ("# The goals", "fidelity ± 95 %", "## All methods, and the identity", "## More frames", "## Time and memory"):
        assert words in page
    assert "a trial, no result" in page
    assert "nan" not in page
    assert {goal["goal"] for goal in facts["goals"]} >= {"size: parameters", "h264 over bicubic"}
    assert facts["weights"][TWIN]["name"] == "twin"
    assert list(facts["costs"]) == [OURS, "fidelity", THESIS.label]
    assert set(facts["protocols"]) == set(SOME)
    assert len(said) == len(SOME) + 1


def test_stored_rows_that_hold_are_not_measured_again(made, nets, small_data):
    first, out, _ = made
    again = goals(small_data, **nets, more={"fidelity": nets["twin"]}, out=out, limit=N)
    assert all(facts["measured"] == [] for facts in again.facts["protocols"].values())
    pd.testing.assert_frame_equal(again.rows, first.rows)


def test_only_what_changed_is_measured_again(made, nets, small_data, tmp_path):
    (tmp_path / "goals.csv").write_bytes((made[1] / "goals.csv").read_bytes())
    other = write_weights(tmp_path / "other", "other", n_frames=7, nudge=0.02)
    again = goals(small_data, **nets, weights=other, more={"fidelity": nets["twin"]}, out=tmp_path, limit=N)
    assert again.facts["protocols"]["stills"]["measured"] == [OURS_ONE, OURS]
    assert again.facts["protocols"]["n-3"]["measured"] == [OURS]


def test_goes_on_after_an_interruption(made, nets, small_data, tmp_path):
    methods, file = contenders(**nets), tmp_path / "goals.csv"

    def stop(line: str) -> None:
        if line.startswith("noise-others"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(methods, small_data, GoalRows(file), limit=N, said=stop)
    rows, facts = measure(methods, small_data, GoalRows(file), limit=N)
    assert [name for name, fact in facts.items() if not fact["measured"]] == ["stills", "noise-others"]
    whole = made[0].rows
    whole = whole[whole["method"] != "fidelity"].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, whole)


def test_rows_of_another_number_of_samples_are_not_mixed(made, nets, small_data):
    with pytest.raises(InputError, match=f"for {N} samples, not 2"):
        goals(small_data, **nets, out=made[1], limit=2)


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "", "method,key\nbicubic,1\n"])
def test_a_file_that_is_not_ours_is_left_alone(tmp_path, text):
    (tmp_path / "goals.csv").write_text(text)
    with pytest.raises(InputError, match="no table of stored rows"):
        GoalRows(tmp_path / "goals.csv")
    assert (tmp_path / "goals.csv").read_text() == text
    assert not GoalRows(tmp_path / "goals.csv", anew=True).parts


def test_a_net_of_any_number_of_frames_may_be_given_one(nets, tmp_path):
    assert network_method("default", nets["pretrained"], one_frame=True).one_frame
    settings = {"encoder": "resnet18", "width": 8, "n_frames": 7}
    fixed = write_weights(tmp_path, "fixed", "unet", settings=settings, n_frames=7, size_in=32, size_out=32)
    with pytest.raises(RangeError, match="as it was trained"):
        network_method(fixed, one_frame=True)


def test_command(nets, small_data, tmp_path, monkeypatch, capsys):
    arguments = ["goals", "--data", small_data, "--limit", 1, "-o", tmp_path, "--pretrained", nets["pretrained"]]
    monkeypatch.setattr(sys, "argv", ["sharpening", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    captured = capsys.readouterr()
    assert not stop.value.code
    assert "not measured" in captured.out  # without --twin
    assert "stills: 1 sequences" in captured.err
    assert set(COLUMNS) < set(pd.read_csv(tmp_path / "goals.csv").columns)


def test_command_gives_the_fidelity_weights_a_column(monkeypatch, tmp_path) -> None:
    seen = []
    monkeypatch.setattr(goals_module, "goals", lambda data, **options: seen.append(options) or SimpleNamespace(grids=list))
    options = ["goals", "--data", str(tmp_path)]
    assert CliRunner().invoke(cli.app, [*options, "--fidelity", "fidelity"]).exit_code == 0
    assert (seen[0]["weights"], seen[0]["more"]) == ("default", {"fidelity": "fidelity"})
    assert CliRunner().invoke(cli.app, options).exit_code == 0
    assert seen[1]["more"] == {}
    for same in ("default", NAMES["default"]):
        refused = CliRunner().invoke(cli.app, [*options, "--fidelity", same])
        assert refused.exit_code == 2
        assert "first column" in refused.output
