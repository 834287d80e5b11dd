"""Figures on faces that no step has seen, after each epoch of the standing recipe."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from fastai.callback.core import Callback, CancelFitException, CancelValidException
from torch import Tensor
from torch.nn import functional as F

from sharpening.frames.degrade import settings
from sharpening.metrics.error import psnr
from sharpening.models.fusion_net.pretrain_data import FaceBank, PretrainSet
from sharpening.training.callbacks import Ema, append_line

__all__ = ["HeldOut", "fixed_batch"]

log = logging.getLogger(__name__)


class HeldOut(Callback):
    """Measures the running mean of the weights after each epoch, on faces that no step has seen, and writes a line of the log.

    Attributes:
        figures: Of the last epoch: PSNR [dB] per set, of the net, of the net given the middle alone ("_one"), of bicubic ("_bicubic");
            of a net that foretells its error the mean log-likelihood of the error ("_likelihood"); with a critic its loss ("_critic").
    """

    order = 71  # after the running mean and the checkpoint

    def __init__(
        self,
        bank: FaceBank,
        ema: Ema,
        file: Path,
        *,
        n_frames: int,
        stop: int = 0,
        size: int = 48,
        critic: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.ema, self.file, self.n_frames, self.stop, self.critic = ema, file, n_frames, stop, critic
        self.figures: dict[str, float] = {}
        plans = {"stills": ("stills", 0.0), "damaged": ("damaged-middle", 0.0), "h264": ("h264", 0.0), "clips": ("stills", 1.0)}
        self.sets = {name: fixed_batch(bank, how, p_clip, size) for name, (how, p_clip) in plans.items()}

    def before_epoch(self) -> None:
        """Start the clock, and tell the data which epoch it is: samples are drawn by its number."""
        self.began = time.monotonic()
        self.dls.train.dataset.epoch = self.epoch

    def before_validate(self) -> None:
        """Measure the running mean, which stands in the network now, log it, and skip fastai's own validation."""
        self.measure()
        facts = {
            "epoch": self.epoch,
            "loss": round(float(self.recorder.smooth_loss.value), 5),
            "seconds": round(time.monotonic() - self.began),
        }
        append_line(self.file, {**facts, **self.figures})
        log.info("%s", json.dumps({**facts, **self.figures}))
        raise CancelValidException

    def measure(self) -> dict[str, float]:
        """The figures of the network as it stands; they are the last epoch's from now on."""
        with torch.no_grad():
            self.figures = {
                k: v for name, (frames, label) in self.sets.items() for k, v in self._measure(name, frames, label).items()
            }
        return self.figures

    def after_epoch(self) -> None:
        """Leave a leg that ends before its schedule does."""
        if self.epoch + 1 == self.stop:
            raise CancelFitException

    def _measure(self, name: str, frames: Tensor, label: Tensor) -> dict[str, float]:
        device = next(self.model.parameters()).device
        middle = frames[:, 9:12]
        alone, spread = self._run(middle, device)
        results = {f"{name}_bicubic": F.interpolate(middle, scale_factor=4, mode="bicubic"), f"{name}_one": alone}
        pred = alone
        if self.n_frames > 1:
            pred, spread = self._run(frames, device)
            results[name] = pred
        figures = {key: round(float(psnr(pred.clamp(0, 1), label).mean()), 3) for key, pred in results.items()}
        if self.critic is not None:
            parts = zip(pred.split(8), label.split(8), strict=True)
            losses = [float(self.critic(some.to(device), truth.to(device))) * len(some) for some, truth in parts]
            figures[f"{name}_critic"] = round(sum(losses) / len(pred), 5)
        if spread is not None:
            error = (pred - label).abs().mean(dim=1, keepdim=True)
            figures[f"{name}_likelihood"] = round(-float((math.log(2) + spread.log() + error / spread).mean()), 4)
        return figures

    def _run(self, frames: Tensor, device: torch.device) -> tuple[Tensor, Tensor | None]:
        found = [self.model.net.parts(part.to(device)) for part in frames.split(8)]
        spreads = [each.spread.cpu() for each in found if each.spread is not None]
        return torch.cat([each.pred.cpu() for each in found]), torch.cat(spreads) if spreads else None


def fixed_batch(bank: FaceBank, how: str, p_clip: float, size: int) -> tuple[Tensor, Tensor]:
    """Frames `[size, 21, 32, 32]` and labels `[size, 3, 128, 128]`, always the same ones; `how` names the damage."""
    samples = PretrainSet(bank, settings(how), length=size, bs=size, n_choices=[7], p_clip=p_clip, seed=123)
    frames, labels, *_ = zip(*(samples[i] for i in range(size)), strict=True)
    return torch.stack(frames), torch.stack(labels)
