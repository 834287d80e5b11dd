"""Networks as their weights and card describe them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from sharpening.errors import WeightsMismatch
from sharpening.weights.card import WeightCard
from sharpening.weights.names import true_name
from sharpening.weights.store import find, load_card, load_into, load_state

__all__ = ["load_trained", "remember"]

Network = TypeVar("Network", bound=nn.Module)


def remember(network: Network, model: str, settings: Mapping[str, Any]) -> Network:
    """Note on a network how to build it again: `network.model_name` and `network.settings`, which `training.export` reads."""
    facts: Any = network  # for the type checker: modules may carry any attribute
    facts.model_name, facts.settings = model, dict(settings)
    return network


def load_trained(
    build: Callable[..., Network], model: str, weights: str | Path, *, pretrained: str | Path | None = None
) -> tuple[Network, WeightCard]:
    """Build a network of one kind as its card says and fill it.

    Args:
        build: The network's class.
        model: Its name in `models.zoo`; the card must name the same.
        weights: Name of weights ("default"), or a file with its card beside it.
        pretrained: Folder to search first, see `weights.store.find`.

    Returns:
        The network in eval mode, and the card.

    Raises:
        WeightsMissing: if the weights are nowhere.
        WeightsMismatch: if they are of another network, or not what the card says.
    """
    path = find(true_name(str(weights)), pretrained)
    card = load_card(path)
    if card.model != model:
        raise WeightsMismatch(path, f"holds weights of '{card.model}', not of '{model}'.", f"Use the learner of {card.model}.")
    network = build(**card.settings)
    load_into(network, load_state(path, sha256=card.sha256), source=path)
    return remember(network, model, card.settings).eval(), card
