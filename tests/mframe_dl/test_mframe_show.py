"""Batches and results can be looked at: one row a sequence, the middle marked, pred before label."""

import numpy as np
import pytest
import torch
from fastai.learner import Learner

from sharpening.mframe_dl import mframe_dls
from sharpening.mframe_dl.show import results_sheet


@pytest.fixture
def shown(monkeypatch):
    from matplotlib import pyplot as plt

    yield lambda: np.asarray(plt.gcf().axes[0].images[0].get_array())
    plt.close("all")


def columns(picture: np.ndarray) -> int:
    """Cells side by side: runs of columns that are not ground all the way down."""
    ground = (picture == picture[0, 0]).all(axis=-1).all(axis=0)
    return int((np.diff(ground.astype(int)) == -1).sum())


def test_sheet_marks_the_middle_and_names_the_columns() -> None:
    grey = torch.full((9, 8, 8), 120.0)
    label, pred = torch.full((3, 32, 32), 60.0), torch.full((3, 32, 32), 90.0)
    picture = results_sheet([grey], [label], [pred], size=64)
    amber = (picture == (255, 176, 0)).all(axis=-1)
    assert amber.any()
    # Three frames, bicubic, pred, label: the mark lies in the second cell.
    assert columns(picture) == 6
    where = np.flatnonzero(amber.any(axis=0)).mean() / picture.shape[1]
    assert 1 / 6 < where < 2 / 6


# With fastai's own ways of showing pictures there as well, ours are still the ones for sequences.
@pytest.fixture(autouse=True)
def _all_of_fastai() -> None:
    import fastai.vision.all  # noqa: F401


def test_show_batch(stills_folder, shown) -> None:
    dls = mframe_dls(stills_folder, n_frames=3, size_in=128, normalize=True, bs=2, degrade="thesis", device="cpu")
    dls.show_batch(max_n=1)
    one = shown()
    dls.show_batch(max_n=2)
    two = shown()
    assert one.dtype == np.uint8
    assert two.shape[0] > 1.5 * one.shape[0]
    assert columns(one) == 5


def test_show_results_with_and_without_motion(stills_folder, shown) -> None:
    for motion in (False, True):
        dls = mframe_dls(stills_folder, n_frames=3, bs=2, degrade="thesis", motion=motion, device="cpu")

        class Enlarge(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.unused = torch.nn.Parameter(torch.zeros(1))

            def forward(self, frames: torch.Tensor) -> torch.Tensor:
                return torch.nn.functional.interpolate(frames[:, 3:6], scale_factor=4)

        learn = Learner(dls, Enlarge(), loss_func=lambda pred, target, *_, reduction="mean": (pred - target).abs().mean(), cbs=[])
        with learn.no_logging(), learn.no_mbar():
            learn.show_results(max_n=2)
        assert columns(shown()) == 6
