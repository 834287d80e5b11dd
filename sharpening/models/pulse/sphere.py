"""An optimiser whose variables stay on spheres: each slice keeps the length that it was drawn with.

Nearly all of a Gaussian's mass in many dimensions lies close to a sphere; a code that leaves it is one that the generator never saw.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, Adamax, Optimizer

from sharpening.errors import RangeError, ShapeError

__all__ = ["OPTIMISERS", "SphericalOptimizer", "radius"]

_TINY = 1e-9

OPTIMISERS: dict[str, tuple[Callable[..., Optimizer], dict[str, Any]]] = {
    "sgd": (SGD, {}),
    "adam": (Adam, {}),
    "sgdm": (SGD, {"momentum": 0.9}),
    "adamax": (Adamax, {}),
}
"""What moves the variables between two projections."""


def radius(x: Tensor) -> Tensor:
    """Length of each slice: over all axes from the third on, `[bs, rows, 1 …]`."""
    return (x.square().sum(dim=tuple(range(2, x.ndim)), keepdim=True) + _TINY).sqrt()


class SphericalOptimizer:
    """Steps of an ordinary optimiser, each followed by a projection onto the spheres where the variables started.

    Args:
        variables: leaves that ask for gradients, `[bs, rows, …]`.
        kind: "sgd", "adam", "sgdm" (momentum 0.9) or "adamax".
        lr: learning rate.

    Raises:
        RangeError: for another kind, or a rate that is not above 0.
        ShapeError: for no variables, or one with fewer than three axes.

    Source: Menon et al. 2020, arXiv:2003.03808, section 3.3.
    """

    def __init__(self, variables: Sequence[Tensor], kind: str = "adam", lr: float = 0.4) -> None:
        if kind not in OPTIMISERS:
            raise RangeError("optimiser", repr(kind), f"one of {', '.join(OPTIMISERS)}")
        if lr <= 0:
            raise RangeError("lr", lr, "above 0")
        if not variables or any(x.ndim < 3 for x in variables):
            raise ShapeError("variables", [list(x.shape) for x in variables], "at least one, each [bs, rows, …]")
        self.variables, self.lr = list(variables), lr
        self.radii = [radius(x.detach()) for x in self.variables]
        build, settings = OPTIMISERS[kind]
        self.inner = build(self.variables, lr=lr, **settings)

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor | None], factor: float = 1.0) -> None:
        """Move against the gradients, then back onto the spheres.

        Args:
            gradients: one of each variable's shape; None leaves it where it is.
            factor: of the learning rate, for this step.
        """
        for x, gradient in zip(self.variables, gradients, strict=True):
            x.grad = gradient
        for group in self.inner.param_groups:
            group["lr"] = self.lr * factor
        self.inner.step()
        for x, length in zip(self.variables, self.radii, strict=True):
            x.grad = None
            x.mul_(length / radius(x))

    def state_dict(self) -> dict[str, Any]:
        """All that a later run needs to go on from here, the variables apart."""
        # Torch hands out the tensors that it goes on working with.
        return copy.deepcopy({"inner": self.inner.state_dict(), "radii": self.radii})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` gave."""
        self.inner.load_state_dict(copy.deepcopy(state["inner"]))
        self.radii = [each.to(old) for each, old in zip(state["radii"], self.radii, strict=True)]
