"""Frames become pictures: by bicubic interpolation, or by a network that sees every frame in the middle of its neighbours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, WeightsMissing
from sharpening.reconstruct.clean import create_cleaner, order_round
from sharpening.restore.network import load_network
from tests.restore_helpers import crops, write_weights


def test_bicubic_needs_nothing() -> None:
    cleaner = create_cleaner("bicubic", enlarge=4)
    made = cleaner.clean(crops(3))
    assert made.shape == (3, 3, 128, 128)
    assert float(made.min()) >= 0
    assert float(made.max()) <= 1
    assert create_cleaner("bicubic", enlarge=8).largest == 64


def test_a_network_restores_each_frame_with_the_help_of_the_others(tmp_path) -> None:
    weights = write_weights(tmp_path, "mine", nudge=0.05)
    cleaner, frames = create_cleaner(weights), crops(5)
    made = cleaner.clean(frames)
    assert made.shape == (5, 3, 128, 128)
    assert cleaner.name == "mine"
    changed = frames.copy()
    changed[0] = 255 - changed[0]
    assert not torch.equal(cleaner.clean(changed)[4], made[4])


@pytest.mark.parametrize(("index", "n"), [(0, 7), (3, 7), (6, 7), (0, 2), (1, 3), (0, 1), (4, 9)])
def test_the_frame_to_restore_is_in_the_middle(index, n, tmp_path) -> None:
    trained = load_network(write_weights(tmp_path))
    order = order_round(index, n, trained)
    assert order[len(order) // 2] == index
    assert sorted(set(order)) == sorted(order)
    assert len(order) == min(n, 7)


def test_a_network_of_a_fixed_number_gets_frames_twice(tmp_path) -> None:
    trained = load_network(
        write_weights(tmp_path, "fixed", "unet", settings={"encoder": "resnet18", "width": 8, "n_frames": 5}, n_frames=5)
    )
    order = order_round(1, 3, trained)
    assert len(order) == 5
    assert order[2] == 1
    assert set(order) == {0, 1, 2}
    assert order_round(0, 1, trained) == [0] * 5


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(RangeError):
        create_cleaner("bicubic", enlarge=0)
    with pytest.raises(WeightsMissing):
        create_cleaner("no-such-weights")


def test_cleaned_pictures_may_be_worked_on(tmp_path) -> None:
    made = create_cleaner(write_weights(tmp_path)).clean(crops(2))
    assert not made.is_inference()
    assert np.asarray(made).flags.writeable
