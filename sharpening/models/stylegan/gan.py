"""A StyleGAN as one object: both networks, the mean style, the noise that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from sharpening.errors import RangeError, ShapeError
from sharpening.models.stylegan.model import Mapping, Synthesis

__all__ = ["StyleGan", "draw_noise", "mean_style", "mix"]

_N_MEAN = 10_000
_BATCH = 1000


@dataclass(eq=False)
class StyleGan:
    """Both networks and what belongs to them.

    Attributes:
        synthesis: paints from styles.
        mapping: from Gaussian codes to styles; None where the file has none.
        mean_w: `[n_latent]`, the mean style; None where the file has none.
        noise: `n_layers` maps `[1, 1, r, r]` that were fixed in the training; None where the file has none.
        name: of the weights.
        licence: their terms.
    """

    synthesis: Synthesis
    mapping: Mapping | None = None
    mean_w: Tensor | None = None
    noise: tuple[Tensor, ...] | None = None
    name: str = ""
    licence: str = ""

    def w(self, z: Tensor) -> Tensor:
        """Styles of Gaussian codes, one repeated for all layers.

        Args:
            z: `[bs, n_latent]`.

        Returns:
            `[bs, n_layers, n_latent]`.

        Raises:
            RangeError: there is no mapping.
        """
        return self._mapping(z)[:, None].expand(-1, self.synthesis.n_layers, -1)

    def truncated(self, w_plus: Tensor, psi: float = 0.7, n_rows: int = 8) -> Tensor:
        """Pull the coarse layers towards the mean style: less variety, fewer failures.

        Args:
            w_plus: `[bs, n_layers, n_latent]`.
            psi: 1 leaves all as it is, 0 gives the mean.
            n_rows: how many layers, from the coarsest.

        Returns:
            `[bs, n_layers, n_latent]`.

        Raises:
            RangeError: neither the mean is known nor a mapping is there to find it with.

        Source: Karras et al. 2019, arXiv:1812.04948, appendix B.
        """
        if self.mean_w is None:
            # Neither PyTorch port of the published weights carries it; the same dice every time, so that results can be repeated.
            self.mean_w = mean_style(self._mapping, generator=torch.Generator().manual_seed(0))
        mean = self.mean_w.to(w_plus)
        return torch.cat([mean + psi * (w_plus[:, :n_rows] - mean), w_plus[:, n_rows:]], dim=1)

    def pictures(
        self, w_plus: Tensor, noise: list[Tensor] | tuple[Tensor, ...] | None = None, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Paint.

        Args:
            w_plus: `[bs, n_layers, n_latent]`.
            noise: maps for all layers; None takes the fixed ones, or draws where there are none.
            generator: given without maps, fresh noise is drawn from it even where there are fixed ones.

        Returns:
            `[bs, 3, R, R]`, RGB in [0, 1].

        Raises:
            ShapeError: for codes or maps of other shapes.
        """
        if noise is None:
            fresh = generator is not None or self.noise is None
            noise = draw_noise(self.synthesis, generator=generator, batch=len(w_plus)) if fresh else self.noise
        return ((self.synthesis(w_plus, noise or ()) + 1) / 2).clamp(0, 1)

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> StyleGan:
        """The same on another device or in another precision; the networks themselves move along."""
        mean_w = None if self.mean_w is None else self.mean_w.to(device, dtype)
        noise = None if self.noise is None else tuple(each.to(device, dtype) for each in self.noise)
        mapping = None if self.mapping is None else self.mapping.to(device, dtype)
        return replace(self, synthesis=self.synthesis.to(device, dtype), mapping=mapping, mean_w=mean_w, noise=noise)

    @property
    def _mapping(self) -> Mapping:
        if self.mapping is None:
            advice = "PULSE's synthesis file has none: get its mapping file too, as pulse-mapping."
            raise RangeError(f"mapping of {self.name or 'this StyleGAN'}", "none", "the mapping network", advice)
        return self.mapping


def mix(w_a: Tensor, w_b: Tensor, cut: int) -> Tensor:
    """Styles of one face in the coarse layers and of another in the fine ones.

    Args:
        w_a: `[bs, n_layers, n_latent]`, taken before the cut.
        w_b: the same shape, taken from the cut on.
        cut: number of the first layer that comes from `w_b`.

    Raises:
        ShapeError, RangeError: for other shapes, or a cut outside of 0 … n_layers.

    Source: Karras et al. 2019, arXiv:1812.04948, section 3.1.
    """
    if w_a.shape != w_b.shape or w_a.ndim != 3:
        raise ShapeError("w_a, w_b", f"{list(w_a.shape)}, {list(w_b.shape)}", "twice the same [bs, n_layers, n_latent]")
    if not 0 <= cut <= w_a.shape[1]:
        raise RangeError("cut", cut, f"0 … {w_a.shape[1]}")
    return torch.cat([w_a[:, :cut], w_b[:, cut:]], dim=1)


def draw_noise(
    synthesis: Synthesis, *, generator: torch.Generator | None = None, batch: int = 1, device: torch.device | str | None = None
) -> list[Tensor]:
    """Fresh noise for every layer.

    Args:
        synthesis: whose layers.
        generator: torch's dice; None takes its global ones.
        batch: number of pictures.
        device: where the maps are wanted; None for the network's. They are drawn on the generator's.

    Returns:
        `n_layers` maps `[batch, 1, r, r]`, N(0, 1).
    """
    weight = synthesis.torgb.weight
    where = device if device is not None else weight.device
    drawn_on = generator.device if generator is not None else where
    shapes = ((batch, 1, side, side) for side in synthesis.noise_sides)
    return [torch.randn(s, generator=generator, device=drawn_on, dtype=weight.dtype).to(where) for s in shapes]


@torch.no_grad()
def mean_style(mapping: Mapping, n: int = _N_MEAN, *, generator: torch.Generator | None = None) -> Tensor:
    """The mean style of n Gaussian codes, `[n_latent]`; dice on the CPU.

    Args:
        mapping: gives the styles.
        n: number of codes, at least 1.
        generator: torch's dice.

    Raises:
        RangeError: for no codes.
    """
    if n < 1:
        raise RangeError("n", n, "at least 1")
    like = next(mapping.parameters())
    total = torch.zeros(mapping.n_latent, device=like.device, dtype=like.dtype)
    for start in range(0, n, _BATCH):
        z = torch.randn(min(_BATCH, n - start), mapping.n_latent, generator=generator)
        total += mapping(z.to(like)).sum(dim=0)
    return total / n
