"""What training does beside fastai's loop: repeatable draws, running means of the weights, parts of the loss, the log."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from fastai.callback.core import Callback
from fastai.learner import Metric
from torch import Tensor, nn

__all__ = ["Ema", "EpochDraws", "JsonLog", "LastValidation", "LossPart", "PictureMean", "append_line", "loss_parts", "read_log"]


class EpochDraws(Callback):
    """Ties the draws of loader and loss to the number of the epoch, so that a resumed run sees what it would have seen."""

    def before_train(self) -> None:
        """Tell the training loader which epoch comes, and seed the dice of a loss that has some (SER-FIQ's masks)."""
        draws = getattr(self.dls.train, "draws", None)
        if draws is not None:
            draws.epoch = self.epoch
        self._seed_loss(self.epoch)

    def before_validate(self) -> None:
        """Give a loss with dice the same ones in every epoch, so that epochs can be compared."""
        self._seed_loss(0)

    def _seed_loss(self, seed: int) -> None:
        for part in self.loss_func.modules() if isinstance(self.loss_func, nn.Module) else ():
            if isinstance(getattr(part, "generator", None), torch.Generator):
                part.generator.manual_seed(seed)  # type: ignore[union-attr,operator]


class LastValidation(Callback):
    """Keeps the figures of the last real validation: `get_preds`, and with it `show_results` and `predict`, overwrite fastai's record.

    Attributes:
        learn.last_validation: A copy of the record, training loss first after a fit.
    """

    order = 51  # after the recorder

    def after_epoch(self) -> None:
        """Keep the record, unless predictions are gathered."""
        if not hasattr(self.learn, "gather_preds"):
            self.learn.last_validation = list(self.learn.final_record)


class Ema(Callback):
    """Exponential running mean of the weights; it validates in their place, and is what remains after the fit.

    Args:
        decay: Share that stays at each step. It grows to this value over the first steps, so that the start is forgotten.

    Attributes:
        mean: The running mean, by the keys of the state; empty before the first fit.

    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992, doi:10.1137/0330046.
    """

    order = 60  # after the recorder: it validates with the mean, the checkpoint (order 70) then holds both

    def __init__(self, decay: float = 0.999) -> None:
        super().__init__()
        self.decay, self.steps = decay, 0
        self.mean: dict[str, Tensor] = {}
        self._raw: dict[str, Tensor] | None = None

    def before_fit(self) -> None:
        """Start from the weights as they are, unless a checkpoint brought a mean."""
        if not self.mean:
            self.mean = _copy(self.model)
        self.mean = {key: value.to(_device(self.model)) for key, value in self.mean.items()}

    def after_step(self) -> None:
        """Follow the weights."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for key, value in self.model.state_dict().items():
                # Counters cannot be averaged; they are taken as they are.
                if value.is_floating_point():
                    self.mean[key].lerp_(value, 1 - decay)
                else:
                    self.mean[key].copy_(value)

    def before_validate(self) -> None:
        """Put the mean in place of the weights."""
        if self.mean:
            self._raw = _copy(self.model)
            self.model.load_state_dict(self.mean)

    def after_validate(self) -> None:
        """Put the weights back."""
        if self._raw is not None:
            self.model.load_state_dict(self._raw)
            self._raw = None

    def after_fit(self) -> None:
        """Leave the mean in the network."""
        if self.mean:
            self.model.load_state_dict(self.mean)


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in network.state_dict().items()}


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


class PictureMean(Metric):
    """Mean over all pictures of a metric that gives one number a picture.

    Args:
        name: The recorder's column.
        function: (pred, target), both `[bs, 3, H, W]` in 0 … 1 → `[bs]`.
    """

    def __init__(self, name: str, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        self._name, self._function = name, function
        self.reset()

    def reset(self) -> None:
        """Forget all pictures."""
        self._total, self._count = 0.0, 0

    def accumulate(self, learn: Any) -> None:
        """Add the pictures of a batch."""
        pred, target = learn.to_detach(learn.pred).clamp(0, 1), learn.to_detach(learn.yb[0])
        values = self._function(pred.float(), target.float()).reshape(-1)
        self._total, self._count = self._total + float(values.sum()), self._count + len(values)

    @property
    def value(self) -> float | None:
        """The mean, or None before the first batch."""
        return self._total / self._count if self._count else None

    @property
    def name(self) -> str:
        """The recorder's column."""
        return self._name


class LossPart(Metric):
    """One part of a weighted loss, as a column of the recorder: its mean over the validation batches."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.reset()

    def reset(self) -> None:
        """Forget all batches."""
        self._total, self._count = 0.0, 0

    def accumulate(self, learn: Any) -> None:
        """Add the part of the loss that was just computed."""
        bs = len(learn.yb[0])
        self._total, self._count = self._total + float(learn.loss_func.parts[self.part]) * bs, self._count + bs

    @property
    def value(self) -> float | None:
        """The mean, or None before the first batch."""
        return self._total / self._count if self._count else None

    @property
    def name(self) -> str:
        """The part's name."""
        return f"loss_{self.part}"


def loss_parts(loss: Any, side: int) -> list[LossPart]:
    """A column for each part of a loss that shows its parts and has more than one; none for another loss.

    Args:
        loss: Of the kind of `losses.PictureLoss`.
        side: Of the pictures that it will see [px].
    """
    if not hasattr(loss, "parts"):
        return []
    # The names of the parts are known after a call only, and the recorder wants its columns before the first.
    with torch.no_grad():
        loss(torch.full((1, 3, side, side), 0.4), torch.full((1, 3, side, side), 0.6))
    names = list(loss.parts)
    return [LossPart(name) for name in names] if len(names) > 1 else []


class JsonLog(Callback):
    """One line of JSON an epoch, appended: it survives a kill, and a resumed run goes on in the same file.

    Args:
        path: File, made where it is absent.
        start: First epoch that is really run; the ones before it are on file already.
        report: Called with each line's facts.
    """

    order = 65

    def __init__(self, path: Path, *, start: int = 0, report: Callable[[Mapping[str, Any]], None] | None = None) -> None:
        super().__init__()
        self.file, self.start, self.report = path, start, report
        self._began, self._batches = 0.0, 0
        self._total: Tensor | float = 0.0

    def before_epoch(self) -> None:
        """Start the clock."""
        self._began = time.monotonic()

    def before_train(self) -> None:
        """Begin the mean of the training loss."""
        self._total, self._batches = 0.0, 0

    def after_batch(self) -> None:
        """Add a training batch."""
        if self.training:
            self._total, self._batches = self._total + self.loss.detach(), self._batches + 1

    def after_epoch(self) -> None:
        """Write the epoch's line."""
        if self.epoch < self.start:
            return
        names, values = list(self.recorder.metric_names)[1:], list(self.recorder.log)[1:]
        facts: dict[str, Any] = {name: _number(value) for name, value in zip(names, values, strict=False) if name != "time"}
        # The recorder's own training loss is smoothed over epochs, which a resumed run could not go on with.
        facts["train_loss"] = _number(self._total / self._batches) if self._batches else None
        facts |= {"lr": float(self.opt.hypers[-1]["lr"]), "seconds": round(time.monotonic() - self._began, 2)}
        facts = {"epoch": int(self.epoch), "step": (int(self.epoch) + 1) * self._batches, **facts}
        append_line(self.file, facts)
        if self.report is not None:
            self.report(facts)


def _number(value: Any) -> float | None:
    number = None if value is None else float(value)
    # NaN is no JSON; a reader of another language would stop there.
    return number if number is not None and math.isfinite(number) else None


def append_line(path: Path, facts: Mapping[str, Any]) -> None:
    """Append `facts` to a log as one line of JSON; a line that a kill tore off before stays on a line of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torn = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if torn else "") + json.dumps(facts) + "\n")


def read_log(path: str | Path) -> list[dict[str, Any]]:
    """Read a log, one entry an epoch in order; of an epoch that was run twice the later one counts, a torn line does not."""
    entries: dict[int, dict[str, Any]] = {}
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        try:
            facts = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(facts, dict) and "epoch" in facts:
            entries[facts["epoch"]] = facts
    return [entries[epoch] for epoch in sorted(entries)]
