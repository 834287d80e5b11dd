"""`sharpening stylegan sample | mix | edit | embed | morph`: faces out of a generator that the user brought."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sharpening.cli import console
from sharpening.cli.console import SeedOption

if TYPE_CHECKING:
    from torch import Tensor

    from sharpening.models.stylegan import StyleGan

__all__ = ["stylegan_app"]

stylegan_app = typer.Typer(
    help="Faces out of StyleGAN: drawn, mixed, edited, found again. Needs a published generator (sharpening weights list).",
    no_args_is_help=True,
)

Generator = Annotated[str, typer.Option("--weights", "-w", help="Name or path of a generator.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Picture to write (.png, .jpg, .webp).")]
Psi = Annotated[float, typer.Option(help="Truncation of the coarse layers: 1 none, 0 the mean face.")]
Pretrained = Annotated[Path | None, typer.Option(help="Folder to search weights in first.")]
DEFAULT = "stylegan-ffhq"


@stylegan_app.command()
def sample(
    out: Out,
    weights: Generator = DEFAULT,
    n: Annotated[int, typer.Option(min=1, max=64, help="How many faces.")] = 4,
    psi: Psi = 0.7,
    seed: SeedOption = 0,
    pretrained: Pretrained = None,
) -> None:
    """Draw faces that nobody has."""
    from sharpening.models.stylegan.mixing import seeded_codes

    gan = _generator(weights, pretrained)
    codes = gan.truncated(gan.w(seeded_codes(range(seed, seed + n), gan.synthesis.n_latent)), psi)
    _write(out, [[_painted(gan, code, seed) for code in codes]])


@stylegan_app.command()
def mix(
    out: Out,
    weights: Generator = DEFAULT,
    psi: Psi = 0.7,
    seed: SeedOption = 0,
    pretrained: Pretrained = None,
) -> None:
    """Mix the styles of faces: the published figure (thesis Figure 1.5), with its seeds."""
    import torch

    from sharpening.models.stylegan.mixing import DESTINATION_SEEDS, SOURCE_SEEDS, mixing_grid, seeded_codes

    gan = _generator(weights, pretrained)
    top, side = (
        gan.truncated(gan.w(seeded_codes(seeds, gan.synthesis.n_latent)), psi) for seeds in (SOURCE_SEEDS, DESTINATION_SEEDS)
    )
    _write(out, list(mixing_grid(gan, top, side, generator=torch.Generator().manual_seed(seed))))


def _generator(weights: str, pretrained: Path | None) -> StyleGan:
    from sharpening.models.stylegan import load_stylegan

    gan = load_stylegan(weights, pretrained=pretrained)
    if gan.licence:
        console.err.print(f"note: {gan.name}: {gan.licence}", markup=False)
    return gan


def _painted(gan: StyleGan, code: Tensor, seed: int) -> Tensor:
    """One picture `[3, R, R]` of a code `[n_layers, n_latent]`; the fixed noise, or the same dice for every picture."""
    import torch

    with torch.no_grad():
        dice = None if gan.noise is not None else torch.Generator().manual_seed(seed)
        return gan.pictures(code[None], generator=dice)[0]


def _write(out: Path, rows: Any) -> None:
    """Write rows of pictures `[3, R, R]` as one."""
    import torch

    from sharpening.imaging.convert import to_uint8
    from sharpening.imaging.files import write_picture

    whole = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1)
    write_picture(out, to_uint8(whole))
    console.out.print(f"{out}: {whole.shape[2]}×{whole.shape[1]} px", markup=False)
