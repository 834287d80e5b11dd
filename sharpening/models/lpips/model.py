"""LPIPS as a network: a backbone trained on ImageNet and the weights of its channels that people's judgements gave."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from sharpening.errors import WeightsMismatch, WeightsMissing
from sharpening.imaging.pairs import as_pair
from sharpening.losses.extractor import Extractor
from sharpening.metrics.lpips import perceptual_distance
from sharpening.models.face_id.vgg import vgg16_extractor
from sharpening.models.lpips.alexnet import alexnet_extractor
from sharpening.weights.store import find, load_into, load_state

__all__ = ["LpipsNet", "load_lpips"]

Backbone = Literal["alex", "vgg"]

# Maps and their channels.
_LEVELS: dict[Backbone, dict[str, int]] = {
    "alex": {"relu1": 64, "relu2": 192, "relu3": 384, "relu4": 256, "relu5": 256},
    "vgg": {"relu1_2": 64, "relu2_2": 128, "relu3_3": 256, "relu4_3": 512, "relu5_3": 512},
}
_FILES: dict[Backbone, str] = {"alex": "alexnet-owt-7be5be79", "vgg": "vgg16-397923af"}
_ADVICE = (
    "The backbones are torchvision's alexnet-owt-7be5be79.pth and vgg16-397923af.pth (download.pytorch.org/models), the heads "
    "lpips_lin_v0.1_alex.pth and …_vgg.pth, lpips/weights/v0.1/{alex,vgg}.pth in github.com/richzhang/PerceptualSimilarity. "
    "Put them into one of these places, or give their paths."
)


class LpipsNet(nn.Module):
    """The perceptual distance between pictures.

    Args:
        extractor: the backbone; freeze it before.
        backbone: which one it is, "alex" or "vgg".

    Attributes:
        heads: the weights of the channels of each level, 1 before weights are loaded.
    """

    def __init__(self, extractor: Extractor, backbone: Backbone) -> None:
        super().__init__()
        self.extractor, self.backbone, self.levels = extractor, backbone, tuple(_LEVELS[backbone])
        self.heads = nn.ParameterList([torch.ones(1, width, 1, 1) for width in _LEVELS[backbone].values()])
        self.requires_grad_(False)

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """The distance of each picture, `[bs]`, at least 0; with gradient to the pictures, so that it can be a loss.

        Args:
            pred: `[bs, 3, H, W]`, RGB in [0, 1], sides of at least 31 px.
            target: the same shape.

        Raises:
            ShapeError: when the shapes differ.
        """
        pred, target = as_pair(pred, target)
        return perceptual_distance(self._maps(pred), self._maps(target), list(self.heads))

    def _maps(self, pictures: Tensor) -> Sequence[Tensor]:
        return self.extractor.features(pictures, self.levels)


def load_lpips(
    heads: str | Path = "lpips_lin_v0.1_alex", backbone: str | Path | None = None, *, pretrained: str | Path | None = None
) -> LpipsNet:
    """LPIPS version 0.1 with the published weights, which the user brings.

    Args:
        heads: file or name of the heads, for AlexNet or VGG-16; they decide which backbone it is.
        backbone: file or name of torchvision's AlexNet or VGG-16; the usual name of the one that is needed when None.
        pretrained: folder to search first, see `weights.store.find`.

    Raises:
        WeightsMissing: when either is nowhere; the message says where to get it.
        WeightsMismatch: when either is something else.
    """
    path = _found(heads, pretrained)
    state = load_state(path)
    kind = _kind(state, path)
    trunk = _found(_FILES[kind] if backbone is None else backbone, pretrained)
    network = LpipsNet((alexnet_extractor if kind == "alex" else vgg16_extractor)(trunk), kind)
    load_into(network.heads, {_renamed(key): value for key, value in state.items()}, source=path)
    return network.eval()


def _found(name: str | Path, pretrained: str | Path | None) -> Path:
    try:
        return find(name, pretrained)
    except WeightsMissing as missing:
        raise WeightsMissing(missing.name, missing.searched, _ADVICE) from None


def _kind(state: dict[str, Tensor], path: Path) -> Backbone:
    widths = [int(value.shape[1]) for key, value in sorted(state.items()) if key.startswith("lin") and value.ndim == 4]
    for kind, levels in _LEVELS.items():
        if widths == list(levels.values()):
            return kind
    raise WeightsMismatch(path, f"holds heads for {widths or 'no'} channels.", "Wanted those for AlexNet or VGG-16. " + _ADVICE)


def _renamed(key: str) -> str:
    """`lin3.model.1.weight` as `3`."""
    return key.removeprefix("lin").removesuffix(".model.1.weight")
