"""What all face nets of this room can do, so that each can judge, give maps to a feature loss, and stand in SER-FIQ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from torch import Tensor, nn

from sharpening.errors import RangeError
from sharpening.imaging.resize import resize_tensor

__all__ = ["FaceNet", "chosen_maps", "to_side"]


class FaceNet(Protocol):
    """A face net, cut in two where dropout lies (or would lie). Pictures are RGB in [0, 1]; what else it wants, it does itself.

    Attributes:
        name: what reports call it.
        size: side [px] of the chips that it was trained on.
        p_drop: share of the numbers between trunk and head that dropout takes away.
        n_descriptor: numbers in a descriptor.
        feature_layers: the maps that feature losses take when nothing else is asked for.
    """

    name: str
    size: int
    p_drop: float
    n_descriptor: int

    @property
    def feature_layers(self) -> tuple[str, ...]:
        """Names of three maps, from the finest to the coarsest."""
        ...

    def trunk(self, pictures: Tensor) -> Tensor:
        """What dropout is laid on, `[bs, ...]`, of pictures `[bs, 3, H, W]`; another side than `size` is resized."""
        ...

    def head(self, maps: Tensor) -> Tensor:
        """Descriptors `[bs, d]`, not brought to length 1, of what the trunk gave."""
        ...

    def features(self, pictures: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """Maps `[bs, c, h, w]` of pictures `[bs, 3, H, W]`, one for each name in `layers`."""
        ...

    def cut(self, pictures: Tensor, landmarks: Tensor) -> Tensor:
        """Chips `[bs, 3, size, size]` as the net learned on, of pictures `[bs, 3, H, W]` at landmarks `[bs, 5, 2]` (x, y) [px]."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """Its weights, as of any module; the first one says on which device and in which precision it works."""
        ...

    def __call__(self, pictures: Tensor) -> Tensor:
        """Descriptors `[bs, d]` of chips `[bs, 3, size, size]`."""
        ...


def to_side(pictures: Tensor, side: int, method: str = "bilinear") -> Tensor:
    """Pictures `[bs, 3, H, W]` as `[bs, 3, side, side]`; the same tensor where they fit already."""
    return pictures if pictures.shape[-2:] == (side, side) else resize_tensor(pictures, side, method)


def chosen_maps(maps: Iterable[tuple[str, Tensor]], layers: Sequence[str], known: Sequence[str]) -> list[Tensor]:
    """Take maps by name from a network that yields them one by one; those behind the last one asked for are not computed.

    Args:
        maps: names and maps, in the order of the data.
        layers: names to take, in the order to give them back.
        known: all names there are.

    Raises:
        RangeError: when a name is unknown.
    """
    unknown = [name for name in layers if name not in known]
    if unknown:
        raise RangeError("layers", unknown, f"names out of {', '.join(known)}")
    found: dict[str, Tensor] = {}
    if layers:
        for name, x in maps:
            if name in layers:
                found[name] = x
            if len(found) == len(set(layers)):
                break
    return [found[name] for name in layers]
