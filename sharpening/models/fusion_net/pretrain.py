"""The standing recipe of the shipped weights: `make train-pretrained`, and `make train-twin` for the single-frame twin.

Two legs: first the net learns what a face is, on one frame, at half of the cost of a step; then it goes on with many frames. The twin goes
on with one frame for as many steps, so what it lacks against the shipped net is what the other frames give. Self-contained and resumable:
killed at any time, the same command goes on from the last finished epoch.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import fastai.callback.schedule  # noqa: F401  (gives Learner its fit_one_cycle)
import torch
from fastai.callback.core import Callback, CancelFitException, CancelValidException
from fastai.callback.training import GradientClip
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.optimizer import Adam
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.frames.degrade import settings
from sharpening.frames.layouts import SharedData
from sharpening.losses.pixel import charbonnier
from sharpening.metrics.error import psnr
from sharpening.mframe_dl import BatchForm
from sharpening.models.basic_blocks import affine_grid
from sharpening.models.fusion_net.extras import EXTRAS
from sharpening.models.fusion_net.model import FusionNet, FusionParts
from sharpening.models.fusion_net.pretrain_data import FaceBank, PretrainSet, decode_bank
from sharpening.models.loading import remember
from sharpening.training.callbacks import Ema, append_line, read_log
from sharpening.training.checkpoints import Checkpoints
from sharpening.training.export import export
from sharpening.training.muon import Muon
from sharpening.weights.store import load_card, load_into, load_state

__all__ = ["PretrainPlan", "pretrain", "pretrain_loss"]

log = logging.getLogger(__name__)

DATA_TERMS = (
    "stills of CelebA (non-commercial research only), LFW (research use), FFHQ (CC BY-NC-SA 4.0), StyleGAN faces (CC BY-NC 4.0) and "
    "synthetic portraits (no licence stated); clips of YouTube Faces frames (research use), HDTF and Intel sample videos (CC BY 4.0), "
    "and example videos of public face projects (MIT, Apache-2.0, or unstated)"
)


@dataclass(frozen=True)
class PretrainPlan:
    """Settings of one leg of the standing recipe; the Makefile has those of the shipped weights.

    Attributes:
        preset: Size of the net.
        extras: What it has beside its first design, see `fusion_net.extras`.
        damage: Preset of the damage, see `frames.degrade`.
        n_choices: Numbers of frames, one drawn for each batch.
        epochs: After each one the running mean is measured on held-out faces and a checkpoint is written.
        stop: Leave after so many epochs, in the middle of the schedule; 0 for the whole.
        steps: Batches in an epoch.
        bs: Sequences in a batch.
        lr: Highest learning rate of the one-cycle schedule.
        opt: "adam" or "muon".
        p_clip: Share of samples that are real clips, not moved stills.
        motion_weight: Weight of the flow's error [px of the frames] where the true motion is known.
        spread_weight: Weight of the likelihood of the expected error.
        ema: Decay of the running mean of the weights, which is what gets exported.
        seed: Of weights and samples.
    """

    preset: str = "small"
    extras: tuple[str, ...] = tuple(EXTRAS)
    damage: str = "train-alive"
    n_choices: tuple[int, ...] = tuple(range(1, 16))
    epochs: int = 12
    stop: int = 0
    steps: int = 220
    bs: int = 8
    lr: float = 1.5e-3
    opt: str = "muon"
    p_clip: float = 0.35
    motion_weight: float = 0.05
    spread_weight: float = 0.01
    ema: float = 0.998
    seed: int = 0


class _WithFlow(nn.Module):
    """The net as the Learner sees it: its loss needs the sampling grids beside the picture."""

    def __init__(self, net: FusionNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, frames: Tensor) -> FusionParts:
        return self.net.parts(frames.as_subclass(torch.Tensor).contiguous(memory_format=torch.channels_last))


def pretrain_loss(
    parts: FusionParts,
    label: Tensor,
    motion: Tensor,
    known: Tensor,
    bend: Tensor,
    *,
    weight: float = 0.05,
    spread_weight: float = 0.01,
) -> Tensor:
    """Charbonnier on the picture; the mean error [px of the frames, per axis] of the flow where the true motion is known; the likelihood.

    Args:
        parts: Of the net.
        label: `[bs, 3, 4h, 4w]`, 0 … 1.
        motion: `[bs, n, 2, 3]`, as in `frames.degrade.Damaged`.
        known: `[bs, n]`, 1 where `motion` is the truth.
        bend: `[bs, n, h, w, 2]`, likewise.
        weight: Of the flow's error.
        spread_weight: Of the negative log-likelihood of the picture's error under the Laplace distribution of `parts.spread`.
    """
    bs, n, height, width, _ = parts.flow.shape
    beyond = F.interpolate(bend.flatten(0, 1).permute(0, 3, 1, 2), size=(height, width), mode="bilinear", align_corners=False)
    truth = affine_grid(motion.flatten(0, 1), height, width) + beyond.permute(0, 2, 3, 1)
    miss = (parts.flow - truth.unflatten(0, (bs, n))).abs().mean(dim=(2, 3, 4)) * (height / 4)
    loss = charbonnier(parts.pred, label) + weight * (miss * known).sum() / known.sum().clamp(min=1)
    if parts.spread is not None:
        error = (parts.pred.detach() - label).abs().mean(dim=1, keepdim=True)
        loss = loss + spread_weight * (parts.spread.log() + error / parts.spread).mean()
    return loss


class HeldOut(Callback):
    """Measures the running mean of the weights after each epoch, on faces that no step has seen, and writes a line of the log.

    Attributes:
        figures: Of the last epoch: PSNR [dB] per set, of the net, of the net given the middle alone ("_one"), of bicubic ("_bicubic").
    """

    order = 71  # after the running mean and the checkpoint

    def __init__(self, bank: FaceBank, ema: Ema, file: Path, *, n_frames: int, stop: int = 0, size: int = 48) -> None:
        super().__init__()
        self.ema, self.file, self.n_frames, self.stop = ema, file, n_frames, stop
        self.figures: dict[str, float] = {}
        plans = {"stills": ("stills", 0.0), "damaged": ("damaged-middle", 0.0), "h264": ("h264", 0.0), "clips": ("stills", 1.0)}
        self.sets = {name: _fixed_batch(bank, how, p_clip, size) for name, (how, p_clip) in plans.items()}

    def before_epoch(self) -> None:
        """Start the clock, and tell the data which epoch it is: samples are drawn by its number."""
        self.began = time.monotonic()
        self.dls.train.dataset.epoch = self.epoch

    def before_validate(self) -> None:
        """Measure the running mean, which stands in the network now, log it, and skip fastai's own validation."""
        with torch.no_grad():
            self.figures = {
                k: v for name, (frames, label) in self.sets.items() for k, v in self._measure(name, frames, label).items()
            }
        facts = {
            "epoch": self.epoch,
            "loss": round(float(self.recorder.smooth_loss.value), 5),
            "seconds": round(time.monotonic() - self.began),
        }
        append_line(self.file, {**facts, **self.figures})
        log.info("%s", json.dumps({**facts, **self.figures}))
        raise CancelValidException

    def after_epoch(self) -> None:
        """Leave a leg that ends before its schedule does."""
        if self.epoch + 1 == self.stop:
            raise CancelFitException

    def _measure(self, name: str, frames: Tensor, label: Tensor) -> dict[str, float]:
        device = next(self.model.parameters()).device
        middle = frames[:, 9:12]
        results = {
            f"{name}_bicubic": F.interpolate(middle, scale_factor=4, mode="bicubic"),
            f"{name}_one": self._run(middle, device),
        }
        if self.n_frames > 1:
            results[name] = self._run(frames, device)
        return {key: round(float(psnr(pred.clamp(0, 1), label).mean()), 3) for key, pred in results.items()}

    def _run(self, frames: Tensor, device: torch.device) -> Tensor:
        return torch.cat([self.model.net(part.to(device)).cpu() for part in frames.split(8)])


def pretrain(
    plan: PretrainPlan, data: str | Path, out: str | Path, *, init: str | Path | None = None
) -> tuple[FusionNet, dict[str, float]]:
    """Train by the plan on a folder in the form of `../shared/data`, going on where an earlier call was stopped.

    Args:
        plan: Settings.
        data: Folder with stills, clips and `splits.csv`.
        out: Folder of the run.
        init: Weight file to start from instead of fresh weights, for another leg of training.

    Returns:
        The net with the running mean of its weights, and its held-out figures (PSNR in dB).
    """
    folder = Path(out)
    train, valid = (_bank(SharedData(data), split, folder.parent / f"bank-{split}") for split in ("train", "valid"))
    torch.manual_seed(plan.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = FusionNet(plan.preset, n_frames=_usual(plan), extras=plan.extras).to(device).to(memory_format=torch.channels_last)
    if init is not None:
        _continue(net, Path(init))
    ema = Ema(plan.ema)
    held_out = HeldOut(valid, ema, folder / "log.jsonl", n_frames=_usual(plan), stop=plan.stop)
    keeper = Checkpoints(folder / "checkpoints")
    learn = _learner(plan, train, net, [GradientClip(0.5), ema, held_out, keeper], device)
    start = keeper.restore(learn)
    log.info("%d stills, %d clips; epoch %d of %d", len(train.stills), len(train.clips), start, plan.epochs)
    if start < (plan.stop or plan.epochs):
        with learn.no_bar(), learn.no_logging():
            learn.fit_one_cycle(plan.epochs, plan.lr, pct_start=0.1, div=10, start_epoch=start)
    learn.model.load_state_dict(ema.mean)
    return net, {k: v for k, v in read_log(held_out.file)[-1].items() if k not in ("epoch", "loss", "seconds")}


def _usual(plan: PretrainPlan) -> int:
    """How many frames the net is usually given: the thesis's seven, unless it never sees so many."""
    return min(7, max(plan.n_choices))


def _continue(net: FusionNet, init: Path) -> None:
    """Go on from other weights; extras that those do not have start as nothing."""
    state = load_state(init)
    fresh = {key: value for key, value in net.state_dict().items() if key not in state and _of_extra(key)}
    load_into(net, {**state, **fresh}, source=init)


def _of_extra(key: str) -> bool:
    return key.startswith(("fine_flow.", "correction.", "spread.", "fuse.from_phase.", "fuse.gate."))


def _bank(data: SharedData, split: str, cache: Path) -> FaceBank:
    return decode_bank(data.stills(split), [(clip.paths, clip.kind) for clip in data.clips(split)], cache)


def _fixed_batch(bank: FaceBank, how: str, p_clip: float, size: int) -> tuple[Tensor, Tensor]:
    samples = PretrainSet(bank, settings(how), length=size, bs=size, n_choices=[7], p_clip=p_clip, seed=123)
    frames, labels, *_ = zip(*(samples[i] for i in range(size)), strict=True)
    return torch.stack(frames), torch.stack(labels)


def _learner(plan: PretrainPlan, bank: FaceBank, net: FusionNet, cbs: list[Callback], device: torch.device) -> Learner:
    samples = PretrainSet(
        bank,
        settings(plan.damage),
        length=plan.steps * plan.bs,
        bs=plan.bs,
        n_choices=plan.n_choices,
        p_clip=plan.p_clip,
        seed=plan.seed,
    )
    workers = 1 if device.type == "cpu" else 8  # on two cores the net needs both; one worker is fast enough
    loader = DataLoader(samples, bs=plan.bs, shuffle=False, num_workers=workers, drop_last=True, device=device)
    dls = DataLoaders(loader, loader, device=device)
    dls.n_inp = 1
    optimiser: Any = partial(Adam, sqr_mom=0.99, wd=1e-4) if plan.opt == "adam" else Muon
    loss = partial(pretrain_loss, weight=plan.motion_weight, spread_weight=plan.spread_weight)
    return Learner(dls, _WithFlow(net), loss_func=loss, opt_func=optimiser, cbs=cbs)


def _export(
    net: FusionNet,
    name: str,
    folder: Path,
    plan: PretrainPlan,
    figures: Mapping[str, float],
    history: str = "",
    data: str = DATA_TERMS,
) -> None:
    """Write weights and card to `folder`, unless the ones that are there did better on the held-out faces."""
    key = "heldout_stills" if max(plan.n_choices) > 1 else "heldout_stills_one"
    found = {f"heldout_{name}": value for name, value in figures.items()}
    there = folder / f"{name}.safetensors"
    if there.is_file() and float(load_card(there).metrics.get(key, -math.inf)) >= found[key]:
        log.info("%s stays: %s is no better than the %s of its card", there, found[key], load_card(there).metrics[key])
        return
    remember(net, "fusion_net", {"preset": plan.preset, "n_frames": _usual(plan), "extras": list(plan.extras)})
    steps, counts = (plan.stop or plan.epochs) * plan.steps, sorted(set(plan.n_choices))
    leg = f"{history}{steps} steps of {plan.bs} sequences, n in {counts}, lr {plan.lr}"
    export(
        net.cpu(),
        name,
        folder,
        recipe=f"models/fusion_net/pretrain.py (make train-pretrained), frames.degrade preset 'train': {leg}, seed {plan.seed}",
        data=data,
        source="trained by the sharpening project",
        licence="weights: for research, not for commerce (terms of the training data)",
        free_use=False,
        paper="A. Svorad, Increasing Quality of Facial Images Using Sequence of Images, Brno 2021 (the task)",
        metrics=found,
        form=BatchForm(_usual(plan), 32, 128),
    )
    log.info("wrote %s", there)


_OPTIONS = ("preset", "damage", "epochs", "stop", "steps", "bs", "lr", "opt", "p_clip", "seed")


def main() -> None:
    """`python -m sharpening.models.fusion_net.pretrain --help`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder in the form of ../shared/data")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: log, checkpoints")
    parser.add_argument(
        "--one-frame", action="store_true", help="train the single-frame twin; it is written to --out, not to pretrained/"
    )
    parser.add_argument("--init", type=Path, help="weight file to start from")
    parser.add_argument("--n-choices", help="numbers of frames to draw from, as in 7,7,5,3,1")
    parser.add_argument("--extras", help=f"of {','.join(EXTRAS)}; all when left out, 'none' for none")
    parser.add_argument("--no-export", action="store_true", help="leave pretrained/ alone: a leg of an ablation")
    for name in _OPTIONS:
        default = getattr(PretrainPlan(), name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default, help=f"default {default}")
    given = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    plan = PretrainPlan(**{name: given[name] for name in _OPTIONS})
    if given["one_frame"]:
        plan = replace(plan, n_choices=(1,))
    if given["n_choices"]:
        plan = replace(plan, n_choices=tuple(int(n) for n in given["n_choices"].split(",")))
    if given["extras"]:
        plan = replace(plan, extras=tuple(name for name in given["extras"].split(",") if name != "none"))
    net, figures = pretrain(plan, given["data"], given["out"], init=given["init"])
    if given["no_export"]:
        return
    name = f"{'twin' if given['one_frame'] else 'fusion'}_{plan.preset}"
    history = "" if given["init"] is None else f"{load_card(given['init']).recipe.rsplit(': ', 1)[-1]}; then "
    held = SharedData(given["data"])
    counted = f"{len(held.stills('train')):,} stills and {len(held.clips('train'))} clips, train split by identity: {DATA_TERMS}"
    _export(net, name, given["out"] if given["one_frame"] else Path("pretrained"), plan, figures, history, data=counted)


if __name__ == "__main__":
    main()
