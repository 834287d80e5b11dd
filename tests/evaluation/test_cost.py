"""Cost of a sequence: what is counted is right, what is measured is there."""

import pytest
import torch
from torch import nn

from sharpening.evaluation.cost import THESIS, Subject, costs, operations, peak_memory
from tests.restore_helpers import write_weights

TINY = Subject("tiny", 32, None, "unet", {"encoder": "resnet18", "width": 8, "n_frames": 7})


def test_operations_of_a_known_network():
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.ReLU(), nn.Conv2d(4, 2, 1, bias=False))
    # For each of 10 × 10 places: outputs × inputs × kernel, a multiplication and an addition each.
    assert operations(network, torch.zeros(1, 3, 10, 10)) == 2 * 100 * (4 * 3 * 9 + 2 * 4)


def test_the_thesis_net_has_its_published_size():
    network = THESIS.network()
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(41.3e6, rel=0.01)
    assert THESIS.frames().shape == (1, 21, 128, 128)


def test_costs_side_by_side(tmp_path):
    weights = write_weights(tmp_path)
    ours = Subject("ours", 32, str(weights))
    found = costs([ours, TINY], repeats=2)
    assert list(found) == ["ours", "tiny"]
    for subject in (ours, TINY):
        cost = found[subject.label]
        assert cost.n_parameters == sum(p.numel() for p in subject.network().parameters())
        assert cost.gflop == pytest.approx(operations(subject.network(), subject.frames()) / 1e9)
        assert len(cost.all_seconds) == 2
        assert min(cost.all_seconds) <= round(cost.seconds, 4) <= max(cost.all_seconds)
        # Four bytes a parameter at least, where the system tells.
        assert cost.peak_mb is None or cost.peak_mb > 4 * cost.n_parameters / 2**20


def test_a_network_that_cannot_be_loaded_is_named(tmp_path):
    weights = write_weights(tmp_path)
    weights.with_suffix(".json").unlink()
    with pytest.raises(ValueError, match="card"):
        peak_memory(Subject("ours", 32, str(weights)), torch.get_num_threads())
