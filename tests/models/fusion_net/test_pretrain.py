"""The standing recipe on a made data set: it learns something, survives a kill, and writes weights only when they are better."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sharpening.models.fusion_net import pretrain as module
from sharpening.models.fusion_net.pretrain import PretrainPlan, _export, pretrain, pretrain_loss
from sharpening.weights.store import load_card, save_state

PLAN = PretrainPlan(preset="tiny", n_choices=(3, 1), epochs=2, steps=2, bs=2)


@pytest.fixture(autouse=True)
def _small_held_out_sets(monkeypatch):
    monkeypatch.setattr(module.HeldOut.__init__, "__kwdefaults__", {"size": 2, "stop": 0})


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_stopped_run_goes_on_where_it_was(small_data, tmp_path):
    pretrain(replace(PLAN, epochs=1), small_data, tmp_path / "run")
    net, figures = pretrain(PLAN, small_data, tmp_path / "run")
    assert [line["epoch"] for line in lines(tmp_path / "run")] == [0, 1]
    assert set(figures) == {f"{name}{kind}" for name in ("stills", "damaged", "clips") for kind in ("", "_one", "_bicubic")}
    assert all(torch.isfinite(p).all() for p in net.parameters())


def test_a_second_leg_starts_from_the_weights_of_a_first_that_stopped_early(small_data, tmp_path):
    first, _ = pretrain(replace(PLAN, n_choices=(1,), stop=1), small_data, tmp_path / "first")
    assert [line["epoch"] for line in lines(tmp_path / "first")] == [0]
    file = save_state(tmp_path / "first.safetensors", first.state_dict())
    second, _ = pretrain(replace(PLAN, epochs=1, lr=1e-9), small_data, tmp_path / "second", init=file)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_weights_are_replaced_only_by_better_ones(small_data, tmp_path):
    net, figures = pretrain(replace(PLAN, epochs=1), small_data, tmp_path / "run")
    for gain, kept in ((0.0, 20.0), (-1.0, 20.0), (2.0, 22.0)):
        _export(net, "fusion_tiny", tmp_path, PLAN, {**figures, "stills": 20.0 + gain})
        assert load_card(tmp_path / "fusion_tiny.safetensors").metrics["heldout_stills"] == kept


def test_loss_counts_the_flow_only_where_the_motion_is_known(generator):
    parts = module.FusionParts(
        torch.rand(1, 3, 128, 128, generator=generator), torch.zeros(1, 2, 64, 64, 2), torch.zeros(1, 3, 64, 64)
    )
    motion = torch.eye(2, 3).expand(1, 2, 2, 3)
    unknown, known = (pretrain_loss(parts, parts.pred, motion, torch.full((1, 2), value)) for value in (0.0, 1.0))
    assert float(unknown) == pytest.approx(0, abs=2e-3)
    # Half of the coordinates' mean size, 0.5, in pixels of 32: 8; times the weight 0.05.
    assert float(known - unknown) == pytest.approx(0.05 * 8, rel=0.01)
