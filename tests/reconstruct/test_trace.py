"""The trace keeps every step, and shows them."""

from __future__ import annotations

import pytest
import torch

from sharpening.errors import RangeError
from sharpening.reconstruct.trace import Trace


def test_steps_are_kept_in_order_and_shown() -> None:
    trace = Trace()
    for name in ("clean", "select", "quiet"):
        with trace.step(name) as step:
            if name != "quiet":
                step.show(torch.rand(3, 32, 32), name)
                step.show(torch.ones(1, 32, 32), "mask")
    assert [step.name for step in trace.steps] == ["clean", "select", "quiet"]
    assert set(trace.seconds) == {"clean", "select", "quiet"}
    assert min(trace.seconds.values()) >= 0
    assert trace["clean"].captions == ["clean", "mask"]
    assert trace["clean"].pictures[1].min() == 255
    picture = trace.sheet(size=64, heading="a film")
    assert picture.ndim == 3
    assert picture.shape[0] > 2 * 64


def test_a_step_done_again_takes_the_place_of_the_first() -> None:
    trace = Trace()
    for _ in range(2):
        with trace.step("clean"):
            pass
    assert len(trace.steps) == 1


def test_an_unknown_step_is_told() -> None:
    trace = Trace()
    with trace.step("clean"):
        pass
    with pytest.raises(RangeError, match="clean"):
        trace["blend"]
