"""What the `get_learner`s of all networks share: their options, and how network, critic and loaders become a Learner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from torch import nn

from sharpening.errors import RangeError, ShapeError
from sharpening.mframe_dl import BatchForm
from sharpening.models.critics import critic as get_critic
from sharpening.models.loading import load_trained, remember
from sharpening.training.learner import batch_form, make_learner

__all__ = ["Critic", "LearnerOptions", "assemble", "enlarging_form", "picture_sized_form", "start_network", "trained_network"]

Critic = str | Callable[..., Any]
Network = TypeVar("Network", bound=nn.Module)


class LearnerOptions(TypedDict, total=False):
    """Arguments that every `get_learner` takes beside those of its network.

    Attributes:
        lr: Learning rate that `fit` takes when not told.
        wd: Weight decay.
        metrics: Names in `metrics`, taken over the validation pictures.
        channels_last: Lay the weights out for faster convolutions.
        clip: Largest norm of the gradient; 0 for no limit.
        cbs: More callbacks.
        path: Folder for what fastai writes; that of the loaders when not given.
    """

    lr: float
    wd: float
    metrics: Iterable[str]
    channels_last: bool
    clip: float
    cbs: Iterable[Callback]
    path: str | Path | None


def assemble(
    dls: DataLoaders,
    network: nn.Module,
    critic: Critic,
    options: LearnerOptions,
    *,
    splitter: Callable[[Any], Sequence[Any]] | None = None,
    cbs: Iterable[Callback] = (),
    frozen: bool = False,
    **defaults: Any,
) -> Learner:
    """A Learner of a network.

    Args:
        dls: Loaders.
        network: See `loading.remember`; export wants to know how to build it again.
        critic: Name in `models.critics`, or a loss (pred, target).
        options: What the user chose.
        splitter: network → groups of parameters, for `freeze` and `fine_tune`.
        cbs: Callbacks that the network needs, before the user's.
        frozen: Whether all groups but the last start frozen, as fastai does it with a pretrained encoder.
        **defaults: For options that the user left out.
    """
    chosen: dict[str, Any] = {**defaults, **options}
    loss = get_critic(critic) if isinstance(critic, str) else critic
    learn = make_learner(dls, network, loss, splitter=splitter, cbs=[*cbs, *chosen.pop("cbs", ())], **chosen)
    if frozen:
        learn.freeze()
    return learn


def picture_sized_form(dls: DataLoaders, network: str, enlarge: float = 1.0) -> BatchForm:
    """The form of the batches, for networks whose pictures are `enlarge` times as large as their frames.

    Raises:
        ShapeError: if the labels have another size than the pictures.
    """
    form = batch_form(dls)
    if form.size_out != round(enlarge * form.size_in):
        fitting = round(form.size_out / enlarge)
        times = "as large as" if enlarge == 1 else f"{enlarge:g} times as large as"
        advice = f"{network} gives pictures {times} its frames: mframe_dls(…, size_in={fitting}, normalize=True)."
        raise ShapeError("side of the frames", form.size_in, f"{fitting}, for labels of {form.size_out}", advice)
    return form


def enlarging_form(dls: DataLoaders, network: str, scale: int) -> BatchForm:
    """The form of the batches, for networks that take frames in 0 … 1 of their own size and give pictures `scale` times as large.

    Raises:
        ShapeError: if the labels have another size than the pictures.
        RangeError: if the frames are normalised.
    """
    form = batch_form(dls)
    if form.size_out != scale * form.size_in:
        advice = f"Build the loaders with mframe_dls(…, size_in={form.size_out // scale}, size_out={form.size_out})."
        raise ShapeError("side of the labels", form.size_out, f"{scale} times the frames' {form.size_in}", advice)
    if form.normalisation == "imagenet":
        advice = f"{network} takes 0 … 1: mframe_dls(…, normalize=False)."
        raise RangeError("normalisation of the frames", "imagenet", "none", advice)
    return form


def start_network(
    build: Callable[..., Network],
    model: str,
    form: BatchForm,
    settings: dict[str, Any],
    *,
    weights: str | Path | None,
    pretrained: str | Path | None = None,
) -> Network:
    """The network that training starts from.

    Args:
        build: The network's class.
        model: Its name in `models.zoo`.
        form: Of the batches.
        settings: Arguments of a fresh one.
        weights: Trained weights to go on from instead, see `trained_network`.
        pretrained: State file for the encoder of a fresh one.
    """
    if weights is not None:
        return trained_network(build, model, weights, form)
    encoder = {} if pretrained is None else {"pretrained": pretrained}
    return remember(build(**settings, **encoder), model, settings)


def trained_network(build: Callable[..., Network], model: str, weights: str | Path, form: BatchForm) -> Network:
    """A network with trained weights to go on from; they decide its settings.

    Args:
        build: The network's class; what it builds knows its `n_frames`.
        model: Its name in `models.zoo`.
        weights: Name or path.
        form: Of the batches that it shall learn from.

    Raises:
        ShapeError: if the weights are for another number of frames.
        RangeError: if they want another normalisation.
    """
    network, card = load_trained(build, model, weights)
    if card.n_frames != form.n_frames:
        advice = f"Build the loaders with mframe_dls(…, n_frames={card.n_frames})."
        raise ShapeError("frames in a stack", form.n_frames, f"{card.n_frames}, as the weights were trained", advice)
    if form.normalisation not in (card.normalisation, "unknown"):
        advice = f"Build the loaders with mframe_dls(…, normalize={card.normalisation == 'imagenet'})."
        raise RangeError(
            "normalisation of the frames", form.normalisation, f"{card.normalisation}, as the weights were trained", advice
        )
    return network
