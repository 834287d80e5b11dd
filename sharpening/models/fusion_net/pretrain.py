"""The standing recipe of the shipped weights: `make train-pretrained`, then `make train-perceptual`; `make train-twin` for the twin.

In legs: the first taught the net what a face is, on one frame, at half of the cost of a step; later ones go on with many frames, each
from the weights of the one before, whose card tells them all. The twin goes on with one frame for as many steps, so what it lacks against
the shipped net is what the other frames give. Self-contained and resumable: killed at any time, the same command goes on from the last
finished epoch.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import fastai.callback.schedule  # noqa: F401  (gives Learner its fit_one_cycle)
import torch
from fastai.callback.core import Callback
from fastai.callback.training import GradientClip
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.optimizer import Adam
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.errors import RangeError
from sharpening.frames.degrade import DegradeSettings, settings
from sharpening.frames.layouts import SharedData
from sharpening.losses.pixel import charbonnier
from sharpening.models.basic_blocks import affine_grid, fast_dtype
from sharpening.models.critics import critic as build_critic
from sharpening.models.fusion_net.extras import EXTRAS
from sharpening.models.fusion_net.held_out import HeldOut
from sharpening.models.fusion_net.legs import claim, free_number, set_aside
from sharpening.models.fusion_net.model import FusionNet, FusionParts
from sharpening.models.fusion_net.plan import FIDELITY, PretrainPlan
from sharpening.models.fusion_net.pretrain_data import FaceBank, PretrainSet, decode_bank
from sharpening.models.fusion_net.release import DATA_TERMS, export_better, gain_over
from sharpening.training.callbacks import Ema, append_line, read_log
from sharpening.training.checkpoints import Checkpoints
from sharpening.training.muon import Muon
from sharpening.weights.names import true_name
from sharpening.weights.store import load_card, load_into, load_state

__all__ = ["PretrainPlan", "pretrain", "pretrain_loss"]

log = logging.getLogger(__name__)

PRECISIONS = ("auto", "float32", "bfloat16")


class _WithFlow(nn.Module):
    """The net as the Learner sees it: its loss needs the sampling grids beside the picture, and all of them in float32."""

    def __init__(self, net: FusionNet, dtype: torch.dtype) -> None:
        super().__init__()
        self.net, self.dtype = net, dtype

    def forward(self, frames: Tensor) -> FusionParts:
        frames = frames.as_subclass(torch.Tensor).contiguous(memory_format=torch.channels_last)
        with torch.autocast(frames.device.type, self.dtype, enabled=self.dtype != torch.float32):
            parts = self.net.parts(frames)
        spread = None if parts.spread is None else parts.spread.float()
        return FusionParts(parts.pred.float(), parts.flow.float(), parts.weights.float(), spread)


def pretrain_loss(
    parts: FusionParts,
    label: Tensor,
    motion: Tensor,
    known: Tensor,
    bend: Tensor,
    *,
    weight: float = 0.05,
    spread_weight: float = 0.01,
    critic: Callable[[Tensor, Tensor], Tensor] = charbonnier,
) -> Tensor:
    """The critic on the picture; the mean error [px of the frames, per axis] of the flow where the true motion is known; the likelihood.

    Args:
        parts: Of the net.
        label: `[bs, 3, 4h, 4w]`, 0 … 1.
        motion: `[bs, n, 2, 3]`, as in `frames.degrade.Damaged`.
        known: `[bs, n]`, 1 where `motion` is the truth.
        bend: `[bs, n, h, w, 2]`, likewise.
        weight: Of the flow's error.
        spread_weight: Of the negative log-likelihood of the picture's error under the Laplace distribution of `parts.spread`.
        critic: Of the picture: (pred, label) → a number.
    """
    bs, n, height, width, _ = parts.flow.shape
    beyond = F.interpolate(bend.flatten(0, 1).permute(0, 3, 1, 2), size=(height, width), mode="bilinear", align_corners=False)
    truth = affine_grid(motion.flatten(0, 1), height, width) + beyond.permute(0, 2, 3, 1)
    miss = (parts.flow - truth.unflatten(0, (bs, n))).abs().mean(dim=(2, 3, 4)) * (height / 4)
    loss = critic(parts.pred, label) + weight * (miss * known).sum() / known.sum().clamp(min=1)
    if parts.spread is not None:
        error = (parts.pred.detach() - label).abs().mean(dim=1, keepdim=True)
        loss = loss + spread_weight * (parts.spread.log() + error / parts.spread).mean()
    return loss


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

    Raises:
        RangeError: a leg of another plan, or from other weights, was stopped in `out`; or a share of fresh weights is asked for.
    """
    if not 0 <= plan.start_share < 1 or (plan.start_share and init is None):
        got = f"{plan.start_share:g} of {'fresh weights' if init is None else init}"
        advice = "Name weights to start from (--init), or leave --start-share out."
        raise RangeError("share of the weights that the leg begins with", got, "0 … 1 without 1, of trained weights", advice)
    folder = Path(out)
    train, valid = (_bank(SharedData(data), split, folder.parent / f"bank-{split}") for split in ("train", "valid"))
    torch.manual_seed(plan.seed)
    device = _device()
    net = FusionNet(plan.preset, n_frames=plan.n_usual, extras=plan.extras).to(device).to(memory_format=torch.channels_last)
    if init is not None:
        _continue(net, Path(init))
    if plan.parts:
        _only(net, plan.parts)
    ema = Ema(plan.ema)
    critic = None if plan.fidelity else build_critic(plan.critic).to(device)
    held_out = HeldOut(valid, ema, folder / "log.jsonl", n_frames=plan.n_usual, stop=plan.stop, critic=critic)
    keeper = Checkpoints(folder / "checkpoints")
    began = {key: value.clone() for key, value in net.state_dict().items()}
    learn = _learner(plan, train, net, critic or FIDELITY[plan.critic], [GradientClip(0.5), ema, held_out, keeper], device)
    start = keeper.restore(learn)
    claim(folder, plan, None if init is None else Path(init), anew=start == 0)
    if start == 0:
        set_aside(held_out.file)
    log.info("%d stills, %d clips; epoch %d of %d", len(train.stills), len(train.clips), start, plan.epochs)
    if start < (plan.stop or plan.epochs):
        with learn.no_bar(), learn.no_logging():
            learn.fit_one_cycle(plan.epochs, plan.lr, pct_start=0.1, div=10, start_epoch=start)
    learn.model.load_state_dict(ema.mean)
    last = read_log(held_out.file)[-1]
    figures = {name: value for name, value in last.items() if name not in ("epoch", "loss", "seconds")}
    return net, _mixed(net, began, plan, held_out, figures) if plan.start_share else figures


def _mixed(
    net: FusionNet, began: Mapping[str, Tensor], plan: PretrainPlan, held_out: HeldOut, figures: dict[str, float]
) -> dict[str, float]:
    """Mix the weights that the leg began with into its end, if that is better or a critic judges; the figures of what the net has then.

    A critic would always like its own end best: the share is what it pays for the pixels, and is kept whatever it says.

    The figures hold `start_share` where it was; that line of the log has a share and no epoch.
    """
    ended = {key: value.clone() for key, value in net.state_dict().items()}
    net.load_state_dict({key: ended[key].lerp(began[key], plan.start_share) for key in ended})
    mixed = {"start_share": plan.start_share, **held_out.measure()}
    if (gained := gain_over(mixed, figures, plan)) > 0 or plan.judged_by == "critic":
        append_line(held_out.file, mixed)
        figures = mixed
    else:
        net.load_state_dict(ended)
    log.info("%g of the weights before in the leg's end: %+.3f, %s", plan.start_share, gained, json.dumps(held_out.figures))
    return figures


def _only(net: FusionNet, names: tuple[str, ...]) -> None:
    parts = dict(net.named_modules())
    net.requires_grad_(requires_grad=False)
    for name in names:
        if not name or name not in parts:  # the net itself has the empty name
            known = ", ".join(key for key, _ in net.named_children())
            raise RangeError("part to train alone", name, f"one of {known}, or a part of these; more of them after commas")
        parts[name].requires_grad_()


def _continue(net: FusionNet, init: Path) -> None:
    """Go on from other weights; extras that those do not have start as nothing."""
    state, first = load_state(init), FusionNet(net.preset).state_dict()
    fresh = {key: value for key, value in net.state_dict().items() if key not in state and key not in first}
    load_into(net, {**state, **fresh}, source=init)


def _bank(data: SharedData, split: str, cache: Path) -> FaceBank:
    return decode_bank(data.stills(split), [(clip.paths, clip.kind) for clip in data.clips(split)], cache)


def _learner(
    plan: PretrainPlan,
    bank: FaceBank,
    net: FusionNet,
    critic: Callable[[Tensor, Tensor], Tensor],
    cbs: list[Callback],
    device: torch.device,
) -> Learner:
    samples = PretrainSet(
        bank,
        replace(settings(plan.damage), **plan.other_damage),
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
    dtype = _dtype(plan.precision, device)
    optimiser: Any = partial(Adam, sqr_mom=0.99, wd=1e-4) if plan.opt == "adam" else partial(Muon, dtype=dtype)
    loss = partial(pretrain_loss, weight=plan.motion_weight, spread_weight=plan.spread_weight, critic=critic)
    return Learner(dls, _WithFlow(net, dtype), loss_func=loss, opt_func=optimiser, cbs=cbs)


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _dtype(precision: str, device: torch.device) -> torch.dtype:
    if precision not in PRECISIONS:
        raise RangeError("precision", precision, f"one of {', '.join(PRECISIONS)}")
    return fast_dtype(device) if precision == "auto" else getattr(torch, precision)


def _numbers(text: str) -> dict[str, float]:
    """Read single settings of the damage: NAME=NUMBER, more of them after commas."""
    known = [each.name for each in fields(DegradeSettings) if isinstance(each.default, float)]
    found = dict[str, float]()
    for pair in text.split(","):
        name, _, number = pair.partition("=")
        if name not in known:
            raise RangeError("setting of the damage", name, f"one of {', '.join(known)}")
        try:
            found[name] = float(number)
        except ValueError:
            raise RangeError(f"setting of the damage '{name}'", number, "a number, as in p_alive=0") from None
        if not math.isfinite(found[name]) or (name.startswith(("film", "p_")) and not 0 <= found[name] <= 1):
            raise RangeError(f"setting of the damage '{name}'", number, "a finite number; 0 … 1 for film and p_…")
    return found


_OPTIONS = (
    "preset",
    "only",
    "damage",
    "epochs",
    "stop",
    "steps",
    "bs",
    "lr",
    "opt",
    "critic",
    "p_clip",
    "precision",
    "start_share",
)


def main() -> None:
    """`python -m sharpening.models.fusion_net.pretrain --help`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder in the form of ../shared/data")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run: log, checkpoints")
    parser.add_argument(
        "--one-frame",
        action="store_true",
        help="train the single-frame twin, which the gain of the other frames is measured against",
    )
    parser.add_argument("--init", type=Path, help="weight file to start from")
    parser.add_argument("--n-choices", help="numbers of frames to draw from, as in 7,7,5,3,1")
    parser.add_argument("--extras", help=f"of {','.join(EXTRAS)}; all when left out, 'none' for none")
    parser.add_argument("--other-damage", metavar="NAME=NUMBER,…", help="settings of the damage that are to be otherwise")
    parser.add_argument("--no-export", action="store_true", help="leave pretrained/ alone: a leg of an ablation")
    for name in _OPTIONS:
        default = getattr(PretrainPlan(), name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default, help=f"default {default}")
    parser.add_argument(
        "--seed", type=int, help="another one for each leg when left out, so that no leg sees the samples of another"
    )
    given = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO, format="%(message)s", force=True)
    history = "" if given["init"] is None else f"{load_card(given['init']).recipe.rsplit(': ', 1)[-1]}; then "
    seed = 1 + max(map(int, re.findall(r"seed (\d+)", history)), default=-1) if given["seed"] is None else given["seed"]
    plan = PretrainPlan(**{name: given[name] for name in _OPTIONS}, seed=seed)
    # What "auto" means is settled here, so that the card can tell it.
    plan = replace(plan, precision=str(_dtype(plan.precision, _device())).removeprefix("torch."))
    if given["one_frame"]:
        plan = replace(plan, n_choices=(1,))
    if given["n_choices"]:
        plan = replace(plan, n_choices=tuple(int(n) for n in given["n_choices"].split(",")))
    if given["extras"]:
        plan = replace(plan, extras=tuple(name for name in given["extras"].split(",") if name != "none"))
    if given["other_damage"]:
        plan = replace(plan, other_damage=_numbers(given["other_damage"]))
    net, figures = pretrain(plan, given["data"], given["out"], init=given["init"])
    if given["no_export"]:
        return
    name = f"{'twin' if plan.one_frame else 'fusion'}_{plan.preset}"
    if plan.parts and given["init"] is not None:
        name = load_card(given["init"]).name  # the rest of the net is that of these weights
    # What a critic made never takes the place of what PSNR kept.
    name = name if plan.judged_by != "critic" else f"{name.removesuffix(f'_{plan.critic}')}_{plan.critic}"
    held = SharedData(given["data"])
    counted = f"{len(held.stills('train')):,} stills and {len(held.clips('train'))} clips, train split by identity: {DATA_TERMS}"
    if not export_better(net, name, Path("pretrained"), plan, figures, history=history, data=counted):
        # What was trained is not lost because something else was better.
        kept = f"{name}_not_better_{free_number(given['out'], f'{name}_not_better_')}"
        export_better(net, kept, given["out"], plan, figures, history=history, data=counted)
    elif not plan.one_frame:
        after = "" if plan.judged_by == "critic" else "; then make train-perceptual, if the picture has changed"
        guard = ", and sharpening guard --write" if true_name("default") == name else ""
        log.info("Now measure what belongs to them: sharpening calibrate --weights %s --write-card%s%s.", name, guard, after)
    # The leg is over: the next call starts another one.
    shutil.rmtree(given["out"] / "checkpoints")


if __name__ == "__main__":
    main()
