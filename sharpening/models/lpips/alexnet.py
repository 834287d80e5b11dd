"""AlexNet as an extractor: the backbone of LPIPS in its usual form."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from torch import nn

from sharpening.models.basic_blocks.layered import LayeredExtractor
from sharpening.weights.store import load_into, load_state

__all__ = ["AlexNetExtractor", "alexnet_extractor"]


class AlexNetExtractor(LayeredExtractor):
    """The convolutions of AlexNet in its one-column form, with torchvision's numbering inside (`body.0` …).

    Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, arXiv:1404.5997.
    """

    feature_layers: ClassVar = ("relu1", "relu2", "relu3", "relu4", "relu5")
    """All maps, after the activation."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = dict(zip(self.feature_layers, (1, 4, 7, 9, 11), strict=True))
        self.body = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
        )
        self.eval()


def alexnet_extractor(path: str | Path, *, sha256: str | None = None) -> AlexNetExtractor:
    """A frozen AlexNet with the weights of a file of torchvision's `alexnet` (`features.0.weight` …).

    Args:
        path: a state file, `.safetensors`, `.pt` or `.pth`.
        sha256: what the file must hash to, if known.

    Raises:
        InputError: when there is no such file.
        WeightsMismatch: when it is no AlexNet, or not of this hash.
    """
    state = load_state(path, sha256=sha256)
    renamed = {"body" + key.removeprefix("features"): value for key, value in state.items() if not key.startswith("classifier.")}
    return load_into(AlexNetExtractor(), renamed, source=path).requires_grad_(False)
