"""What the steps of a reconstruction hand to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from sharpening.errors import ShapeError
from sharpening.models.face_align.landmarks import Landmarks

__all__ = ["Moved", "View", "check_picture"]


@dataclass(frozen=True, eq=False)
class View:
    """One picture of the face and where its landmarks are.

    Attributes:
        picture: float32 `[3, H, W]`, RGB in [0, 1].
        landmarks: of this picture.
    """

    picture: Tensor
    landmarks: Landmarks

    def __post_init__(self) -> None:
        check_picture(self.picture)


class Moved(NamedTuple):
    """A source that was brought onto the base.

    Attributes:
        picture: float32 `[3, H, W]`, RGB in [0, 1], pixel for pixel on the base.
        valid: float32 `[1, H, W]`: 1 where it has pixels of the source, 0 where the source did not reach.
    """

    picture: Tensor
    valid: Tensor


def check_picture(picture: Tensor, name: str = "picture") -> None:
    """Refuse what is no picture `[3, H, W]` of floating point numbers.

    Raises:
        ShapeError: what came, and what was wanted.
    """
    if picture.ndim != 3 or picture.shape[0] != 3 or not picture.is_floating_point():
        raise ShapeError(name, f"{picture.dtype} {list(picture.shape)}", "float [3, H, W], RGB in [0, 1]")
