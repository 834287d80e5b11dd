"""VGG-19 as an extractor for the style loss, with torchvision's ImageNet weights that the user brings."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from sharpening.errors import WeightsMismatch
from sharpening.models.face_id.vgg import Vgg16Extractor
from sharpening.weights.store import load_into, load_state

__all__ = ["Vgg19Extractor", "vgg19_extractor"]

# Channels of the convolutions between the max pools.
_GROUPS = ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4)


class Vgg19Extractor(Vgg16Extractor):
    """The convolutions of VGG-19, with torchvision's numbering inside (`body.0` …).

    Attributes:
        layers: names of the maps and the module of `body` that gives each: "conv1_1" to "conv5_4" before the activation, and
            "relu1_1" to "relu5_4" after it.

    Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014, arXiv:1409.1556.
    """

    feature_layers: ClassVar = ("relu3_4", "relu4_4", "relu5_4")
    """The last maps before the pools 3, 4 and 5."""

    def __init__(self) -> None:
        super().__init__(groups=_GROUPS)
        self.layers |= {name.replace("relu", "conv"): place - 1 for name, place in self.layers.items()}


def vgg19_extractor(path: str | Path, *, sha256: str | None = None) -> Vgg19Extractor:
    """A frozen VGG-19 with the weights of a file of torchvision's `vgg19` (`features.0.weight` …).

    Args:
        path: a state file, `.safetensors`, `.pt` or `.pth`.
        sha256: what the file must hash to, if known.

    Raises:
        InputError: when there is no such file.
        WeightsMismatch: when it is no VGG-19, or not of this hash.
    """
    state = load_state(path, sha256=sha256)
    renamed = {"body" + key.removeprefix("features"): value for key, value in state.items() if key.startswith("features.")}
    if not renamed:
        advice = "Wanted torchvision's vgg19 (features.0.weight …)."
        raise WeightsMismatch(path, f"no VGG-19: its keys begin with {', '.join(list(state)[:3]) or 'nothing'}.", advice)
    return load_into(Vgg19Extractor(), renamed, source=path).requires_grad_(False)
