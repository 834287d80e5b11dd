"""A trained network and its card, as one thing that takes frames as they lie on disk and gives pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from sharpening.errors import RangeError, WeightsMismatch
from sharpening.imaging.ranges import from_byte_range, from_signed, to_byte_range, to_imagenet, to_signed
from sharpening.models.zoo import create_model
from sharpening.weights.card import WeightCard, load_card
from sharpening.weights.names import true_name
from sharpening.weights.store import find, load_into, load_state

__all__ = ["Output", "TrainedNetwork", "load_network"]

N_FRAMES = 7  # of a window, where the card says that any number will do
# A network that takes any size is given faces with the pixels that they have, up to so many times its own size: on films of a 44 px face
# that is worth 1.0 to 1.6 dB over shrinking it to 32 px (demo, CRF 24 to 30). Beyond, the cost grows and the frames themselves show enough.
LARGEST = 2

_RANGES = {
    (0.0, 1.0): (lambda x: x, lambda x: x),
    (-1.0, 1.0): (to_signed, from_signed),
    (0.0, 255.0): (to_byte_range, from_byte_range),
}


class Output(NamedTuple):
    """What came out of the network.

    Attributes:
        pictures: `[bs, 3, H, H]`, RGB, clamped to [0, 1]; `scale` times the size of the frames.
        shares: `[bs, n]`: how much of what was fused came from each frame, at most 1 in all; None where the network cannot tell.
        maps: `[bs, n + 1, 2h, 2w]`: the same at each place of the picture, the last one for "none of the frames"; they sum to 1.
        spread: `[bs, 1, H, H]`: how large the network expects its error to be, in the units of the picture, not calibrated.
    """

    pictures: Tensor
    shares: Tensor | None = None
    maps: Tensor | None = None
    spread: Tensor | None = None

    def of(self, row: int) -> Output:
        """What belongs to one of the sequences, still as a batch."""
        return Output(*(None if each is None else each[row : row + 1] for each in self))  # type: ignore[arg-type]


@dataclass(eq=False)
class TrainedNetwork:
    """A network that knows from its card what it wants.

    Attributes:
        network: in eval mode.
        card: facts on its weights.
        path: the weight file; None for a network made in memory.
    """

    network: nn.Module
    card: WeightCard
    path: Path | None = None

    @property
    def n_frames(self) -> int:
        """Most frames that it is given at a time."""
        return self.card.n_frames or N_FRAMES

    @property
    def takes_any_number(self) -> bool:
        """Whether any number of frames of any size will do; other networks are given the edge frames again, at their own size."""
        return hasattr(self.network, "parts")

    @property
    def largest(self) -> int:
        """Largest side of a frame that it is given [px]."""
        return LARGEST * self.card.size_in if self.takes_any_number else self.card.size_in

    @property
    def scale(self) -> float:
        """How many times larger than the frames the result is."""
        return self.card.size_out / self.card.size_in

    def most_frames(self, wanted: int | None) -> int:
        """How many frames a window has at most, where the user wants so many (None: what the network was trained with).

        Raises:
            RangeError: the network does not take so many.
        """
        if wanted is not None and wanted > self.n_frames and not self.takes_any_number:
            raise RangeError("n_frames", wanted, f"at most {self.n_frames}: {self.card.name} takes no more")
        return wanted or self.n_frames

    def stack_indexes(self, n: int) -> list[int]:
        """Which of n frames go into the stack: all, or for a network of a fixed number with the edge frames repeated."""
        if self.takes_any_number:
            return list(range(n))
        wanted = np.arange(self.n_frames) - self.n_frames // 2 + n // 2
        return [int(i) for i in np.clip(wanted, 0, n - 1)]

    @torch.inference_mode()
    def __call__(self, frames: Tensor) -> Output:
        """Restore the middle frames.

        Args:
            frames: `[bs, n, 3, h, h]`, RGB in [0, 1], on the device of the network; h from `card.size_in` to `largest`.
        """
        return self.traced(frames)

    def traced(self, frames: Tensor) -> Output:
        """The same as a call, but gradients flow back to the frames where torch keeps them."""
        encode, decode = _RANGES[self.card.value_range]
        x = to_imagenet(frames) if self.card.normalisation == "imagenet" else encode(frames)
        x = x.flatten(1, 2)
        if not self.takes_any_number:
            return Output(decode(self.network(x)).clamp(0, 1))
        parts: Any = self.network.parts(x)  # type: ignore[operator]
        # The last share belongs to "none of the frames".
        shares = parts.weights[:, :-1].mean(dim=(2, 3))
        return Output(decode(parts.pred).clamp(0, 1), shares, parts.weights, getattr(parts, "spread", None))


def load_network(name: str | Path, *, pretrained: str | Path | None = None, device: torch.device | str = "cpu") -> TrainedNetwork:
    """Find weights and build the network that their card describes.

    Args:
        name: "default", a name in one of the searched folders, or the path of a weight file with its card beside it.
        pretrained: folder to search first, see `weights.store.find`.
        device: where to run it.

    Raises:
        WeightsMissing: they are nowhere.
        WeightsMismatch: another hash than the card's, a damaged file, or weights that do not fit the network.
        InputError: the card is absent.
    """
    path = find(true_name(str(name)), pretrained)
    card = load_card(path)
    if card.value_range not in _RANGES or card.normalisation not in ("none", "imagenet", ""):
        problem = f"wants the range {card.value_range} and normalisation {card.normalisation!r}, which are unknown."
        raise WeightsMismatch(path, problem, "Update sharpening, or get another file.")
    try:
        network = create_model(card.model, **card.settings)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsMismatch(
            path, f"its card describes a network that cannot be built ({error}).", "Get file and card again."
        ) from error
    load_into(network, load_state(path, sha256=card.sha256 or None), source=path)
    network = network.eval().requires_grad_(False).to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return TrainedNetwork(network, card, path)
