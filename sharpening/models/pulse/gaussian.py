"""The Gaussian that the mapping network makes out of Gaussians, seen before its last leaky ReLU.

PULSE searches there: a code x becomes the style leaky_relu(x · std + mean). The published generator's fit is a tiny file; for any other
generator it is measured on its mapping network.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from sharpening.errors import RangeError, WeightsMismatch
from sharpening.models.stylegan import Mapping
from sharpening.weights.store import load_state

__all__ = ["GaussianFit", "fit_gaussian", "load_fit"]

_SLOPE = 0.2
_N, _CHUNK = 1_000_000, 10_000
_WANTED = "PULSE's gaussian_fit.pt, or a .safetensors file, with the tensors mean and std."


@dataclass(frozen=True, eq=False)
class GaussianFit:
    """Mean and deviation of the styles before the last leaky ReLU.

    Attributes:
        mean: `[n_latent]`.
        std: `[n_latent]`, above 0.

    Raises:
        RangeError: when the two do not fit together, or some deviation is not above 0.
    """

    mean: Tensor
    std: Tensor

    def __post_init__(self) -> None:
        if self.mean.ndim != 1 or self.mean.shape != self.std.shape or not len(self.mean):
            raise RangeError("mean, std", f"{list(self.mean.shape)}, {list(self.std.shape)}", "twice [n_latent]")
        if not bool(self.mean.isfinite().all() and self.std.isfinite().all() and (self.std > 0).all()):
            raise RangeError("mean, std", "NaN, infinity, or a deviation of 0 or less", "finite numbers, std above 0")

    @property
    def n_latent(self) -> int:
        """Length of a style."""
        return len(self.mean)

    def styles(self, codes: Tensor) -> Tensor:
        """Styles of codes `[…, n_latent]`, of the same shape."""
        return F.leaky_relu(torch.addcmul(self.mean.to(codes), codes, self.std.to(codes)), _SLOPE)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> GaussianFit:
        """The same on another device or in another precision."""
        return GaussianFit(self.mean.to(device, dtype), self.std.to(device, dtype))


@torch.no_grad()
def fit_gaussian(
    mapping: Mapping, n: int = _N, *, chunk: int = _CHUNK, generator: torch.Generator | None = None, seed: int = 0
) -> GaussianFit:
    """Measure the Gaussian of a mapping network.

    Args:
        mapping: whose styles.
        n: number of codes, at least 2; the published fit took a million.
        chunk: codes at a time.
        generator: torch's dice on the CPU; None makes one from the seed.
        seed: of the dice.

    Returns:
        Mean and unbiased deviation, on the mapping's device.

    Raises:
        RangeError: for fewer than 2 codes or an empty chunk.

    Source: Menon et al. 2020, arXiv:2003.03808 (the published code).
    """
    if n < 2 or chunk < 1:
        raise RangeError("n, chunk", f"{n}, {chunk}", "at least 2, at least 1")
    dice = torch.Generator().manual_seed(seed) if generator is None else generator
    like = next(mapping.parameters())
    total, squares = (torch.zeros(mapping.n_latent, dtype=torch.float64) for _ in range(2))
    for start in range(0, n, chunk):
        z = torch.randn(min(chunk, n - start), mapping.n_latent, generator=dice).to(like)
        # A slope of 5 undoes the one of 0.2.
        x = F.leaky_relu(mapping(z), 1 / _SLOPE).double().cpu()
        total += x.sum(dim=0)
        squares += x.square().sum(dim=0)
    mean = total / n
    std = ((squares - n * mean.square()) / (n - 1)).clamp(min=1e-12).sqrt()
    return GaussianFit(mean.to(like), std.to(like))


def load_fit(path: str | Path, *, sha256: str | None = None) -> GaussianFit:
    """Read a fit.

    Args:
        path: `.pt` as published, or `.safetensors`.
        sha256: what the file must hash to, if known.

    Raises:
        InputError: there is no such file.
        WeightsMismatch: it holds something else.
    """
    state = load_state(path, sha256=sha256)
    if set(state) != {"mean", "std"}:
        raise WeightsMismatch(path, f"holds {', '.join(list(state)[:4]) or 'nothing'}.", f"Wanted: {_WANTED}")
    try:
        return GaussianFit(state["mean"].detach().float().reshape(-1), state["std"].detach().float().reshape(-1))
    except RangeError as error:
        raise WeightsMismatch(path, f"is no Gaussian ({error}).", f"Wanted: {_WANTED}") from error
