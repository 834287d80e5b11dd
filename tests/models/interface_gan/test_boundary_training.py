"""Boundaries from scores: a known plane comes back, and the scores themselves follow known faces."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.interface_gan import edit, pose_score, smile_score, train_boundary
from sharpening.models.interface_gan.boundary import load_boundary
from sharpening.weights.store import save_state
from tests.models.face_align.test_pose import SIDE, projected
from tests.models.face_seg.made_points import made_landmarks


def made_scores(n: int = 2000, n_latent: int = 12, noise: float = 0.1) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Codes, scores that follow one direction, and that direction."""
    rng = np.random.default_rng(0)
    normal = rng.standard_normal(n_latent)
    normal /= np.linalg.norm(normal)
    codes = rng.standard_normal((n, n_latent))
    return torch.from_numpy(codes.astype(np.float32)), codes @ normal + noise * rng.standard_normal(n), normal


def test_a_known_direction_comes_back() -> None:
    codes, scores, normal = made_scores()
    made = train_boundary(codes, scores, share=0.1, space="w", name="mine_w_boundary")
    assert float(made.boundary.normal.numpy() @ normal) > 0.95
    assert float(made.boundary.normal.norm()) == pytest.approx(1)
    assert (made.boundary.space, made.boundary.name) == ("w", "mine_w_boundary")
    assert made.accuracy_train == 1
    assert made.accuracy_valid > 0.97
    assert 0.75 < made.accuracy_rest < made.accuracy_valid
    assert (made.n_train, made.n_dropped) == (280, 0)


def test_moving_along_it_raises_the_score() -> None:
    codes, scores, normal = made_scores()
    made = train_boundary(codes, scores, share=0.1).boundary
    after = edit(codes[:50], made, [-3.0, 3.0]).double().numpy() @ normal
    assert (after[:, 1] - after[:, 0] > 5).all()


def test_a_number_for_a_share_and_codes_without_a_score() -> None:
    codes, scores, normal = made_scores()
    scores = np.where(np.arange(len(scores)) % 4 == 0, np.nan, scores)
    made = train_boundary(codes, scores, share=100)
    assert (made.n_train, made.n_dropped) == (140, 500)
    assert float(made.boundary.normal.numpy() @ normal) > 0.9


def test_scores_of_chance_are_told_by_their_accuracy() -> None:
    codes, scores, _ = made_scores()
    made = train_boundary(codes, np.random.default_rng(1).permutation(scores), share=0.1)
    assert made.accuracy_valid < 0.65


def test_the_same_dice_give_the_same_boundary() -> None:
    codes, scores, _ = made_scores(400)
    a, b = (train_boundary(codes, scores, share=0.1).boundary.normal for _ in range(2))
    other = train_boundary(codes, scores, share=0.1, rng=np.random.default_rng(5)).boundary.normal
    assert torch.equal(a, b)
    assert not torch.equal(a, other)


def test_a_trained_boundary_is_stored_and_found_again(tmp_path) -> None:
    codes, scores, _ = made_scores(400)
    made = train_boundary(codes, scores, share=0.1).boundary
    save_state(tmp_path / "mine_w_boundary.safetensors", {"boundary": made.normal[None].float()})
    assert torch.allclose(load_boundary("mine_w_boundary", pretrained=tmp_path).normal, made.normal, atol=1e-7)


def test_what_cannot_be_trained_on_is_refused() -> None:
    codes, scores, _ = made_scores(100)
    with pytest.raises(RangeError, match="codes at each end: got 2"):
        train_boundary(codes, scores)
    with pytest.raises(RangeError, match="100 codes had no score"):
        train_boundary(codes, np.full(100, np.nan), share=10)
    with pytest.raises(RangeError, match="alike at both ends"):
        train_boundary(codes, np.ones(100), share=0.1)
    with pytest.raises(RangeError, match="between 0 and 1"):
        train_boundary(codes, scores, train=1.0)
    with pytest.raises(ShapeError, match="codes, scores"):
        train_boundary(codes, scores[:50])


def test_the_pose_score_is_the_yaw() -> None:
    for yaw in (-40, -10, 0, 25):
        assert pose_score(projected(yaw, 10, 5), (SIDE, SIDE)) == pytest.approx(yaw, abs=0.5)
    nonsense = Landmarks(np.random.default_rng(0).uniform(0, SIDE, (68, 2)))
    assert np.isnan(pose_score(nonsense, (SIDE, SIDE)))


def smiling(lift: float, width: float = 0.0) -> Landmarks:
    """The drawn face with its mouth's corners moved up and apart [eye distances]."""
    points = made_landmarks(128).points.copy()
    unit = made_landmarks(128).eye_distance
    points[[48, 54, 60, 64], 1] -= lift * unit
    points[[48, 60], 0] -= width * unit
    points[[54, 64], 0] += width * unit
    return Landmarks(points)


def test_the_smile_score_follows_the_corners_of_the_mouth() -> None:
    scores = [smile_score(smiling(lift, lift)) for lift in (-0.1, 0.0, 0.05, 0.15)]
    assert scores == sorted(scores)
    assert scores[2] - scores[1] == pytest.approx(0.05 + 0.5 * 0.1, abs=1e-6)


def test_tilt_and_size_do_not_count_for_a_smile() -> None:
    face = smiling(0.1)
    angle = np.deg2rad(25)
    turned = Landmarks(3 * face.points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + 7)
    assert smile_score(turned) == pytest.approx(smile_score(face), abs=1e-9)
    with pytest.raises(RangeError, match="both eyes in one place"):
        smile_score(Landmarks(np.zeros((68, 2))))
