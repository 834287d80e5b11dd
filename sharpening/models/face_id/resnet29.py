"""dlib's face net (a ResNet with 29 weighted layers) in torch: the same numbers, but differentiable and batched.

The weights come out of the file that the package `face_recognition_models` installs; nothing is downloaded.
Two faces whose descriptors lie less than 0.6 apart are taken for the same person (the author's threshold).

Source: D. E. King, "High quality face recognition with deep metric learning", blog.dlib.net, 2017; after He et al., "Deep residual
learning for image recognition", 2016, doi:10.1109/CVPR.2016.90. Model file: public domain, trained on about 3 million found faces.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.errors import ShapeError, WeightsMismatch
from sharpening.models.face_align.chip import extract_chip
from sharpening.models.face_align.dlib_models import FACE_NET, dlib_model_path
from sharpening.models.face_id.dlib_file import DlibLayer, read_layers
from sharpening.models.face_id.protocol import chosen_maps, to_side

__all__ = ["SIDE", "DlibResNet29", "load_resnet29"]

SIDE = 150
"""The only size [px] at which the net means anything; at 128 px the same face gets a descriptor 1.2 away."""

# (channels, blocks, whether the first block halves the picture), as in the file.
_STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))


class _Block(nn.Module):
    """Two 3×3 convolutions beside a shortcut without weights.

    The convolutions that halve have no margin, so the two ways differ in size; as in dlib the smaller one is filled up with zeros
    at the right, at the bottom and in the channels.
    """

    def __init__(self, n_in: int, n_out: int, halves: bool) -> None:
        super().__init__()
        self.halves = halves
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=2, padding=0) if halves else nn.Conv2d(n_in, n_out, 3, padding=1)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        main = self.conv2(F.relu(self.conv1(x)))
        shortcut = F.avg_pool2d(x, 2) if self.halves else x
        shape = [max(a, b) for a, b in zip(main.shape[1:], shortcut.shape[1:], strict=True)]
        return F.relu(_fill(main, shape) + _fill(shortcut, shape))


class DlibResNet29(nn.Module):
    """The face net. Its affine layers are folded into the convolutions before them.

    `forward` gives descriptors of aligned chips; `features` gives the maps inside, for feature losses.
    Built by hand it has random weights: `load_resnet29` gives the trained one.
    """

    stages: ClassVar = ("stem", "stage1", "stage2", "stage3", "stage4", "stage5")
    """Names of the maps, for 150×150: 32 channels at 35 px, 32 at 35, 64 at 17, 128 at 8, 256 at 4 and 256 at 2."""

    feature_layers: ClassVar = ("stage1", "stage2", "stage3")
    """The maps that feature losses take when nothing else is asked for."""

    name = "dlib_resnet29"
    size = SIDE
    n_descriptor = 128
    p_drop = 0.5
    """Chance of dropout in SER-FIQ; the net was trained without."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([122.782, 117.001, 104.298]).view(3, 1, 1))
        self.stem = nn.Conv2d(3, 32, 7, stride=2)
        n_in = 32
        for number, (n_out, n_blocks, halves) in enumerate(_STAGES, start=1):
            blocks = [_Block(n_in if i == 0 else n_out, n_out, halves and i == 0) for i in range(n_blocks)]
            self.add_module(f"stage{number}", nn.Sequential(*blocks))
            n_in = n_out
        self.fc = nn.Linear(n_in, 128, bias=False)

    def forward(self, chips: Tensor) -> Tensor:
        """Descriptors `[bs, 128]` (not normalised, length about 1.4) of aligned chips `[bs, 3, 150, 150]`, RGB in [0, 1].

        Raises:
            ShapeError: when the chips have another shape.
        """
        if chips.ndim != 4 or chips.shape[1:] != (3, SIDE, SIDE):
            advice = "Cut faces out with models.face_align.extract_chip."
            raise ShapeError("chips", tuple(chips.shape), f"[bs, 3, {SIDE}, {SIDE}]", advice)
        return self.head(self.trunk(chips))

    def trunk(self, pictures: Tensor) -> Tensor:
        """The last maps `[bs, 256, 2, 2]` of pictures `[bs, 3, H, W]`, RGB in [0, 1]; other sizes than 150×150 are resized."""
        return self.features(pictures, self.stages[-1:])[0]

    def head(self, maps: Tensor) -> Tensor:
        """Descriptors `[bs, 128]` (not normalised) of maps `[bs, 256, h, w]` from the trunk."""
        return self.fc(maps.mean(dim=(2, 3)))

    def features(self, pictures: Tensor, layers: Sequence[str] = feature_layers) -> list[Tensor]:
        """Maps inside the net, after the activation, for each name in `layers` (of `stages`) in the order asked for.

        Args:
            pictures: `[bs, 3, H, W]`, RGB in [0, 1]; other sizes than 150×150 are resized.
            layers: names out of `stages`; the stages behind the last one asked for are not computed.

        Raises:
            RangeError: when a name is unknown.
        """
        return chosen_maps(self._maps(to_side(pictures, SIDE)), layers, self.stages)

    def cut(self, pictures: Tensor, landmarks: Tensor) -> Tensor:
        """Chips `[bs, 3, 150, 150]` of pictures `[bs, 3, H, W]` at landmarks `[bs, 5, 2]` (x, y) [px], as dlib cuts them."""
        return extract_chip(pictures, landmarks, size=SIDE)

    def _maps(self, pictures: Tensor) -> Iterator[tuple[str, Tensor]]:
        x = (pictures.to(self.stem.weight.dtype) * 255 - self.mean) / 256
        x = F.max_pool2d(F.relu(self.stem(x)), 3, stride=2)
        yield "stem", x
        for name in self.stages[1:]:
            x = self.get_submodule(name)(x)
            yield name, x


@functools.cache
def load_resnet29() -> DlibResNet29:
    """The trained face net, frozen, on the CPU; every call gives the same object, so copy it (`copy.deepcopy`) before moving it.

    Raises:
        WeightsMissing: when `face_recognition_models` is not installed.
        WeightsMismatch: when its file is not the published one.
    """
    path = dlib_model_path(FACE_NET)
    network = DlibResNet29()
    network.load_state_dict(_state(read_layers(path.read_bytes(), str(path)), network))
    return network.requires_grad_(False).eval()


def _state(layers: list[DlibLayer], network: DlibResNet29) -> dict[str, Tensor]:
    """The layers of the file under the names of the module."""
    start, *pairs, last = layers
    convolutions = [name for name, part in network.named_modules() if isinstance(part, nn.Conv2d)]
    if len(pairs) != 2 * len(convolutions) or (start.kind, last.kind) != ("input", "fc"):
        raise WeightsMismatch(FACE_NET, f"{len(pairs)} layers, wanted {2 * len(convolutions)} between input and fc.")
    state = {"mean": torch.tensor(start.values).view(3, 1, 1)}
    for name, con, affine in zip(convolutions, pairs[::2], pairs[1::2], strict=True):
        state[f"{name}.weight"], state[f"{name}.bias"] = _folded(con, affine)
    outputs, inputs = last.settings
    state["fc.weight"] = torch.tensor(last.values).view(inputs, outputs).T.contiguous()
    return state


def _folded(con: DlibLayer, affine: DlibLayer) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution with the factor and addend of the affine layer behind it worked in."""
    filters, rows, columns = con.settings[:3]
    values = torch.tensor(con.values)
    weight, bias = values[:-filters].view(filters, -1, rows, columns), values[-filters:]
    factor, addend = torch.tensor(affine.values).view(2, filters)
    return weight * factor.view(-1, 1, 1, 1), bias * factor + addend


def _fill(x: Tensor, shape: list[int]) -> Tensor:
    missing = [wanted - got for wanted, got in zip(shape, x.shape[1:], strict=True)]
    return F.pad(x, (0, missing[2], 0, missing[1], 0, missing[0])) if any(missing) else x
