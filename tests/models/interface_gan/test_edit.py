"""Edits along a boundary: equal to the published program's, and to their own words."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, ShapeError
from sharpening.models.interface_gan import Boundary, conditional, distances_of, edit, edited_pictures
from sharpening.models.interface_gan.edit import styles, to_sphere
from sharpening.models.stylegan import StyleGan, draw_noise
from tests.models.stylegan.made_gan import TINY, tiny

N = TINY["n_latent"]


def boundary(seed: int = 0, n: int = N, space: str = "") -> Boundary:
    normal = torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return Boundary(normal / normal.norm(), space, f"b{seed}")


def random_codes(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(9))


@pytest.mark.parity
def test_edits_as_the_published_program_does(parity, record_property) -> None:
    golden = parity.npz("interfacegan_edit")
    primal, *conditions = (Boundary(torch.from_numpy(golden[name][0])) for name in ("primal", "c1", "c2", "c3"))
    gaps = {f"proj{i}": conditional(primal, conditions[:i]).normal.numpy()[None] - golden[f"proj{i}"] for i in (1, 2, 3)}
    steps = np.linspace(-3, 3, 10)
    z = edit(torch.from_numpy(golden["z"]).double(), primal, steps)[0]
    gaps["interp_z"] = z[:, :16].numpy() - golden["interp_z"]
    gaps["z_dots"] = distances_of(z, primal).numpy()[:, None] - golden["z_dots"]
    raw = parity.seed_state.rng("ifg:wp").standard_normal((1, 18, 512)).astype(np.float32)
    w_plus = edit(torch.from_numpy(raw).double(), primal, steps)[0]
    gaps["interp_wp"] = w_plus[:, :2, :16].numpy() - golden["interp_wp"]
    gaps["wp_dots"] = distances_of(w_plus, primal).numpy() - golden["wp_dots"]
    worst = max(gaps, key=lambda name: float(np.abs(gaps[name]).max()))
    difference = float(np.abs(gaps[worst]).max())
    record_property("difference", difference)
    assert difference < 1e-5, f"{worst} differs by {difference:.2e}"


def test_codes_of_one_row_end_at_the_distances() -> None:
    codes, b = random_codes(3, N), boundary()
    moved = edit(codes, b, [-2.0, 0.0, 5.0])
    assert moved.shape == (3, 3, N)
    torch.testing.assert_close(distances_of(moved, b), torch.tensor([-2.0, 0.0, 5.0]).expand(3, 3), atol=1e-5, rtol=0)
    # What lies along the boundary stays.
    beside = moved - distances_of(moved, b)[..., None] * b.normal.float()
    torch.testing.assert_close(beside, beside[:, :1].expand_as(beside), atol=1e-5, rtol=0)


def test_rows_of_w_plus_move_by_the_distances() -> None:
    codes, b = random_codes(2, 6, N), boundary()
    moved = edit(codes, b, [-1.0, 0.0, 2.5])
    assert moved.shape == (2, 3, 6, N)
    torch.testing.assert_close(moved[:, 1], codes)
    torch.testing.assert_close(moved[:, 2] - codes, (2.5 * b.normal.float()).expand(2, 6, N), atol=1e-6, rtol=0)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_conditions_are_projected_out(n: int) -> None:
    primal, held = boundary(0), [boundary(i + 1) for i in range(n)]
    made = conditional(primal, held)
    basis, _ = np.linalg.qr(np.stack([each.normal.numpy() for each in held], axis=1))
    wanted = primal.normal.numpy() - basis @ (basis.T @ primal.normal.numpy())
    np.testing.assert_allclose(made.normal.numpy(), wanted / np.linalg.norm(wanted), atol=1e-6)
    assert made.name == "b0_c_" + "_".join(f"b{i + 1}" for i in range(n))


def test_without_conditions_all_stays() -> None:
    primal = boundary()
    assert conditional(primal, []) is primal


def test_conditions_that_leave_nothing_are_refused() -> None:
    primal, other = boundary(0), boundary(1)
    for held in ([primal], [primal, other], [primal, other, boundary(2)]):
        with pytest.raises(RangeError, match="lies among the conditions"):
            conditional(primal, held)
    near = other.normal + 1e-6 * boundary(2).normal
    with pytest.raises(RangeError, match="nearly the same"):
        conditional(primal, [other, Boundary(near / near.norm())])
    with pytest.raises(ShapeError, match="one length"):
        conditional(primal, [boundary(1, N + 1)])
    with pytest.raises(RangeError, match="w and z"):
        conditional(boundary(0, space="z"), [boundary(1, space="w")])


def test_codes_of_another_length_are_refused() -> None:
    for codes in (random_codes(1, N + 1), random_codes(N), random_codes(1, 2, 3, N), torch.zeros(1, N, dtype=torch.long)):
        with pytest.raises(ShapeError, match="codes"):
            edit(codes, boundary(), [0.0])


def test_gaussian_codes_come_to_their_sphere() -> None:
    z = to_sphere(3 * random_codes(4, N))
    torch.testing.assert_close(z.norm(dim=1), torch.full((4,), N**0.5))


def test_styles_truncate_z_and_w_but_not_w_plus() -> None:
    gan = tiny(64)
    z, w, w_plus = random_codes(2, N), random_codes(2, N), random_codes(2, gan.synthesis.n_layers, N)
    torch.testing.assert_close(styles(gan, 5 * z, "z"), gan.truncated(gan.w(to_sphere(z)), 0.7))
    torch.testing.assert_close(styles(gan, w, "w", psi=0.5)[:, 0], gan.mean_w + 0.5 * (w - gan.mean_w))
    assert torch.equal(styles(gan, w, "w")[:, 8:], w[:, None].expand(-1, 2, -1))
    assert torch.equal(styles(gan, w_plus, "w+"), w_plus)


def test_spaces_are_checked() -> None:
    gan = tiny(8)
    with pytest.raises(RangeError, match="space of b0: got Z, wanted W"):
        styles(gan, random_codes(1, N), "w", boundary=boundary(space="z"))
    with pytest.raises(RangeError, match="got W, wanted Z"):
        edited_pictures(gan, random_codes(1, N), boundary(space="w"), space="z")
    with pytest.raises(RangeError, match="z, w or w"):
        styles(gan, random_codes(1, N), "y")
    with pytest.raises(ShapeError, match=r"\[bs, 4, 8\]"):
        styles(gan, random_codes(1, N), "w+")
    assert styles(gan, random_codes(1, 4, N), "w+", boundary=boundary(space="w")).shape == (1, 4, N)


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("space", ["z", "w", "w+"])
def test_pictures_of_moved_codes(space: str, fixed: bool) -> None:
    gan = tiny(16, extras=fixed)
    codes = random_codes(2, N) if space != "w+" else random_codes(2, 6, N)
    made = edited_pictures(gan, codes, boundary(), [-2.0, 0.0, 2.0], space=space)
    assert made.shape == (2, 3, 3, 16, 16)
    assert float((made[:, 0] - made[:, 2]).abs().mean()) > 1e-3
    moved = edit(to_sphere(codes) if space == "z" else codes, boundary(), [2.0])[:, 0]
    with torch.no_grad():
        noise = gan.noise if fixed else draw_noise(gan.synthesis, generator=torch.Generator(), batch=2)
        torch.testing.assert_close(made[:, 2], gan.pictures(styles(gan, moved, space), noise))
    assert edited_pictures(gan, codes[:1], boundary(), space=space).shape[1] == 10


def test_z_without_a_mapping_says_so() -> None:
    with pytest.raises(RangeError, match="mapping"):
        edited_pictures(StyleGan(tiny(8).synthesis), random_codes(1, N), boundary(), [0.0], space="z")
