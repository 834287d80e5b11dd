"""The single-frame net behind the multi-frame one: sizes, and whose face comes out."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, WeightsMismatch
from sharpening.imaging.files import sha256_of
from sharpening.models.face_id.judge import SAME_PERSON_DISTANCE
from sharpening.restore import Restorer
from sharpening.restore.finetune import Finetuner
from sharpening.restore.network import load_network
from tests.restore_helpers import crops, scene, write_weights

TINY_60_144 = {"n_frames": 1, "encoder": "resnet18", "width": 8, "enlarge": 2.4}


@pytest.fixture(scope="module")
def finetuner_weights(tmp_path_factory):
    facts = {"settings": TINY_60_144, "n_frames": 1, "size_in": 60, "size_out": 144, "normalisation": "imagenet"}
    return write_weights(tmp_path_factory.mktemp("finetuner"), "finetune-144", "unet", **facts)


def judge_of(distance: float) -> SimpleNamespace:
    """A judge who measures the same distance between any two pictures."""
    return SimpleNamespace(same_person=lambda a, b, landmarks=None: SimpleNamespace(distance=torch.tensor([distance])))


def picture(side: int = 128) -> np.ndarray:
    return np.random.default_rng(0).random((side, side, 3)).astype(np.float32)


@pytest.mark.parametrize(("side", "wanted"), [(128, 144), (60, 144), (144, 144), (240, 240), (256, 256)])
def test_result_has_the_size_of_the_net_or_of_a_larger_picture(finetuner_weights, side: int, wanted: int) -> None:
    made = Finetuner.from_weights(finetuner_weights, judge=False)(picture(side))
    assert made.picture.shape == (wanted, wanted, 3)
    assert made.picture.dtype == np.float32
    assert made.kept
    assert made.change is None
    assert 0 <= made.picture.min() <= made.picture.max() <= 1


def test_a_changed_person_is_thrown_away_and_told(finetuner_weights) -> None:
    trained = load_network(finetuner_weights)
    same = Finetuner(trained, judge=judge_of(0.1))(picture())
    assert same.kept
    assert not same.warnings()
    assert same.change == pytest.approx(0.1)
    other = Finetuner(trained, judge=judge_of(0.5))(picture())
    assert not other.kept
    np.testing.assert_array_equal(other.picture, picture())
    assert "thrown away" in other.warnings()[0]
    assert other.facts()["identity_change"] == 0.5
    strict = Finetuner(trained, judge=judge_of(0.2), most_change=0.1)(picture())
    assert strict.facts()["undone_from"] == 0.1
    assert "at most 0.1 " in strict.warnings()[0]
    unseen = Finetuner(trained, judge=judge_of(float("nan")))(picture())
    assert unseen.kept
    assert unseen.change is None


def test_restorer_finetunes_and_reports(tmp_path, weights_folder, finetuner_weights) -> None:
    plain = Restorer.from_weights(pretrained=weights_folder, device="cpu", judge=False)
    then = Restorer.from_weights(pretrained=weights_folder, device="cpu", judge=False, then=finetuner_weights)
    frames = list(crops())
    before, after = plain(frames), then(frames)
    assert before.report["finetune"] is None
    assert after.report["finetune"]["weights"] == "finetune-144"
    assert after.report["seconds"]["finetune"] > 0
    np.testing.assert_array_equal(after.picture, then.then(before.picture).picture)
    assert after.save(tmp_path / "face.png").is_file()


def test_report_knows_the_finetuners_file(weights_folder, finetuner_weights) -> None:
    restorer = Restorer.from_weights(pretrained=weights_folder, device="cpu", judge=False, then=finetuner_weights)
    facts = restorer(list(crops())).report["finetune"]
    assert facts["sha256"] == facts["card"]["sha256"] == sha256_of(finetuner_weights)
    assert facts["card"]["path"] == str(finetuner_weights)


@pytest.mark.parametrize(("distance", "read"), [(0.7, True), (0.1, False)])
def test_distance_is_read_by_the_table_when_the_finetuner_was_undone(
    restore, finetuner_weights, distance: float, read: bool
) -> None:
    then = Finetuner(load_network(finetuner_weights), judge=judge_of(distance))
    restored = restore(then=then)(list(scene("aaaaaaa")))
    assert restored.report["finetune"]["kept"] is not read
    assert restored.report["identity_agreement"]["measured"] or not read
    assert (restored.report["identity_agreement"]["same_person_below"] != SAME_PERSON_DISTANCE) is read


def test_one_judge_serves_both(weights_folder, finetuner_weights) -> None:
    restorer = Restorer.from_weights(pretrained=weights_folder, device="cpu", then=finetuner_weights)
    assert restorer.judge is not None
    assert restorer.then.judge is restorer.judge
    without = Restorer.from_weights(pretrained=weights_folder, device="cpu", then=finetuner_weights, judge=False)
    assert without.then.judge is without.judge is None


def test_restorer_warns_when_the_finetuner_changes_the_person(weights_folder, finetuner_weights) -> None:
    restorer = Restorer.from_weights(pretrained=weights_folder, device="cpu", judge=False)
    restorer.then = Finetuner(load_network(finetuner_weights), judge=judge_of(0.7))
    assert any("thrown away" in warning for warning in restorer(list(crops())).warnings)


def test_a_net_for_many_frames_and_impossible_limits_are_refused(weights_folder, finetuner_weights) -> None:
    with pytest.raises(WeightsMismatch, match="one"):
        Finetuner.from_weights("default", pretrained=weights_folder)
    with pytest.raises(RangeError, match="most_change"):
        Finetuner(load_network(finetuner_weights), most_change=-1)
