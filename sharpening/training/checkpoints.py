"""Checkpoints: network, optimiser and running mean after each epoch, in one safetensors file that a kill cannot half-write."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from fastai.callback.core import Callback
from fastai.learner import Learner
from torch import Tensor

from sharpening.errors import InputError, WeightsMismatch
from sharpening.training.callbacks import Ema
from sharpening.weights.store import load_into, load_state, save_state

__all__ = ["Checkpoints"]

_NAME = re.compile(r"epoch_(\d+)\.safetensors")
_META = "meta"


class Checkpoints(Callback):
    """Writes a checkpoint after each epoch, keeps the newest ones, and restores from the newest that can be read.

    Safetensors and JSON, no pickle: reading a checkpoint runs no code.

    Args:
        folder: Where they lie.
        keep: How many stay; at least two, so that there is one to fall back to.
        start: First epoch that is really run; `restore` sets it. fastai calls `after_epoch` for the skipped ones as well.
    """

    order = 70

    def __init__(self, folder: Path, *, keep: int = 2, start: int = 0) -> None:
        super().__init__()
        self.folder, self.keep, self.start = folder, max(2, keep), start

    def after_epoch(self) -> None:
        """Write the epoch that ended."""
        if self.epoch < self.start:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        save_state(self.folder / f"epoch_{self.epoch:04d}.safetensors", pack(self.learn, self.epoch))
        for _, path in self.files()[: -self.keep]:
            path.unlink()

    def files(self) -> list[tuple[int, Path]]:
        """(epoch, file) of what is there, oldest first."""
        found = ((_NAME.fullmatch(path.name), path) for path in self.folder.glob("epoch_*.safetensors"))
        return sorted((int(match[1]), path) for match, path in found if match)

    def restore(self, learn: Learner) -> int:
        """Bring `learn` to the newest readable checkpoint.

        Returns:
            The epoch to go on with; 0 where there is no checkpoint.

        Raises:
            WeightsMismatch: if there are checkpoints but none can be read, rather than silently starting anew.
        """
        problems = []
        for epoch, path in reversed(self.files()):
            try:
                state = load_state(path)
            except (InputError, WeightsMismatch) as problem:
                problems.append(problem)
                continue
            unpack(learn, state, source=path)
            self.start = epoch + 1
            return self.start
        if problems:
            raise WeightsMismatch(
                self.folder, "none of the checkpoints can be read.", "Delete the folder to start anew."
            ) from problems[0]
        return 0


def pack(learn: Learner, epoch: int) -> dict[str, Tensor]:
    """All that training needs to go on, as named tensors."""
    state = {f"model.{key}": value for key, value in learn.model.state_dict().items()}
    optimiser = learn.opt.state_dict()
    marks = []
    for i, parameter in enumerate(optimiser["state"]):
        state |= {f"opt.{i}.{key}": value for key, value in parameter.items() if isinstance(value, Tensor)}
        marks.append({key: value for key, value in parameter.items() if not isinstance(value, Tensor)})
    ema = _ema(learn)
    if ema is not None:
        state |= {f"ema.{key}": value for key, value in ema.mean.items()}
    hypers = [{key: _plain(value) for key, value in group.items()} for group in optimiser["hypers"]]
    meta = {"epoch": epoch, "hypers": hypers, "marks": marks, "ema_steps": ema.steps if ema else 0}
    state[_META] = torch.frombuffer(bytearray(json.dumps(meta).encode()), dtype=torch.uint8)
    return state


def unpack(learn: Learner, state: Mapping[str, Tensor], *, source: Path) -> None:
    """Put what `pack` gathered back into a Learner of the same build."""
    meta = json.loads(bytes(state[_META].tolist()))
    load_into(learn.model, _part(state, "model."), source=source)
    if learn.opt is None:
        learn.create_opt()
    device = next(learn.model.parameters()).device
    parameters: list[dict[str, Any]] = [dict(mark) for mark in meta["marks"]]
    for key, value in _part(state, "opt.").items():
        i, name = key.split(".", 1)
        parameters[int(i)][name] = value.to(device)
    learn.opt.load_state_dict({"state": parameters, "hypers": [dict(group) for group in meta["hypers"]]})
    ema = _ema(learn)
    if ema is not None:
        ema.mean, ema.steps = _part(state, "ema."), meta["ema_steps"]


def _part(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}


def _plain(value: Any) -> Any:
    # Schedules write numpy numbers, which JSON does not know.
    return value.item() if hasattr(value, "item") else value


def _ema(learn: Learner) -> Ema | None:
    return next((cb for cb in learn.cbs if isinstance(cb, Ema)), None)
