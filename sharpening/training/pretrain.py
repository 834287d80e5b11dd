"""The standing recipe of the shipped weights: `make train-pretrained`.

Self-contained and resumable: killed at any time, the same command goes on from the last finished epoch. The single-frame twin is the same
call with `--n-frames 1`: same net, same data, same damage, same number of steps.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import fastai.callback.schedule  # adds fit_one_cycle to Learner
from fastai.callback.core import Callback
from fastai.callback.training import GradientClip
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.optimizer import Adam
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.frames.degrade import settings
from sharpening.models.basic_blocks import affine_grid
from sharpening.models.fusion_net.model import FusionNet, FusionParts
from sharpening.training.pretrain_data import FaceBank, PretrainSet, decode_bank


@dataclass(frozen=True)
class PretrainPlan:
    preset: str = "small"
    n_choices: tuple[int, ...] = (7, 7, 7, 5, 5, 4, 3, 1)
    epochs: int = 12
    steps: int = 200
    bs: int = 8
    lr: float = 1.5e-3
    p_clip: float = 0.2
    motion: float = 0.05
    ema: float = 0.998
    seed: int = 0


class WithFlow(nn.Module):
    """The net as the Learner sees it: picture and sampling grids, so that the loss can supervise the motion."""

    def __init__(self, net: FusionNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, frames: Tensor) -> FusionParts:
        frames = frames.as_subclass(torch.Tensor).contiguous(memory_format=torch.channels_last)
        return self.net.parts(frames)


def pretrain_loss(parts: FusionParts, label: Tensor, motion: Tensor, known: Tensor, *, weight: float = 0.05) -> Tensor:
    """Charbonnier on the picture, and the mean distance [pixels of the frames] of the flow to the true motion where that is known."""
    picture = ((parts.pred - label) ** 2 + 1e-6).sqrt().mean()
    bs, n, height, width, _ = parts.flow.shape
    truth = affine_grid(motion.flatten(0, 1), height, width).unflatten(0, (bs, n))
    miss = (parts.flow - truth).abs().mean(dim=(2, 3, 4)) * (height / 4)
    return picture + weight * (miss * known).sum() / known.sum().clamp(min=1)


class Ema(Callback):
    def __init__(self, net, decay): self.net, self.decay, self.shadow, self.count = net, decay, None, 0
    def after_step(self):
        with torch.no_grad():
            state = self.net.state_dict()
            if self.shadow is None: self.shadow = {k: v.clone() for k, v in state.items()}
            self.count += 1
            d = min(self.decay, (1 + self.count) / (10 + self.count))
            for k, v in state.items(): self.shadow[k].lerp_(v, 1 - d)


class Keep(Callback):
    def __init__(self, out, ema, plan, valid): self.out, self.ema, self.plan, self.valid = out, ema, plan, valid
    def before_fit(self): self.start = time.time(); self.losses = []
    def before_train(self): self.dls.train.dataset.epoch = self.epoch
    def after_batch(self):
        if self.training:
            self.losses.append(float(self.loss))
            if len(self.losses) % 25 == 0: print(f"step {self.epoch*self.plan.steps+self.iter} loss {np.mean(self.losses[-25:]):.4f} {time.time()-self.start:.0f}s", flush=True)
    def after_train(self):
        kept = {k: v.clone() for k, v in self.ema.net.state_dict().items()}
        self.ema.net.load_state_dict(self.ema.shadow)
        row = {"epoch": self.epoch, "loss": float(np.mean(self.losses[-self.plan.steps:])), "seconds": round(time.time() - self.start), **self.valid(self.ema.net)}
        self.ema.net.load_state_dict(kept)
        print(json.dumps(row), flush=True)
        with open(self.out / "log.jsonl", "a") as f: f.write(json.dumps(row) + "\n")
        part = self.out / "last.part"
        torch.save({"epoch": self.epoch + 1, "net": kept, "ema": self.ema.shadow, "count": self.ema.count, "opt": self.learn.opt.state_dict()}, part)
        part.replace(self.out / "last.pt")


def psnr(a, b): return float((-10 * ((a.clamp(0, 1) - b) ** 2).mean(dim=(1, 2, 3)).log10()).mean())

def validator(bank, n_frames, twin):
    sets = {}
    for name, how, p in (("stills", "stills", 0.0), ("damaged", "damaged-middle", 0.0), ("clips", "stills", 1.0)):
        ds = PretrainSet(bank, settings(how), length=48, bs=48, n_choices=[7], p_clip=p, seed=123)
        items = [ds[i] for i in range(48)]
        sets[name] = (torch.stack([i[0] for i in items]), torch.stack([i[1] for i in items]))
    def run(net):
        net.eval(); out = {}
        with torch.no_grad():
            for name, (x, y) in sets.items():
                mid = x[:, 9:12]
                out[name + "_bicubic"] = psnr(F.interpolate(mid, scale_factor=4, mode="bicubic"), y)
                if not twin: out[name] = psnr(torch.cat([net(c) for c in x.split(8)]), y)
                out[name + "_one"] = psnr(torch.cat([net(c) for c in mid.split(8)]), y)
        net.train()
        return {k: round(v, 3) for k, v in out.items()}
    return run


def main():
    a = argparse.ArgumentParser(); a.add_argument("--data", type=Path); a.add_argument("--out", type=Path); a.add_argument("--twin", action="store_true")
    a.add_argument("--epochs", type=int, default=12); a.add_argument("--steps", type=int, default=200); a.add_argument("--bs", type=int, default=8); a.add_argument("--lr", type=float, default=1.5e-3)
    args = a.parse_args()
    plan = PretrainPlan(epochs=args.epochs, steps=args.steps, bs=args.bs, lr=args.lr, n_choices=(1,) if args.twin else PretrainPlan.n_choices)
    args.out.mkdir(parents=True, exist_ok=True)
    rows = list(csv.DictReader(open(args.data / "splits.csv")))
    split = {r["path"]: r["split"] for r in rows}
    idx = list(csv.DictReader(open(args.data / "clips/index.csv")))
    def bank(which):
        stills = [args.data / p for p, s in split.items() if p.startswith("train_faces") and s == which]
        clips = []
        for r in idx:
            if split.get("clips/" + r["clip"]) == which:
                folder = args.data / "clips" / r["clip"]
                clips.append((sorted(folder.iterdir()), r["kind"]))
        return decode_bank(stills, clips, args.out.parent / f"bank-{which}")
    train, valid = bank("train"), bank("valid")
    print(len(train.stills), len(train.clips), len(valid.stills), len(valid.clips), flush=True)
    torch.manual_seed(plan.seed)
    net = FusionNet(plan.preset, n_frames=max(plan.n_choices)).to(memory_format=torch.channels_last)
    ds = PretrainSet(train, settings("train"), length=plan.steps * plan.bs, bs=plan.bs, n_choices=plan.n_choices, p_clip=plan.p_clip, seed=plan.seed)
    dl = DataLoader(ds, bs=plan.bs, shuffle=False, num_workers=1, drop_last=True)
    dls = DataLoaders(dl, dl); dls.n_inp = 1
    ema = Ema(net, plan.ema)
    learn = Learner(dls, WithFlow(net), loss_func=partial(pretrain_loss, weight=plan.motion), opt_func=partial(Adam, sqr_mom=0.99, wd=1e-4), lr=plan.lr, cbs=[GradientClip(0.5), ema, Keep(args.out, ema, plan, validator(valid, 7, args.twin))])
    learn._do_epoch_validate = lambda *a, **k: None
    start = 0
    last = args.out / "last.pt"
    if last.exists():
        c = torch.load(last, weights_only=True)
        start = c["epoch"]; net.load_state_dict(c["net"]); ema.shadow, ema.count = c["ema"], c["count"]
        learn.create_opt(); learn.opt.load_state_dict(c["opt"])
        print("resumed at", start)
    with learn.no_bar(), learn.no_logging():
        learn.fit_one_cycle(plan.epochs, plan.lr, pct_start=0.1, div=10, start_epoch=start)


if __name__ == "__main__":
    main()
