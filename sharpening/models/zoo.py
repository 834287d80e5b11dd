"""The names of the networks. One line a network; each is loaded when it is first asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from sharpening.models.loading import load_trained, remember
from sharpening.registry import Registry
from sharpening.weights.card import WeightCard, load_card
from sharpening.weights.names import true_name
from sharpening.weights.store import find

__all__ = ["create_model", "list_models", "load_model", "models"]

models = Registry("model")
models.add("unet", "sharpening.models.unet.model:UNet")
models.add("fusion_net", "sharpening.models.fusion_net.model:FusionNet")
models.add("bionet", "sharpening.models.bionet.model:BioNet")
models.add("bionet_published", "sharpening.models.bionet.published:BioNetPublished")
models.add("feature_net", "sharpening.models.feature_net.model:FeatureNet")
models.add("serfiq_net", "sharpening.models.serfiq_net.model:SerFiqNet")
models.add("srgan", "sharpening.models.sr_gan.srgan:SrGan")
models.add("esrgan", "sharpening.models.sr_gan.esrgan:RRDBNet")
models.add("vnet", "sharpening.models.vnet.model:VNet")
models.add("ux_net", "sharpening.models.ux_net.model:UXNet")


def list_models() -> list[str]:
    """Names of all networks that `create_model` can build.

    >>> list_models()[:2]
    ['unet', 'fusion_net']
    """
    return models.names()


def create_model(name: str, **settings: Any) -> nn.Module:
    """Build a network by its name.

    Args:
        name: One of `list_models()`.
        **settings: Arguments of the network's class. It refuses those that it does not know.

    Returns:
        The network with fresh weights. `network.model_name` and `network.settings` say how to build it again, which is what
        `training.export` writes on the card.

    Raises:
        KeyError: for an unknown name, with the nearest known ones.
    """
    return remember(models.get(name)(**settings), name, settings)


def load_model(weights: str | Path, *, pretrained: str | Path | None = None) -> tuple[nn.Module, WeightCard]:
    """Build the network that a weight file's card names, and fill it.

    Args:
        weights: Name of weights ("default"), or a file with its card beside it.
        pretrained: Folder to search first, see `weights.store.find`.

    Returns:
        The network in eval mode, and the card, which says what to feed it.

    Raises:
        WeightsMissing: if the weights are nowhere.
        WeightsMismatch: if the file is not what its card says.
    """
    card = load_card(find(true_name(str(weights)), pretrained))
    return load_trained(models.get(card.model), card.model, weights, pretrained=pretrained)
