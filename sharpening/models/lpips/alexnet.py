"""AlexNet as an extractor: the backbone of LPIPS in its usual form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn

from sharpening.errors import RangeError
from sharpening.imaging.ranges import to_imagenet
from sharpening.weights.store import load_into, load_state

__all__ = ["AlexNetExtractor", "alexnet_extractor"]


class AlexNetExtractor(nn.Module):
    """The convolutions of AlexNet in its one-column form, with torchvision's numbering inside (`body.0` …).

    Source: Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, arXiv:1404.5997.
    """

    layers: ClassVar = {"relu1": 1, "relu2": 4, "relu3": 7, "relu4": 9, "relu5": 11}
    """Names of the maps, and the module of `body` that gives each."""

    def __init__(self) -> None:
        super().__init__()
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

    def features(self, pictures: Tensor, layers: Sequence[str] = tuple(layers)) -> list[Tensor]:
        """Maps after the activation for each name in `layers`, in the order asked for.

        Args:
            pictures: `[bs, 3, H, W]`, RGB in [0, 1], any size from 31 px.
            layers: "relu1" to "relu5".

        Raises:
            RangeError: when a name is unknown.
        """
        unknown = [name for name in layers if name not in self.layers]
        if unknown:
            raise RangeError("layers", unknown, f"names out of {', '.join(self.layers)}")
        found: dict[int, Tensor] = {}
        x = to_imagenet(pictures.to(self.body[0].weight.dtype))  # type: ignore[arg-type]
        for place, module in enumerate(self.body):
            x = module(x)
            found[place] = x
        return [found[self.layers[name]] for name in layers]


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
