"""IR-SE-50, the face net of the thesis, key for key as published, so that its file loads as it is.

**It wants blue first.** The pictures that it was trained on had red and blue swapped, and its own validation swaps them too. Many users
feed RGB, and the thesis does not say what it fed. Here pictures are RGB as everywhere, and the swap is done inside unless `channels` is
"rgb": then the net sees red first, as an unaware user's would.

The weights are not shipped: `model_ir_se50.pth` of TreB1eN/InsightFace_Pytorch (code MIT; terms of the training data apply).

Source: Deng et al., "ArcFace: Additive angular margin loss for deep face recognition", 2019, arXiv:1801.07698; Hu et al.,
"Squeeze-and-excitation networks", 2018, arXiv:1709.01507.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.ranges import to_signed
from sharpening.models.face_id.arc_chip import extract_arc_chip
from sharpening.models.face_id.protocol import chosen_maps, to_side
from sharpening.weights.store import load_into, load_state

__all__ = ["IrSe50", "load_ir_se50"]

Channels = Literal["bgr", "rgb"]

_WIDTHS = (64, 128, 256, 512)
_UNITS = (3, 4, 14, 3)
_REDUCTION = 16


class _Excitation(nn.Module):
    """Weighs the channels by what they hold on average."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(n, n // _REDUCTION, 1, bias=False)
        self.fc2 = nn.Conv2d(n // _REDUCTION, n, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=(2, 3), keepdim=True)
        return x * torch.sigmoid(self.fc2(F.relu(self.fc1(mean))))


class _Unit(nn.Module):
    """Two convolutions, the second with the stride, and an excitation, beside a shortcut."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.shortcut_layer: nn.Sequential | None = None
        if n_in != n_out:
            self.shortcut_layer = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm2d(n_out))
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(n_in),
            nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
            nn.PReLU(n_out),
            nn.Conv2d(n_out, n_out, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            _Excitation(n_out),
        )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x[..., :: self.stride, :: self.stride] if self.shortcut_layer is None else self.shortcut_layer(x)
        return self.res_layer(x) + shortcut


class IrSe50(nn.Module):
    """The network; built by hand it has random weights. It stays in evaluation mode: its dropout is drawn outside (`SerFiq`).

    Args:
        channels: what the net sees first: "bgr" as it was trained, or "rgb".
        widths: channels of the four stages; other than the published ones only for trials.
        units: residual units of each stage.
        size: side of the chips [px], a multiple of 16.

    Raises:
        RangeError: when the channel order is unknown.
    """

    feature_layers: ClassVar[tuple[str, ...]] = ("stage2", "stage3", "stage4")
    """The maps that feature losses take when nothing else is asked for."""

    name = "ir_se50"
    n_descriptor = 512
    p_drop = 0.6
    """Share of the numbers that the net's dropout took away in its training."""

    def __init__(
        self,
        *,
        channels: Channels = "bgr",
        widths: Sequence[int] = _WIDTHS,
        units: Sequence[int] = _UNITS,
        size: int = 112,
    ) -> None:
        super().__init__()
        if channels not in ("bgr", "rgb"):
            raise RangeError("channels", repr(channels), '"bgr" (as the net was trained) or "rgb"')
        self.channels, self.size = channels, size
        first, last = widths[0], widths[-1]
        self.input_layer = nn.Sequential(nn.Conv2d(3, first, 3, padding=1, bias=False), nn.BatchNorm2d(first), nn.PReLU(first))
        flat = last * (size // 16) ** 2
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(last),
            nn.Dropout(self.p_drop),
            nn.Flatten(),
            nn.Linear(flat, self.n_descriptor),
            nn.BatchNorm1d(self.n_descriptor),
        )
        ends, body, n_in = [], [], first
        for width, count in zip(widths, units, strict=True):
            for number in range(count):
                # Every stage halves, the first one too.
                body.append(_Unit(n_in, width, 2 if number == 0 else 1))
                n_in = width
            ends.append(len(body) - 1)
        self.body = nn.Sequential(*body)
        self.stages = {f"stage{number}": end for number, end in enumerate(ends, start=1)}
        self.eval()

    def train(self, mode: bool = True) -> IrSe50:
        """Stay in evaluation mode: a measuring stick must not change with what it measures."""
        return super().train(False)

    def trunk(self, pictures: Tensor) -> Tensor:
        """What dropout is laid on: the last maps behind the head's first normalisation.

        Args:
            pictures: `[bs, 3, H, W]`, RGB in [0, 1]; other sides than 112 px are resized bicubically.

        Returns:
            `[bs, 512, 7, 7]`.
        """
        x = self._start(pictures)
        return self.output_layer[0](self.body(x))

    def head(self, maps: Tensor) -> Tensor:
        """Descriptors `[bs, 512]`, not brought to length 1, of maps `[bs, 512, 7, 7]` from the trunk."""
        return self.output_layer[2:](maps)

    def forward(self, chips: Tensor) -> Tensor:
        """Descriptors `[bs, 512]` of length 1, of chips `[bs, 3, 112, 112]`, RGB in [0, 1].

        Raises:
            ShapeError: when the chips have another shape.
        """
        if chips.ndim != 4 or chips.shape[1:] != (3, self.size, self.size):
            raise ShapeError("chips", tuple(chips.shape), f"[bs, 3, {self.size}, {self.size}]", "Cut faces out with `cut`.")
        return F.normalize(self.head(self.trunk(chips)), dim=1)

    def features(self, pictures: Tensor, layers: Sequence[str] = feature_layers) -> list[Tensor]:
        """Maps behind the named units, in the order asked for; what lies behind the last is not computed.

        Args:
            pictures: as in `trunk`.
            layers: "unit0" to "unit23", or "stage1" to "stage4" for the last unit of each: 64 channels at 56 px, 128 at 28, 256 at
                14 and 512 at 7.

        Raises:
            RangeError: when a name is unknown.
        """
        names = [f"unit{self.stages[name]}" if name in self.stages else name for name in layers]
        return chosen_maps(self._maps(pictures), names, [*self.stages, *(f"unit{i}" for i in range(len(self.body)))])

    def cut(self, pictures: Tensor, landmarks: Tensor) -> Tensor:
        """Chips `[bs, 3, 112, 112]` of pictures `[bs, 3, H, W]` at landmarks `[bs, 5, 2]` (x, y) [px], the eyes where it learned them."""
        return extract_arc_chip(pictures, landmarks, size=self.size)

    def _start(self, pictures: Tensor) -> Tensor:
        x = to_signed(to_side(pictures.to(next(self.parameters()).dtype), self.size, "bicubic"))
        return self.input_layer(x.flip(1) if self.channels == "bgr" else x)

    def _maps(self, pictures: Tensor) -> Iterator[tuple[str, Tensor]]:
        x = self._start(pictures)
        for number, unit in enumerate(self.body):
            x = unit(x)
            yield f"unit{number}", x


def load_ir_se50(path: str | Path, *, channels: Channels = "bgr", sha256: str | None = None) -> IrSe50:
    """The frozen net with the weights of the published file.

    Args:
        path: `model_ir_se50.pth`, or the same tensors as `.safetensors`.
        channels: what the net sees first; "bgr" is how it was trained.
        sha256: what the file must hash to; its authors publish none, so record that of your own copy.

    Raises:
        InputError: when there is no such file.
        WeightsMismatch: when tensors are missing, extra or misshaped (they are listed), or the hash is another one.
    """
    state = load_state(path, sha256=sha256)
    with torch.device("meta"):  # nobody needs 44 million random numbers first
        network = IrSe50(channels=channels)
    return load_into(network.to_empty(device="cpu"), state, source=path).requires_grad_(False)
