"""Alignment is measured and taught rightly, and batches with fewer frames keep their middle."""

import numpy as np
import pytest
import torch

from sharpening.mframe_dl import mframe_dls
from sharpening.models.basic_blocks import affine_grid
from sharpening.models.fusion_net import FusionNet, get_learner
from sharpening.models.fusion_net.callbacks import FewerFrames, alignment_error, choose_frames


@pytest.fixture(scope="module")
def stills(tmp_path_factory, made_face):
    from sharpening.imaging.files import write_picture

    folder, rng = tmp_path_factory.mktemp("fusion_stills"), np.random.default_rng(0)
    for i in range(4):
        write_picture(folder / f"{i}.png", made_face(96, rng))
    return folder


def affine(dx: float = 0.0, zoom: float = 1.0) -> torch.Tensor:
    return torch.tensor([[zoom, 0.0, dx], [0.0, zoom, 0.0]])


def flow_of(motion: torch.Tensor, size: int = 8) -> torch.Tensor:
    return affine_grid(motion.flatten(0, 1), size, size).unflatten(0, motion.shape[:2])


def test_error_is_zero_for_the_true_flow_and_the_shift_for_a_wrong_one() -> None:
    motion = torch.stack([affine(0.25, 0.7), affine(), affine(-0.25, 0.7)])[None]
    assert alignment_error(flow_of(motion), motion).max() < 1e-4
    wrong = motion.clone()
    wrong[0, 2, 0, 2] += 0.5  # a quarter of the picture's side
    distances = alignment_error(flow_of(wrong), motion)
    assert len(distances) == 2 * 64
    torch.testing.assert_close(distances[64:], torch.full((64,), 0.25))


def test_points_that_leave_the_frame_and_frames_without_motion_do_not_count() -> None:
    motion = torch.stack([affine(1.0), affine(), affine()])[None]
    assert len(alignment_error(flow_of(motion), motion)) == 64 + 32
    motion[0, 2] = float("nan")
    assert len(alignment_error(flow_of(torch.zeros(1, 3, 2, 3)), motion)) == 32
    motion[0, 0] = float("nan")
    assert alignment_error(flow_of(torch.zeros(1, 3, 2, 3)), motion).numel() == 0


def test_gradient_of_an_exact_flow_is_finite() -> None:
    motion = affine().expand(1, 2, 2, 3).clone()
    flow = flow_of(motion).requires_grad_(True)
    alignment_error(flow, motion).mean().backward()
    assert flow.grad.isfinite().all()


def test_true_motion_enters_loss_and_recorder(stills) -> None:
    dls = mframe_dls(stills, n_frames=3, bs=2, degrade="thesis", motion=True, valid_pct=0.5, device="cpu")
    records = []
    for weight in (0.0, 10.0):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            learn = get_learner(dls, critic="pixel", preset="tiny", motion_weight=weight, metrics=())
        records.append([float(value) for value in learn.validate()])
    assert learn.recorder.metric_names[-2:] == ["align_px", "time"]
    (plain_loss, plain_px), (taught_loss, taught_px) = records
    assert plain_px > 0
    assert taught_px == pytest.approx(plain_px)
    assert taught_loss == pytest.approx(plain_loss + 10 * plain_px, rel=1e-4)


def test_true_motion_teaches_the_flow_and_leaves_the_network_as_it_was(stills) -> None:
    dls = mframe_dls(stills, n_frames=3, bs=2, degrade="thesis", motion=True, valid_pct=0.5, device="cpu")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        learn = get_learner(dls, critic=lambda pred, target: 0 * pred.mean(), preset="tiny", motion_weight=1.0, metrics=())
    before = float(learn.validate()[1])
    flow_layer = learn.model.refine[-1].weight.detach().clone()
    learn.fit(4, lr=3e-3)
    assert not torch.equal(flow_layer, learn.model.refine[-1].weight), "only the motion gives a gradient here"
    assert float(learn.validate()[1]) < before
    assert "forward" not in learn.model.__dict__
    assert isinstance(learn.model, FusionNet)


def test_batches_without_motion_train_as_well(stills) -> None:
    dls = mframe_dls(stills, n_frames=3, bs=2, degrade="thesis", device="cpu")
    learn = get_learner(dls, critic="pixel", preset="tiny", metrics=())
    assert learn.model.correction is not None  # as the shipped one, but
    assert learn.model.spread is None  # the loss here teaches no expected error
    learn.fit(1)
    assert "align_px" not in learn.recorder.metric_names


@pytest.mark.parametrize("n", [2, 3, 7])
def test_chosen_frames_keep_the_middle_in_the_middle(n: int) -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        chosen = choose_frames(rng, n)
        assert 1 <= len(chosen) < n
        assert len(set(chosen)) == len(chosen)
        assert chosen[len(chosen) // 2] == n // 2
        seen.add(len(chosen))
    assert seen == set(range(1, n))


def test_fewer_frames_reach_the_network_in_training_only(stills) -> None:
    dls = mframe_dls(stills, n_frames=5, bs=2, degrade="thesis", motion=True, samples_per_epoch=16, device="cpu")
    learn = get_learner(dls, critic="pixel", preset="tiny", metrics=(), p_fewer_frames=0.7)
    counts = {True: [], False: []}
    parts = learn.model.parts

    def counting(frames):
        counts[learn.training].append(frames.shape[1] // 3)
        return parts(frames)

    learn.model.parts = counting
    learn.fit(1)
    assert min(counts[True]) < 5
    assert max(counts[True]) == 5
    assert set(counts[False]) == {5}
    assert FewerFrames().p == 0.15
