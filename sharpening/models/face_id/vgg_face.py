"""VGG-Face whole: the convolutions and the three dense layers behind them, from either published file.

The two files hold the same 145 002 878 numbers under other names: `conv_1_1.weight` (out of the Torch7 file) or `conv1_1.weight` (Oxford's
export). Neither is shipped; research that earns nothing only.

Source: Parkhi et al., "Deep face recognition", 2015, doi:10.5244/C.29.41.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sharpening.errors import ShapeError, WeightsMismatch
from sharpening.models.face_align.chip import extract_chip
from sharpening.models.face_id.protocol import to_side
from sharpening.models.face_id.vgg import VGG_GROUPS, Vgg16Extractor, numbered
from sharpening.weights.store import load_into, load_state

__all__ = ["VggFace", "load_vgg_face"]


class VggFace(nn.Module):
    """The network; built by hand it has random weights. It stays in evaluation mode: dropout is drawn outside (`SerFiq`).

    Args:
        groups: channels of the convolutions between the pools; other than the published ones only for trials, as the next three.
        n_hidden: numbers in `fc6` and `fc7`.
        n_people: numbers in `fc8`.
        size: side of the chips [px], a multiple of 32.
    """

    feature_layers: ClassVar[tuple[str, ...]] = Vgg16Extractor.feature_layers
    """The maps that feature losses take when nothing else is asked for."""

    name = "vgg_face"
    p_drop = 0.5
    """Share of the numbers that the net's dropout took away in its training, behind `fc6` and behind `fc7`."""

    def __init__(
        self, *, groups: Sequence[Sequence[int]] = VGG_GROUPS, n_hidden: int = 4096, n_people: int = 2622, size: int = 224
    ) -> None:
        super().__init__()
        self.size, self.n_descriptor = size, n_hidden
        self.extractor = Vgg16Extractor(normalisation="vgg_face", groups=groups)
        self.fc6 = nn.Linear(groups[-1][-1] * (size // 32) ** 2, n_hidden)
        self.fc7 = nn.Linear(n_hidden, n_hidden)
        self.fc8 = nn.Linear(n_hidden, n_people)
        self.eval()

    def train(self, mode: bool = True) -> VggFace:
        """Stay in evaluation mode: a measuring stick must not change with what it measures."""
        return super().train(False)

    def trunk(self, pictures: Tensor) -> Tensor:
        """What dropout is laid on: `fc6` after its activation, where the net had its first dropout.

        Args:
            pictures: `[bs, 3, H, W]`, RGB in [0, 1]; other sides than 224 px are resized.

        Returns:
            `[bs, 4096]`.
        """
        (maps,) = self.extractor.features(to_side(pictures, self.size), ("relu5_3",))
        return F.relu(self.fc6(F.max_pool2d(maps, 2).flatten(1)))

    def head(self, maps: Tensor) -> Tensor:
        """Descriptors `[bs, 4096]`, not brought to length 1: `fc7` after its activation, of what the trunk gave.

        The net's second dropout, behind `fc7`, would take away from the descriptor itself and is left out.
        """
        return F.relu(self.fc7(maps))

    def forward(self, chips: Tensor) -> Tensor:
        """Descriptors `[bs, 4096]` of chips `[bs, 3, 224, 224]`, RGB in [0, 1].

        Raises:
            ShapeError: when the chips have another shape.
        """
        if chips.ndim != 4 or chips.shape[1:] != (3, self.size, self.size):
            raise ShapeError("chips", tuple(chips.shape), f"[bs, 3, {self.size}, {self.size}]", "Cut faces out with `cut`.")
        return self.head(self.trunk(chips))

    def people(self, chips: Tensor) -> Tensor:
        """Scores `[bs, 2622]`, before the softmax, of the people that the net learned to tell apart; chips as in `forward`."""
        return self.fc8(self(chips))

    def features(self, pictures: Tensor, layers: Sequence[str] = feature_layers) -> list[Tensor]:
        """Maps of the convolutions: see `Vgg16Extractor.features`; pictures are not resized."""
        return self.extractor.features(pictures, layers)

    def cut(self, pictures: Tensor, landmarks: Tensor) -> Tensor:
        """Chips `[bs, 3, 224, 224]` of pictures at landmarks `[bs, 5, 2]` [px]: dlib's cut, as the net's own is not published."""
        return extract_chip(pictures, landmarks, size=self.size)


def load_vgg_face(path: str | Path, *, sha256: str | None = None) -> VggFace:
    """The frozen net with the weights of a published file, told apart by their names.

    Args:
        path: `.pt`, `.pth` or `.safetensors`.
        sha256: what the file must hash to, if known.

    Raises:
        InputError: when there is no such file.
        WeightsMismatch: when tensors are missing, extra or misshaped (they are listed), or the hash is another one.
    """
    state = load_state(path, sha256=sha256)
    if not any(key in state for key in ("conv_1_1.weight", "conv1_1.weight")):
        advice = "Wanted conv_1_1.weight … or conv1_1.weight … and fc6 to fc8."
        raise WeightsMismatch(path, f"no VGG-Face: its keys begin with {', '.join(list(state)[:3]) or 'nothing'}.", advice)
    with torch.device("meta"):  # nobody needs 145 million random numbers first
        network = VggFace()
    network.to_empty(device="cpu")
    layers = network.extractor.layers
    renamed = {f"extractor.{numbered(key, layers)}" if key.startswith("conv") else key: value for key, value in state.items()}
    return load_into(network, renamed, source=path).requires_grad_(False)
