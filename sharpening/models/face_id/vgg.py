"""VGG-16 as an extractor for feature losses, with weights that the user brings.

None come with the package. Three forms of file are understood, told apart by their keys:

* torchvision's `vgg16` or `vgg16_bn` (ImageNet): `features.0.weight` …
* VGG-Face out of the Torch7 file: `conv_1_1.weight` …
* VGG-Face out of Oxford's MatConvNet export: `conv1_1.weight` …

VGG-Face (Parkhi et al., "Deep face recognition", 2015) is for research that earns nothing, and wants 0–255 less the mean of its
faces; ImageNet nets want the mean and deviation of ImageNet. Pictures are [0, 1] for both here; the module converts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from torch import Tensor, nn

from sharpening.errors import RangeError, WeightsMismatch
from sharpening.imaging.ranges import to_byte_range
from sharpening.models.basic_blocks.layered import LayeredExtractor
from sharpening.weights.store import load_into, load_state

__all__ = ["VGG_FACE_MEAN", "VGG_GROUPS", "Vgg16Extractor", "numbered", "vgg16_extractor"]

VGG_FACE_MEAN = (129.186279296875, 104.76238250732422, 93.59396362304688)
"""Mean red, green and blue of the faces that VGG-Face learned from, 0–255."""

Normalisation = Literal["imagenet", "vgg_face"]

VGG_GROUPS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Channels of the convolutions between the max pools."""


class Vgg16Extractor(LayeredExtractor):
    """The convolutions of VGG-16, with torchvision's numbering inside (`body.0` …).

    Args:
        batch_norm: whether there is batch normalisation behind each convolution; it always uses its stored statistics.
        normalisation: what the weights were trained with, "imagenet" or "vgg_face".
        groups: channels of the convolutions between the pools; other than the published ones only for trials.

    Attributes:
        layers: names of the maps, "relu1_1" to "relu5_3", and the module of `body` that gives each.

    Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014, arXiv:1409.1556.
    """

    feature_layers: ClassVar = ("relu3_3", "relu4_3", "relu5_3")
    """The maps that feature losses take when nothing else is asked for: the last ones before the pools 3, 4 and 5."""

    def __init__(
        self,
        *,
        batch_norm: bool = False,
        normalisation: Normalisation = "imagenet",
        groups: Sequence[Sequence[int]] = VGG_GROUPS,
    ) -> None:
        super().__init__()
        if normalisation not in ("imagenet", "vgg_face"):
            raise RangeError("normalisation", repr(normalisation), '"imagenet" or "vgg_face"')
        self.normalisation = normalisation
        self.layers = {}
        self.body = nn.Sequential(*self._modules_in_order(batch_norm, groups))
        self.eval()

    def _modules_in_order(self, batch_norm: bool, groups: Sequence[Sequence[int]]) -> Iterator[nn.Module]:
        n_in, place = 3, 0
        for group, widths in enumerate(groups, start=1):
            for number, n_out in enumerate(widths, start=1):
                modules = [nn.Conv2d(n_in, n_out, 3, padding=1), *([nn.BatchNorm2d(n_out)] if batch_norm else []), nn.ReLU()]
                yield from modules
                place += len(modules)
                self.layers[f"relu{group}_{number}"] = place - 1
                n_in = n_out
            yield nn.MaxPool2d(2)
            place += 1

    def normalised(self, pictures: Tensor) -> Tensor:
        """Pictures in [0, 1] as the weights want them."""
        if self.normalisation == "imagenet":
            return super().normalised(pictures)
        return to_byte_range(pictures) - pictures.new_tensor(VGG_FACE_MEAN).view(3, 1, 1)


def vgg16_extractor(path: str | Path, *, sha256: str | None = None) -> Vgg16Extractor:
    """A frozen VGG-16 with the weights of a file (see the head of this module for the forms).

    Args:
        path: a state file, `.safetensors`, `.pt` or `.pth`.
        sha256: what the file must hash to, if known.

    Raises:
        InputError: when there is no such file.
        WeightsMismatch: when it is no VGG-16, or not of this hash.
    """
    state = load_state(path, sha256=sha256)
    convolutions = {key: value for key, value in state.items() if _is_convolutional(key)}
    if "features.0.weight" in convolutions:
        network = Vgg16Extractor(batch_norm="features.1.running_mean" in state)
        renamed = {key.replace("features", "body", 1): value for key, value in convolutions.items()}
    elif any(key in convolutions for key in ("conv_1_1.weight", "conv1_1.weight")):
        network = Vgg16Extractor(normalisation="vgg_face")
        renamed = {numbered(key, network.layers): value for key, value in convolutions.items()}
    else:
        advice = "Wanted torchvision's vgg16 or vgg16_bn (features.0.weight …) or VGG-Face (conv_1_1.weight or conv1_1.weight …)."
        raise WeightsMismatch(path, f"no VGG-16: its keys begin with {', '.join(list(state)[:3]) or 'nothing'}.", advice)
    load_into(network, renamed, source=path)
    return network.requires_grad_(False)


def _is_convolutional(key: str) -> bool:
    return key.startswith(("features.", "conv"))


def numbered(key: str, layers: Mapping[str, int]) -> str:
    """`conv_1_2.weight` or `conv1_2.weight` under the name that it has in the module."""
    layer, part = key.split(".")
    place = layers.get("relu" + layer.removeprefix("conv").removeprefix("_"))
    return key if place is None else f"body.{place - 1}.{part}"
