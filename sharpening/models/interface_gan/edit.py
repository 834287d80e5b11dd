"""Moving codes along a boundary's normal, in Z, W and W+, alone or with other attributes held still.

Source: Shen et al., "Interpreting the latent space of GANs for semantic face editing", CVPR 2020, arXiv:1907.10786, section 3.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from sharpening.errors import RangeError, ShapeError
from sharpening.models.interface_gan.boundary import Boundary
from sharpening.models.stylegan import StyleGan

__all__ = ["DISTANCES", "conditional", "distances_of", "edit", "edited_pictures", "styles", "to_sphere"]

DISTANCES = (-3.0, 3.0, 10)
"""First and last distance and their number, as published."""

_TINY = 1e-8
_LEFT = 1e-3  # of a condition in a projected normal


def edit(codes: Tensor, boundary: Boundary, distances: Sequence[float]) -> Tensor:
    """Move codes along the boundary's normal.

    For codes of one row the distances are absolute: each is where the code ends, measured from the boundary. For W+ they are relative,
    how far every row moves, since the rows begin at different distances.

    Args:
        codes: `[bs, n_latent]` (Z or W) or `[bs, n_layers, n_latent]` (W+).
        boundary: of the same space; see `styles` for a check of that.
        distances: signed, k of them.

    Returns:
        `[bs, k, n_latent]` or `[bs, k, n_layers, n_latent]`, in the codes' precision.

    Raises:
        ShapeError: for codes of another shape.
    """
    normal = _normal(codes, boundary)
    steps = torch.tensor(list(distances), dtype=torch.float64, device=codes.device)
    # A step on a normal of length 1 is far smaller than the code; float64 keeps what rounding would take.
    if codes.ndim == 3:
        moves = steps[:, None, None] * normal
    else:
        moves = (steps - distances_of(codes, boundary).double()[:, None])[..., None] * normal
    return (codes.double()[:, None] + moves).to(codes.dtype)


def distances_of(codes: Tensor, boundary: Boundary) -> Tensor:
    """Signed distance of codes `[…, n_latent]` from the boundary, `[…]`."""
    return (codes.double() @ _normal(codes, boundary)).to(codes.dtype)


def _normal(codes: Tensor, boundary: Boundary) -> Tensor:
    n = len(boundary.normal)
    if codes.ndim not in (2, 3) or codes.shape[-1] != n or not codes.is_floating_point():
        raise ShapeError("codes", f"{codes.dtype} {list(codes.shape)}", f"floats [bs, {n}] or [bs, n_layers, {n}]")
    return boundary.normal.to(codes.device, torch.float64)


def conditional(primal: Boundary, conditions: Sequence[Boundary]) -> Boundary:
    """A boundary along which other attributes do not change: their normals are projected out.

    Args:
        primal: what is to change.
        conditions: what is to stay, any number of them, none too.

    Returns:
        The projected boundary, of length 1 again.

    Raises:
        ShapeError: boundaries of different lengths.
        RangeError: of different spaces; conditions that say the same twice; or nothing is left of the primal.
    """
    if not conditions:
        return primal
    shapes = {len(each.normal) for each in (primal, *conditions)}
    spaces = {each.space for each in (primal, *conditions)} - {""}
    if len(shapes) > 1:
        raise ShapeError("boundaries", sorted(shapes), "normals of one length")
    if len(spaces) > 1:
        raise RangeError("spaces of the boundaries", " and ".join(sorted(spaces)), "all in Z, or all in W")
    held = torch.stack([each.normal for each in conditions])
    left = primal.normal - _shares(primal.normal, held) @ held
    length = float(left.norm())
    kept = float((held @ left).abs().max()) / max(length, _TINY)
    if length < _LEFT or not kept < _LEFT:
        why = "it lies among the conditions" if length < _LEFT else "two conditions are nearly the same"
        raise RangeError("conditions", why, "conditions that differ from the primal and from each other", "Leave one out.")
    name = f"{primal.name}_c_{'_'.join(each.name for each in conditions)}"
    return Boundary(left / length, primal.space, name)


def _shares(primal: Tensor, held: Tensor) -> Tensor:
    """How much of each condition is in the primal."""
    inner = held @ primal
    if len(held) == 1:
        return inner
    if len(held) == 2:
        between = held[0] @ held[1]
        return (inner - inner.flip(0) * between) / (1 - between**2 + _TINY)
    # lstsq also where conditions say the same twice; the check of the result tells that.
    return torch.linalg.lstsq(held @ held.T, inner[:, None], driver="gelsd").solution[:, 0]


def to_sphere(z: Tensor) -> Tensor:
    """Gaussian codes `[bs, n_latent]` scaled to the length √n_latent that such codes have on average."""
    return z / z.norm(dim=-1, keepdim=True).clamp(min=_TINY) * math.sqrt(z.shape[-1])


def styles(gan: StyleGan, codes: Tensor, space: str, *, boundary: Boundary | None = None, psi: float = 0.7) -> Tensor:
    """Codes of any space as styles for every layer, as published: Z and W are truncated, W+ is not.

    Args:
        gan: the generator.
        codes: `[bs, n_latent]` for "z" and "w", `[bs, n_layers, n_latent]` for "w+".
        space: "z", "w" or "w+".
        boundary: along which they were, or will be, moved; its space is checked.
        psi: of the truncation of the first eight layers; 1 leaves it out.

    Returns:
        `[bs, n_layers, n_latent]`.

    Raises:
        RangeError: for another space, a boundary of another space, or Z without a mapping.
        ShapeError: for codes of another shape.
    """
    n_layers, n = gan.synthesis.n_layers, gan.synthesis.n_latent
    shapes: dict[str, tuple[int, ...]] = {"z": (n,), "w": (n,), "w+": (n_layers, n)}
    if space not in shapes:
        raise RangeError("space", repr(space), "z, w or w+")
    if tuple(codes.shape[1:]) != shapes[space] or codes.ndim != len(shapes[space]) + 1:
        raise ShapeError(f"codes of {space}", list(codes.shape), f"[bs, {', '.join(map(str, shapes[space]))}]")
    if boundary is not None and boundary.space not in ("", space.removesuffix("+")):
        advice = "Published boundaries for W and W+ are called …_w_boundary."
        raise RangeError(f"space of {boundary.name or 'the boundary'}", boundary.space.upper(), space.upper(), advice)
    if space == "w+":
        return codes
    w_plus = gan.w(to_sphere(codes)) if space == "z" else codes[:, None].expand(-1, n_layers, -1)
    return w_plus if psi == 1 else gan.truncated(w_plus, psi)


@torch.no_grad()
def edited_pictures(
    gan: StyleGan, codes: Tensor, boundary: Boundary, distances: Sequence[float] | None = None, *, space: str, psi: float = 0.7
) -> Tensor:
    """Pictures of codes that were moved along a boundary, one noise for all.

    Args:
        gan: the generator.
        codes: as `styles` wants them.
        boundary: of the same space.
        distances: k of them, see `edit`; ten from -3 to 3 when left out.
        space: "z", "w" or "w+".
        psi: of the truncation, for Z and W.

    Returns:
        `[bs, k, 3, R, R]` in [0, 1].

    Raises:
        ShapeError, RangeError: as `styles`.
    """
    steps = torch.linspace(*DISTANCES).tolist() if distances is None else list(distances)
    if not steps:
        raise RangeError("distances", "none", "at least one")
    styles(gan, codes, space, boundary=boundary, psi=1)  # checks, before anything is painted
    moved = edit(to_sphere(codes) if space == "z" else codes, boundary, steps)
    dice = None if gan.noise is not None else torch.Generator(device=codes.device)
    state = None if dice is None else dice.get_state()
    rows = []
    for k in range(len(steps)):
        if dice is not None and state is not None:
            dice.set_state(state)
        rows.append(gan.pictures(styles(gan, moved[:, k], space, psi=psi), generator=dice))
    return torch.stack(rows, dim=1)
