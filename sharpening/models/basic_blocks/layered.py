"""A stack of layers whose inner maps can be had by name: what the extractors of feature losses and of LPIPS share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Self

from torch import Tensor, nn

from sharpening.errors import RangeError
from sharpening.imaging.ranges import to_imagenet

__all__ = ["LayeredExtractor"]


class LayeredExtractor(nn.Module):
    """Base of extractors; a subclass sets `body`, `layers` and `feature_layers`. It always works in evaluation mode.

    Attributes:
        body: the layers, one after the other.
        layers: names of the maps, and the module of `body` that gives each.
        feature_layers: the maps that are taken when nothing else is asked for.
    """

    feature_layers: ClassVar[tuple[str, ...]]
    body: nn.Sequential
    layers: dict[str, int]

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode: a measuring stick must not change with what it measures."""
        return super().train(False)

    def features(self, pictures: Tensor, layers: Sequence[str] | None = None) -> list[Tensor]:
        """Maps for each name in `layers`, in the order asked for; what lies behind the last is not computed.

        Args:
            pictures: `[bs, 3, H, W]`, RGB in [0, 1], as small as the poolings allow.
            layers: names of the attribute `layers`; `feature_layers` when left out.

        Raises:
            RangeError: when a name is unknown.
        """
        names = self.feature_layers if layers is None else layers
        unknown = [name for name in names if name not in self.layers]
        if unknown:
            raise RangeError("layers", unknown, f"names out of {', '.join(self.layers)}")
        places = [self.layers[name] for name in names]
        found: dict[int, Tensor] = {}
        x = self.normalised(pictures.to(next(self.parameters()).dtype))
        for place, module in enumerate(self.body[: max(places, default=-1) + 1]):
            x = module(x)
            if place in places:
                found[place] = x
        return [found[place] for place in places]

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """The maps of `feature_layers`."""
        return self.features(pictures)

    def normalised(self, pictures: Tensor) -> Tensor:
        """Pictures in [0, 1] as the weights want them: ImageNet's mean and deviation."""
        return to_imagenet(pictures)
