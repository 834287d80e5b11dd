"""Building Learners and running recipes. The loop is fastai's; nothing here subclasses `Learner`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import fastai.callback.schedule  # noqa: F401  (gives Learner its fit_one_cycle and fine_tune)
import torch
from fastai.callback.core import Callback
from fastai.callback.fp16 import AMPMode, MixedPrecision
from fastai.callback.progress import ProgressCallback
from fastai.callback.training import GradientClip
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastcore.basics import noop
from fastcore.imports import IN_NOTEBOOK
from torch import nn

from sharpening.errors import InputError, RangeError, ShapeError, WeightsMismatch
from sharpening.imaging.files import sha256_of, write_text
from sharpening.metrics import metrics as metric_table
from sharpening.mframe_dl import BatchForm
from sharpening.registry import Registry
from sharpening.training.callbacks import Ema, EpochDraws, JsonLog, LastValidation, PictureMean, loss_parts, read_log
from sharpening.training.checkpoints import Checkpoints
from sharpening.training.export import export
from sharpening.training.recipes import Recipe, recipes
from sharpening.weights.card import card_path
from sharpening.weights.store import load_state

__all__ = ["batch_form", "fit", "learners", "loaders", "make_learner", "quieten", "train"]

_ORIGIN = "origin.json"
_NOT_FIGURES = ("epoch", "step", "lr", "seconds", "train_loss")
Report = Callable[[Mapping[str, Any]], None]

# Named by text: this floor may not import the networks above it, and a recipe is data that may name any of them.
learners = Registry("learner")
learners.add("unet", "sharpening.models.unet.learner:get_learner")
learners.add("fusion_net", "sharpening.models.fusion_net.learner:get_learner")
learners.add("bionet", "sharpening.models.bionet.learner:get_learner")
learners.add("bionet_published", "sharpening.models.bionet.learner:get_published_learner")
learners.add("feature_net", "sharpening.models.feature_net.learner:get_learner")
learners.add("serfiq_net", "sharpening.models.serfiq_net.learner:get_learner")
learners.add("srgan", "sharpening.models.sr_gan.learner:get_learner")
learners.add("esrgan", "sharpening.models.sr_gan.learner:get_esrgan_learner")
learners.add("vnet", "sharpening.models.vnet.learner:get_learner")
learners.add("ux_net", "sharpening.models.ux_net.learner:get_learner")
learners.add("inpaint_net", "sharpening.models.inpaint_net.learner:get_learner")

loaders = Registry("kind of loaders")
loaders.add("mframe", "sharpening.mframe_dl:mframe_dls")
loaders.add("inpaint", "sharpening.models.inpaint_net.data:inpaint_dls")


def batch_form(dls: DataLoaders) -> BatchForm:
    """What the batches of `dls` look like: as `mframe_dls` noted, or read off one batch of other loaders."""
    form = getattr(dls, "form", None)
    if isinstance(form, BatchForm):
        return form
    frames, label = dls.one_batch()[:2]
    if frames.ndim != 4 or frames.shape[1] % 3:
        raise ShapeError("frames of the loader", tuple(frames.shape), "[bs, 3·n, H, W]", "Build the loaders with mframe_dls.")
    return BatchForm(frames.shape[1] // 3, frames.shape[-1], label.shape[-1], normalisation="unknown")


def make_learner(
    dls: DataLoaders,
    network: nn.Module,
    loss: Callable[..., Any],
    *,
    lr: float = 1e-3,
    wd: float = 1e-2,
    metrics: Iterable[str] = ("psnr",),
    splitter: Callable[[Any], Sequence[Any]] | None = None,
    channels_last: bool = True,
    clip: float = 0.5,
    cbs: Iterable[Callback] = (),
    path: str | Path | None = None,
) -> Learner:
    """The Learner that all our networks share.

    Args:
        dls: Loaders, best from `mframe_dls`.
        network: Takes a stack, gives the middle picture.
        loss: (pred, target) → loss. The parts of a `WeightedLoss` become columns of the recorder.
        lr: Learning rate that `fit` and `fit_one_cycle` take when not told.
        wd: Weight decay.
        metrics: Names in `metrics`, taken over the validation pictures.
        splitter: network → groups of parameters, for `freeze` and `fine_tune`.
        channels_last: Lay the weights out for faster convolutions.
        clip: Largest norm of the gradient; 0 for no limit. fastai's learning rates are high for nets without normalisation layers.
        cbs: More callbacks.
        path: Folder for what fastai writes; that of `dls` when not given.

    Returns:
        A `Learner`, in mixed precision on CUDA and only there: on CPUs without AVX-512, bf16 is a hundred times slower than fp32.
        It shows a progress bar at a terminal or in a notebook, and is quiet elsewhere.
    """
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
    columns = [PictureMean(name, metric_table.get(name).fn) for name in metrics] + loss_parts(loss, batch_form(dls).size_out)
    settings = {} if splitter is None else {"splitter": splitter}
    clipping = [GradientClip(clip)] if clip > 0 else []
    learn = Learner(
        dls, network, loss, lr=lr, wd=wd, metrics=columns, cbs=[*clipping, LastValidation(), *cbs], path=path, **settings
    )
    if torch.device(dls.device).type == "cuda":
        learn.add_cb(MixedPrecision(AMPMode.BF16 if torch.cuda.is_bf16_supported() else AMPMode.FP16))
    return quieten(learn)


def quieten(learn: Learner) -> Learner:
    """The Learner, with a progress bar only where somebody looks: at a terminal or in a notebook."""
    if not (sys.stdout.isatty() or IN_NOTEBOOK):
        learn.remove_cbs(ProgressCallback)
        learn.logger = noop
    return learn


def fit(learn: Learner, recipe: Recipe, out: str | Path, *, resume: bool = True, report: Report | None = None) -> Learner:
    """Run a recipe's schedule on a Learner.

    In `out` it writes `recipe.json`, `log.jsonl` (a line an epoch) and `checkpoints/` (the two newest epochs).

    Args:
        learn: From a `get_learner`.
        recipe: Schedule and settings.
        out: Folder of the run.
        resume: Go on where a run in `out` stopped; a checkpoint that cannot be read is passed over for the one before.
            False starts anew and deletes what was there.
        report: Called after each epoch with the facts of its line in the log.

    Returns:
        The Learner, with the running mean of the weights in its network if the recipe wants one.

    Raises:
        RangeError: if `out` holds a run of another recipe.
    """
    out = Path(out)
    checkpoints = Checkpoints(out / "checkpoints")
    _claim(out, recipe, checkpoints, resume)
    averaging = [Ema(recipe.ema)] if recipe.ema > 0 else []
    with learn.added_cbs([*averaging, EpochDraws()]):
        start = checkpoints.restore(learn)
        if start >= recipe.epochs:
            # Nothing is left to train; the network shall look as it did at the end of the run.
            for mean in averaging:
                mean.after_fit()
            return learn
        log = JsonLog(out / "log.jsonl", start=start, report=report)
        learn.fit_one_cycle(
            recipe.epochs, recipe.lr, pct_start=recipe.pct_start, wd=recipe.wd, cbs=[log, checkpoints], start_epoch=start
        )
    return learn


def train(
    recipe: str | Recipe,
    data: Any,
    out: str | Path,
    *,
    resume: bool = True,
    report: Report | None = None,
    start: str | Path | None = None,
    num_workers: int = 0,
    device: torch.device | str | None = None,
) -> Path:
    """Train a network by a recipe and export it.

    Args:
        recipe: Name in `recipes`, or an own one.
        data: Any source of the recipe's loaders; those of `mframe_dls` for most.
        out: Folder of the run; the weights `<recipe's name>.safetensors` and their card lie there in the end.
        resume: Go on with a run that was stopped or killed.
        report: Called after each epoch with its facts.
        start: Weights to start from, for a recipe that has a `start`. When left out they are those in the folder beside `out` that
            bears the name of that recipe, which is run there first where it was not.
        num_workers: Processes that load.
        device: Where to train; CUDA where there is one.

    Returns:
        The weight file.

    Raises:
        RangeError: if `start` is given to a recipe that starts from fresh weights, or `out` holds a run of another recipe, on other data
            or from another start.
    """
    recipe = recipes.get(recipe) if isinstance(recipe, str) else recipe
    if start is not None and not recipe.start:
        raise RangeError("start", str(start), "nothing", f"The recipe {recipe.name} starts from fresh weights.")
    if resume:
        _check_origin(Path(out), _origin(recipe, data, Path(out), start))
        if (finished := _finished(recipe, Path(out))) is not None:
            return finished
    if recipe.start and start is None:
        before = Path(out).parent / recipe.start
        start = train(recipe.start, data, before, report=report, num_workers=num_workers, device=device)
    if not (resume and (Path(out) / _ORIGIN).is_file()):
        write_text(Path(out) / _ORIGIN, json.dumps(_origin(recipe, data, Path(out), start), indent=1) + "\n")
    dls = loaders.get(recipe.loaders)(data, **recipe.loader_settings(), num_workers=num_workers, device=device, path=out)
    learn = _fresh_learner(recipe, dls, {recipe.start_as: start} if recipe.start else {})
    fit(learn, recipe, out, resume=resume, report=report)
    # From the log, not from the Learner: a run that was finished before has no figures in memory.
    last = read_log(Path(out) / "log.jsonl")[-1]
    figures = {f"training/{name}": value for name, value in last.items() if name not in _NOT_FIGURES and value is not None}
    # The name alone: a card is given away, and the rest of a path tells of the desk it was made on.
    origin = f"folder {Path(data).resolve().name}" if isinstance(data, str | Path) else "sequences in memory"
    return export(learn, recipe.name, out, recipe=recipe, data=origin, metrics=figures)


def _origin(recipe: Recipe, data: Any, out: Path, start: str | Path | None) -> dict[str, str | None]:
    """What a run is made of beside its recipe; None where it is not known (yet)."""
    beside = out.parent / recipe.start / f"{recipe.start}.safetensors" if recipe.start else None
    file = beside if start is None else Path(start)
    return {
        "data": str(Path(data).resolve()) if isinstance(data, str | Path) else None,
        "start": sha256_of(file) if file is not None and file.is_file() else None,
    }


def _check_origin(out: Path, origin: Mapping[str, str | None]) -> None:
    note = out / _ORIGIN
    if not note.is_file():
        return  # nothing has begun here
    for name, before in json.loads(note.read_text(encoding="utf-8")).items():
        if None not in (before, origin[name]) and before != origin[name]:
            advice = f"Choose another folder, or resume=False to start anew there; if it has only moved, delete {note}."
            raise RangeError(f"{name} of the run in {out}", str(origin[name]), f"{before}, with which it began", advice)


def _finished(recipe: Recipe, out: Path) -> Path | None:
    """The weights of a run that is over; exporting them again would write today's commit on the card of older work."""
    weights, note = out / f"{recipe.name}.safetensors", out / "recipe.json"
    if not all(file.is_file() for file in (weights, card_path(weights), note, out / "log.jsonl")):
        return None
    if Recipe.from_json(note.read_text(encoding="utf-8")) != Recipe.from_json(recipe.to_json()):
        return None  # `fit` tells what is wrong
    try:
        load_state(weights)  # also holds it against its card
    except (InputError, WeightsMismatch):
        return None
    log = read_log(out / "log.jsonl")
    return weights if log and log[-1]["epoch"] == recipe.epochs - 1 else None


def _fresh_learner(recipe: Recipe, dls: DataLoaders, start: Mapping[str, Any]) -> Learner:
    # The seed holds inside this block only: a program that trains two networks keeps its own chance.
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        return learners.get(recipe.model)(dls, **recipe.learner_settings(), **start)


def _claim(out: Path, recipe: Recipe, checkpoints: Checkpoints, resume: bool) -> None:
    """Make `out` the folder of this recipe's run."""
    note = out / "recipe.json"
    if not resume:
        for _, path in checkpoints.files():
            path.unlink()
        (out / "log.jsonl").unlink(missing_ok=True)
    elif note.exists() and Recipe.from_json(note.read_text(encoding="utf-8")) != Recipe.from_json(recipe.to_json()):
        advice = "Choose another folder, or resume=False to start anew there."
        raise RangeError(f"recipe for {out}", recipe.name, "the very recipe of the run that lies there", advice)
    out.mkdir(parents=True, exist_ok=True)
    write_text(note, recipe.to_json())
