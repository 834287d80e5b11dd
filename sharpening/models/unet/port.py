"""Weights of fastai's `DynamicUnet` (over torchvision's ResNet, last cross on) in and out of our `UNet`: names only, no numbers."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from sharpening.errors import WeightsMismatch

__all__ = ["from_fastai", "to_fastai"]

# (fastai's prefix, ours). A prefix is matched whole, up to the next dot.
_TABLE: tuple[tuple[str, str], ...] = (
    ("layers.0.0", "encoder.conv1"),
    ("layers.0.1", "encoder.bn1"),
    *((f"layers.0.{3 + i}", f"encoder.layer{i}") for i in range(1, 5)),
    ("layers.1", "neck.norm"),
    ("layers.3.0.0", "neck.conv1"),
    ("layers.3.1.0", "neck.conv2"),
    *(
        (f"layers.{4 + i}.{theirs}", f"blocks.{i}.{ours}")
        for i in range(4)
        for theirs, ours in (("shuf.0.0", "enlarge.conv"), ("bn", "norm"), ("conv1.0", "conv1"), ("conv2.0", "conv2"))
    ),
    ("layers.8.0.0", "enlarge.conv"),
    ("layers.11.convpath.0.0", "residual.conv1"),
    ("layers.11.convpath.1.0", "residual.conv2"),
    ("layers.12.0", "head"),
)


def _rename(state: Mapping[str, Tensor], table: tuple[tuple[str, str], ...], source: str) -> dict[str, Tensor]:
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        rule = next(((old, new) for old, new in table if key.startswith(old + ".")), None)
        if rule is None:
            raise WeightsMismatch(source, f"the tensor '{key}' belongs to no part of a U-Net over a ResNet with last_cross=True.")
        renamed[rule[1] + key[len(rule[0]) :]] = value
    return renamed


def from_fastai(state: Mapping[str, Tensor], source: str = "state of a fastai DynamicUnet") -> dict[str, Tensor]:
    """Rename the state of fastai's U-Net for our `UNet`.

    Args:
        state: `learn.model.state_dict()` of `unet_learner(dls, resnet34, n_in=3·n, n_out=3)`, with or without `blur`, without
            self-attention and weight norm.
        source: What to call it in an error.

    Raises:
        WeightsMismatch: at a name that such a network does not have.
    """
    return _rename(state, _TABLE, source)


def to_fastai(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The way back: rename the state of our `UNet` for fastai's."""
    return _rename(state, tuple((ours, theirs) for theirs, ours in _TABLE), "state of UNet")
