"""Giving weights away: the tensors as safetensors, and a card that says what they are and how to build the network again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from fastai.learner import Learner
from torch import Tensor, nn

from sharpening.errors import RangeError
from sharpening.mframe_dl.types import BatchForm
from sharpening.training.recipes import Recipe
from sharpening.weights.card import WeightCard
from sharpening.weights.commit import checkout_commit
from sharpening.weights.store import save_state

__all__ = ["export"]

_UNSTATED = "not stated"


def export(
    network: Learner | nn.Module,
    name: str,
    folder: str | Path = "pretrained",
    *,
    recipe: Recipe | str | None = None,
    data: str = _UNSTATED,
    source: str = "trained by the user of this package",
    licence: str = _UNSTATED,
    free_use: bool = False,
    paper: str = "",
    metrics: Mapping[str, float] | None = None,
    form: BatchForm | None = None,
    dtype: torch.dtype | None = None,
) -> Path:
    """Write a network's weights and their card: `<folder>/<name>.safetensors` and `<folder>/<name>.json`.

    Args:
        network: A Learner, or a network from `create_model` or `load_trained`.
        name: What the weights are to be called; `get_learner(dls, weights=<path or name>)` finds them by it.
        folder: Made where it is absent.
        recipe: What they were trained by.
        data: What they were trained on, and its terms.
        source: Who made them.
        licence: Under which terms they may be used.
        free_use: Whether that includes commerce; think of the terms of the data.
        paper: What to cite.
        metrics: Measured figures; a Learner's last validation where not given.
        form: What the network takes; taken from the Learner's loaders where not given.
        dtype: What the numbers are stored as: float16 makes half of the file. A network that they are loaded into keeps its own type.

    Returns:
        The weight file.

    Raises:
        RangeError: if it cannot be known how to build the network again, or what it takes.
    """
    learn = network if isinstance(network, Learner) else None
    net: Any = network.model if isinstance(network, Learner) else network
    # A Learner of several networks says which of them is to be given away.
    net = getattr(net, net.exports) if isinstance(getattr(net, "exports", None), str) else net
    form = form or getattr(getattr(learn, "dls", None), "form", None)
    if form is None:
        raise RangeError("form", None, "a BatchForm", "Say what the network takes: export(…, form=BatchForm(7, 32, 128)).")
    if not hasattr(net, "settings"):
        raise RangeError(
            "network", type(net).__name__, "one made by create_model or get_learner", "The card must say how to build it."
        )
    card = WeightCard(
        name=name,
        model=net.model_name,
        source=source,
        licence=licence,
        free_use=free_use,
        paper=paper,
        data=data,
        recipe=_words(recipe),
        metrics=dict(metrics) if metrics is not None else _last_validation(learn),
        commit=checkout_commit(),
        **_facts(net, form),
    )
    Path(folder).mkdir(parents=True, exist_ok=True)
    return save_state(Path(folder) / f"{name}.safetensors", _stored_as(net.state_dict(), dtype), card)


def _stored_as(state: Mapping[str, Tensor], dtype: torch.dtype | None) -> dict[str, Tensor]:
    """Floating point numbers as `dtype`, or as they are when None; counters always as they are."""
    return {key: value.to(dtype) if dtype is not None and value.is_floating_point() else value for key, value in state.items()}


def _facts(net: Any, form: BatchForm) -> dict[str, Any]:
    """What the network and its loaders say of themselves."""
    # Where the first weights came from is no setting of the network: the weights are in the file now.
    settings = {key: value for key, value in net.settings.items() if key != "pretrained"}
    taken = {key: getattr(form, key) for key in ("n_frames", "size_in", "size_out", "normalisation")}
    return {"settings": settings, "n_parameters": sum(p.numel() for p in net.parameters()) + getattr(net, "n_frozen", 0), **taken}


def _words(recipe: Recipe | str | None) -> str:
    if isinstance(recipe, Recipe):
        length = "" if recipe.samples_per_epoch is None else f" of {recipe.samples_per_epoch} samples"
        return f"{recipe.name}: {recipe.epochs} epochs{length}, seed {recipe.seed}"
    return recipe or _UNSTATED


def _last_validation(learn: Learner | None) -> dict[str, float]:
    # A Learner that `make_learner` did not make keeps fastai's record alone.
    record = getattr(learn, "last_validation", None) or getattr(learn, "final_record", None)
    if learn is None or record is None:
        return {}
    names = ["valid_loss", *(metric.name for metric in learn.metrics)]
    # A record of `fit` starts with the training loss, one of `validate` does not: both end with what is wanted.
    values = list(record)[-len(names) :]
    return {f"training/{name}": float(value) for name, value in zip(names, values, strict=True) if value is not None}
