"""Running means, the log, parts of the loss: each against a small model that can be worked out by hand."""

import json

import numpy as np
import pytest
import torch
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.optimizer import SGD
from torch import nn

from sharpening.losses import WeightedLoss
from sharpening.losses.pixel import L1Loss, MSELoss
from sharpening.metrics.error import psnr
from sharpening.training.callbacks import Ema, JsonLog, LossPart, PictureMean, loss_parts, read_log


class Shift(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.zeros(1))
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.calls += 1
        return x + self.by


@pytest.fixture
def learner():
    def make(*cbs, loss=None, metrics=()) -> Learner:
        items = [(torch.zeros(3, 4, 4), torch.full((3, 4, 4), 0.5)) for _ in range(6)]
        dls = DataLoaders(DataLoader(items, bs=2), DataLoader(items[:3], bs=2), device="cpu")
        learn = Learner(dls, Shift(), loss or nn.MSELoss(), opt_func=SGD, lr=0.1, metrics=list(metrics), cbs=list(cbs))
        learn.logger, learn.create_mbar = (lambda row: None), False
        for cb in [cb for cb in learn.cbs if cb.name == "progress"]:
            learn.remove_cb(cb)
        return learn

    return make


class Watch(Callback):
    """Notes the weight after each step and in validation."""

    order = 100

    def __init__(self) -> None:
        super().__init__()
        self.raw, self.validated = [], []

    def after_step(self) -> None:
        self.raw.append(float(self.model.by.detach()))

    def after_pred(self) -> None:
        if not self.training:
            self.validated.append(float(self.model.by.detach()))


def test_ema_follows_its_formula_validates_and_remains(learner) -> None:
    ema, watch = Ema(0.9), Watch()
    learn = learner(ema, watch)
    learn.fit(2)
    mean, means = 0.0, []
    for step, value in enumerate(watch.raw, start=1):
        decay = min(0.9, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * value
        means.append(mean)
    assert len(watch.raw) == 6
    np.testing.assert_allclose(watch.validated, np.repeat([means[2], means[5]], 2), rtol=1e-5)
    assert float(learn.model.by.detach()) == pytest.approx(means[-1], rel=1e-5)
    assert int(learn.model.calls) == 6, "counters are taken as they are"


def test_training_goes_on_from_the_raw_weights(learner) -> None:
    with_mean, without = Watch(), Watch()
    learner(Ema(0.99), with_mean).fit(3)
    learner(without).fit(3)
    assert with_mean.raw == without.raw


def test_picture_mean_weighs_pictures_not_batches(learner) -> None:
    learn = learner(metrics=[PictureMean("psnr", psnr)])
    learn.validate()
    assert learn.recorder.metric_names[-2] == "psnr"
    assert learn.final_record[-1] == pytest.approx(-10 * np.log10(0.25), rel=1e-5)


def test_parts_of_the_loss_are_columns(learner) -> None:
    loss = WeightedLoss({"square": (MSELoss(), 1.0), "absolute": (L1Loss(), 0.5)})
    columns = loss_parts(loss, 8)
    assert [column.name for column in columns] == ["loss_square", "loss_absolute"]
    learn = learner(loss=loss, metrics=columns)
    record = learn.validate()
    assert list(record) == pytest.approx([0.5, 0.25, 0.25])
    assert loss_parts(nn.MSELoss(), 8) == []
    assert loss_parts(WeightedLoss({"square": (MSELoss(), 1.0)}), 8) == []
    assert LossPart("square").value is None


def test_log_has_a_line_an_epoch_and_reports_it(learner, tmp_path) -> None:
    told = []
    log = JsonLog(tmp_path / "runs" / "log.jsonl", report=told.append)
    learner(log).fit(2)
    entries = read_log(tmp_path / "runs" / "log.jsonl")
    assert entries == told
    assert [entry["epoch"] for entry in entries] == [0, 1]
    assert {"train_loss", "valid_loss", "lr", "seconds", "step"} <= set(entries[0])
    assert entries[1]["valid_loss"] < entries[0]["valid_loss"]
    assert entries[1]["step"] == 6


def test_log_is_appended_and_survives_a_torn_line(learner, tmp_path) -> None:
    path = tmp_path / "log.jsonl"
    learner(JsonLog(path)).fit(2)
    path.write_text(path.read_text() + '{"epoch": 2, "train_lo', encoding="utf-8")
    learner(JsonLog(path, start=1)).fit(3)
    assert [entry["epoch"] for entry in read_log(path)] == [0, 1, 2]
    assert sum(1 for line in path.read_text().splitlines() if line.startswith('{"epoch": 1,')) == 2


def test_log_writes_no_nan(learner, tmp_path) -> None:
    nothing = PictureMean("nothing", lambda pred, target: torch.full((len(pred),), float("nan")))
    learner(JsonLog(tmp_path / "log.jsonl"), metrics=[nothing]).fit(1)
    line = (tmp_path / "log.jsonl").read_text()
    assert json.loads(line, parse_constant=pytest.fail)["nothing"] is None
