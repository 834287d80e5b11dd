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


@stylegan_app.command()
def edit(
    out: Out,
    weights: Generator = DEFAULT,
    boundary: Annotated[
        str, typer.Option(help="Name or path of a boundary; smile, age … of the same generator.")
    ] = "stylegan_ffhq_pose_w_boundary",
    condition: Annotated[list[str] | None, typer.Option(help="Boundary that shall stay; again for more.")] = None,
    code: Annotated[Path | None, typer.Option(help="A face found by `embed` (.safetensors); a drawn one when left out.")] = None,
    start: Annotated[float, typer.Option("--from", help="First distance.")] = -3.0,
    stop: Annotated[float, typer.Option("--to", help="Last distance.")] = 3.0,
    n: Annotated[int, typer.Option(min=1, max=64, help="How many pictures.")] = 7,
    psi: Psi = 0.7,
    seed: SeedOption = 0,
    pretrained: Pretrained = None,
) -> None:
    """Change one thing of a face: pose, smile, age … (InterFaceGAN)."""
    import numpy as np

    from sharpening.models.interface_gan import conditional, edited_pictures, load_boundary
    from sharpening.models.stylegan.mixing import seeded_codes

    gan = _generator(weights, pretrained)
    normal = load_boundary(boundary, pretrained=pretrained)
    normal = conditional(normal, [load_boundary(each, pretrained=pretrained) for each in condition or []])
    if code is not None:
        space, codes = "w+", _read_code(code, gan)
    else:
        space, codes = normal.space or "w", seeded_codes([seed], gan.synthesis.n_latent)
        codes = codes if space == "z" else gan.w(codes)[:, 0]
    distances = [float(each) for each in np.linspace(start, stop, n)]
    _write(out, list(edited_pictures(gan, codes, normal, distances, space=space, psi=psi)))


@stylegan_app.command()
def embed(
    picture: Annotated[Path, typer.Argument(help="A picture of a face.")],
    out: Out,
    weights: Generator = DEFAULT,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the optimisation.")] = 1000,
    pixels: Annotated[
        bool, typer.Option("--pixels", help="Compare pixels alone; else VGG-16 is needed (sharpening weights where vgg16).")
    ] = False,
    aligned: Annotated[bool, typer.Option("--aligned", help="The picture is in FFHQ's form already.")] = False,
    seed: SeedOption = 0,
    pretrained: Pretrained = None,
) -> None:
    """Find the face in the generator (Image2StyleGAN). Writes what it paints, and its code beside it (.safetensors)."""
    import torch

    from sharpening.models.latent_editor import embed_steps, finish, load_features
    from sharpening.weights.store import save_state

    gan = _generator(weights, pretrained)
    features: Any = "pixels" if pixels else load_features(pretrained=pretrained)
    target = _square(picture, gan.synthesis.resolution, aligned)
    with console.counter("steps") as count:
        states = embed_steps(gan, target, features=features, steps=steps, generator=torch.Generator().manual_seed(seed))
        found = finish(state for state in states if count(state.step, steps) is None)
    save_state(out.with_suffix(".safetensors"), {"w_plus": found.w_plus})
    _write(out, [[target, found.picture]])


@stylegan_app.command()
def morph(
    first: Annotated[Path, typer.Argument(help="A code of `embed` (.safetensors).")],
    second: Annotated[Path, typer.Argument(help="Another one.")],
    out: Out,
    weights: Generator = DEFAULT,
    n: Annotated[int, typer.Option(min=2, max=100, help="How many pictures.")] = 7,
    seed: SeedOption = 0,
    pretrained: Pretrained = None,
) -> None:
    """Go from one face to another."""
    from sharpening.models.latent_editor import morph as between

    gan = _generator(weights, pretrained)
    codes = between(_read_code(first, gan), _read_code(second, gan), n)
    _write(out, [[_painted(gan, code, seed) for code in codes]])


def _read_code(path: Path, gan: StyleGan) -> Tensor:
    """A code `[1, n_layers, n_latent]` that `embed` wrote."""
    from sharpening.errors import InputError
    from sharpening.weights.store import load_state

    state = load_state(path)
    wanted = (1, gan.synthesis.n_layers, gan.synthesis.n_latent)
    if "w_plus" not in state or tuple(state["w_plus"].shape) != wanted:
        raise InputError(path, f"holds no code of {gan.name or 'this generator'}.", "Make one: sharpening stylegan embed.")
    return state["w_plus"].float()


def _square(path: Path, side: int, aligned: bool) -> Tensor:
    """The face of a picture `[3, side, side]`, in the form of FFHQ."""
    from sharpening.errors import NoFaceFound
    from sharpening.imaging.convert import to_tensor
    from sharpening.imaging.files import read_picture
    from sharpening.imaging.resize import resize_tensor
    from sharpening.models.face_align import align, find_landmarks

    pixels = read_picture(path)
    whole = to_tensor(pixels[None])[0]
    if aligned:
        return resize_tensor(whole[None], side)[0].clamp(0, 1)
    landmarks = find_landmarks(pixels)
    if landmarks is None:
        raise NoFaceFound(path, "Give a larger or clearer one, or say that it is aligned (--aligned).")
    return align(whole, landmarks, "ffhq", side).picture


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
