"""Style mixing: pictures that take their coarse, middle or fine styles from another face (thesis Figure 1.5).

Source: Karras et al., "A style-based generator architecture for generative adversarial networks", CVPR 2019, arXiv:1812.04948, figure 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from sharpening.errors import RangeError, ShapeError
from sharpening.models.stylegan.gan import StyleGan

__all__ = ["COARSE", "DESTINATION_SEEDS", "FINE", "MIDDLE", "MIXING_ROWS", "SOURCE_SEEDS", "mixing_grid", "seeded_codes"]

COARSE, MIDDLE, FINE = range(4), range(4, 8), range(8, 18)
"""Layers whose styles set pose and shape, features and hair, colours and texture, in a generator of 1024 px."""

SOURCE_SEEDS = (639, 701, 687, 615, 2268)
"""Seeds of the faces along the top of the published figure, for `stylegan-ffhq`."""

DESTINATION_SEEDS = (888, 829, 1898, 1733, 1614, 845)
"""Seeds of the faces down its left side."""

MIXING_ROWS = (COARSE, COARSE, COARSE, MIDDLE, MIDDLE, FINE)
"""Which layers each of its rows takes from the faces along the top."""


def seeded_codes(seeds: Sequence[int], n_latent: int = 512) -> Tensor:
    """Gaussian codes `[n, n_latent]` by numpy's frozen dice, so that a seed means the same face as in the publication.

    Args:
        seeds: one a code, 0 or more.
        n_latent: length of a code.

    Raises:
        RangeError: for a seed that numpy's dice do not know.
    """
    if wrong := [seed for seed in seeds if not 0 <= seed < 2**32]:
        raise RangeError("seed", wrong[0], f"0 to {2**32 - 1}")
    rows = [np.random.RandomState(seed).randn(n_latent) for seed in seeds]
    return torch.from_numpy(np.stack(rows).astype(np.float32))


@torch.no_grad()
def mixing_grid(
    gan: StyleGan,
    sources: Tensor,
    destinations: Tensor,
    rows: Sequence[range] = MIXING_ROWS,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """All mixtures of some faces, beside the faces themselves.

    Args:
        gan: the generator; layers that it does not have are left out of `rows`.
        sources: `[m, n_layers, n_latent]`, truncated or not: the faces along the top.
        destinations: `[n, n_layers, n_latent]`: those down the side.
        rows: for each destination the layers whose styles come from the sources.
        generator: dice for the noise, which is the same for all pictures; None takes the fixed noise.

    Returns:
        `[n + 1, m + 1, 3, R, R]` in [0, 1]: sources in the first row, destinations in the first column, white in their corner.

    Raises:
        ShapeError: `rows` and `destinations` differ in number, or codes of another shape.
    """
    if len(rows) != len(destinations):
        raise ShapeError("rows", len(rows), f"{len(destinations)}, one for each destination")
    dice = generator if generator is not None else torch.Generator()
    # Noise of its own for each picture would hide what the styles do.
    state = dice.get_state()
    own = generator is not None or gan.noise is None

    def painted(w_plus: Tensor) -> Tensor:
        dice.set_state(state)
        return gan.pictures(w_plus[None], generator=dice if own else None)[0]

    top = [painted(each) for each in sources]
    grid = [torch.stack([torch.ones_like(top[0]), *top])]
    for destination, layers in zip(destinations, rows, strict=True):
        taken = torch.tensor([i in layers for i in range(gan.synthesis.n_layers)], device=destination.device)[:, None]
        mixed = [painted(torch.where(taken, source, destination)) for source in sources]
        grid.append(torch.stack([painted(destination), *mixed]))
    return torch.stack(grid)
