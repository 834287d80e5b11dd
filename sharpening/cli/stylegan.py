"""`sharpening stylegan sample | mix | edit | embed | morph`: faces out of a generator that the user brought."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sharpening.cli import console
from sharpening.cli.console import DeviceOption, SeedOption

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from sharpening.models.stylegan import StyleGan

__all__ = ["stylegan_app"]

stylegan_app = typer.Typer(
    help="Faces out of StyleGAN: drawn, mixed, edited, found again. Needs a published generator (sharpening weights list).",
    no_args_is_help=True,
)

Weights = Annotated[
    str | None, typer.Option("--weights", "-w", help="Name or path of a generator; FFHQ's published one when left out.")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Picture to write (.png, .jpg, .webp).")]
Psi = Annotated[float, typer.Option(help="Truncation of the coarse layers: 1 none, 0 the mean face.")]
Pretrained = Annotated[Path | None, typer.Option(help="Folder to search weights in first.")]
GENERATORS = ("stylegan-ffhq", "stylegan-ffhq-port", "pulse-synthesis")


@stylegan_app.command()
def sample(
    out: Out,
    weights: Weights = None,
    n: Annotated[int, typer.Option(min=1, max=64, help="How many faces.")] = 4,
    psi: Psi = 0.7,
    seed: SeedOption = 0,
    pretrained: Pretrained = None,
    device: DeviceOption = None,
) -> None:
    """Draw faces that nobody has."""
    gan, _ = _generator(weights, pretrained, device, out)
    codes = gan.truncated(gan.w(_codes(gan, range(seed, seed + n))), psi)
    _write(out, [[_painted(gan, code, seed) for code in codes]])


@stylegan_app.command()
def mix(
    out: Out,
    weights: Weights = None,
    psi: Psi = 1.0,
    seed: SeedOption = 0,
    pretrained: Pretrained = None,
    device: DeviceOption = None,
) -> None:
    """Mix the styles of faces: the published figure (thesis Figure 1.5), with its seeds, without truncation."""
    from sharpening.models.stylegan.mixing import DESTINATION_SEEDS, SOURCE_SEEDS, mixing_grid

    gan, _ = _generator(weights, pretrained, device, out)
    top, side = (gan.truncated(gan.w(_codes(gan, seeds)), psi) for seeds in (SOURCE_SEEDS, DESTINATION_SEEDS))
    _write(out, list(mixing_grid(gan, top, side, generator=_dice(gan, seed))))


@stylegan_app.command()
def edit(
    out: Out,
    weights: Weights = None,
    boundary: Annotated[
        str | None, typer.Option(help="Name or path of a boundary of this generator; its pose boundary when left out.")
    ] = None,
    condition: Annotated[list[str] | None, typer.Option(help="Boundary that shall stay; again for more.")] = None,
    code: Annotated[Path | None, typer.Option(help="A face found by `embed` (.safetensors); a drawn one when left out.")] = None,
    start: Annotated[float, typer.Option("--from", help="First distance.")] = -3.0,
    stop: Annotated[float, typer.Option("--to", help="Last distance.")] = 3.0,
    n: Annotated[int, typer.Option(min=1, max=64, help="How many pictures.")] = 7,
    psi: Psi = 0.7,
    seed: SeedOption = 0,
    pretrained: Pretrained = None,
    device: DeviceOption = None,
) -> None:
    """Change one thing of a face: pose, smile, age … (InterFaceGAN)."""
    import numpy as np

    from sharpening.models.interface_gan import conditional, edited_pictures, load_boundary
    from sharpening.reconstruct.transfer.interface_gan import pose_boundary

    gan, path = _generator(weights, pretrained, device, out)
    normal = load_boundary(boundary or pose_boundary(path, gan, pretrained), pretrained=pretrained)
    normal = conditional(normal, [load_boundary(each, pretrained=pretrained) for each in condition or []])
    if code is not None:
        space, codes = "w+", _read_code(code, gan)
    else:
        space, codes = normal.space or "w", _codes(gan, [seed])
        codes = codes if space == "z" else gan.w(codes)[:, 0]
    distances = [float(each) for each in np.linspace(start, stop, n)]
    _write(out, list(edited_pictures(gan, codes, normal, distances, space=space, psi=psi)))


@stylegan_app.command()
def embed(
    picture: Annotated[Path, typer.Argument(help="A picture of a face.")],
    out: Out,
    weights: Weights = None,
    steps: Annotated[int, typer.Option(min=1, help="Steps of the optimisation.")] = 1000,
    pixels: Annotated[
        bool, typer.Option("--pixels", help="Compare pixels alone; else VGG-16 is needed (sharpening weights where vgg16).")
    ] = False,
    aligned: Annotated[bool, typer.Option("--aligned", help="The picture is in FFHQ's form already.")] = False,
    seed: SeedOption = 0,
    pretrained: Pretrained = None,
    device: DeviceOption = None,
) -> None:
    """Find the face in the generator (Image2StyleGAN). Writes what it paints, and its code beside it (.safetensors)."""
    import torch

    from sharpening.imaging.files import check_place
    from sharpening.models.latent_editor import embed_steps, finish, load_features
    from sharpening.restore.place import check_places
    from sharpening.weights.store import save_state

    check_place(out)
    check_places([out], [picture])
    gan, _ = _generator(weights, pretrained, device, out)
    code = _code_file(out)
    features: Any = "pixels" if pixels else load_features(pretrained=pretrained)
    target = _square(picture, gan.synthesis.resolution, aligned).to(gan.synthesis.torgb.weight.device)
    with console.counter("steps") as count:
        states = embed_steps(gan, target, features=features, steps=steps, generator=torch.Generator().manual_seed(seed))
        found = finish(state for state in states if count(state.step, steps) is None)
    save_state(code, {"w_plus": found.w_plus})
    _write(out, [[target, found.picture]])


@stylegan_app.command()
def morph(
    first: Annotated[Path, typer.Argument(help="A code of `embed` (.safetensors).")],
    second: Annotated[Path, typer.Argument(help="Another one.")],
    out: Out,
    weights: Weights = None,
    n: Annotated[int, typer.Option(min=2, max=100, help="How many pictures.")] = 7,
    seed: SeedOption = 0,
    pretrained: Pretrained = None,
    device: DeviceOption = None,
) -> None:
    """Go from one face to another."""
    from sharpening.models.latent_editor import morph as between

    gan, _ = _generator(weights, pretrained, device, out)
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
    return state["w_plus"].to(gan.synthesis.torgb.weight)


def _square(path: Path, side: int, aligned: bool) -> Tensor:
    """The face of a picture `[3, side, side]`, in the form of FFHQ."""
    from sharpening.errors import NoFaceFound, ShapeError
    from sharpening.imaging.convert import to_tensor
    from sharpening.imaging.files import read_picture
    from sharpening.imaging.resize import resize_tensor
    from sharpening.models.face_align import align, find_landmarks

    pixels = read_picture(path)
    whole = to_tensor(pixels[None])[0]
    if aligned and whole.shape[1] != whole.shape[2]:
        raise ShapeError(
            str(path), f"{whole.shape[2]}×{whole.shape[1]} px", "a square, as aligned faces are", "Leave --aligned out."
        )
    if aligned:
        return resize_tensor(whole[None], side)[0].clamp(0, 1)
    landmarks = find_landmarks(pixels)
    if landmarks is None:
        raise NoFaceFound(path, "Give a larger or clearer one, or say that it is aligned (--aligned).")
    return align(whole, landmarks, "ffhq", side).picture


def _generator(weights: str | None, pretrained: Path | None, device: str | None, out: Path) -> tuple[StyleGan, Path]:
    """The generator on its device, and its file; what cannot be written is told before the work."""
    import torch

    from sharpening.errors import WeightsMissing
    from sharpening.imaging.files import check_suffix
    from sharpening.models.stylegan import load_stylegan
    from sharpening.weights.store import find

    check_suffix(out)
    searched: tuple[str, ...] = ()
    for name in GENERATORS if weights is None else (weights,):
        try:
            path = find(name, pretrained)
        except WeightsMissing as error:
            searched = error.searched
            continue
        gan = load_stylegan(path, pretrained=pretrained)
        if gan.licence:
            console.err.print(f"note: {gan.name}: {gan.licence}", markup=False)
        return gan.to(device or ("cuda" if torch.cuda.is_available() else "cpu")), path
    advice = (
        "Get karras2019stylegan-ffhq-1024x1024.pkl of NVlabs/stylegan (CC BY-NC 4.0), then: "
        "sharpening weights import FILE --as stylegan-ffhq. A generator of your own is named by -w."
    )
    raise WeightsMissing(weights or " or ".join(GENERATORS), searched, advice)


def _codes(gan: StyleGan, seeds: Sequence[int]) -> Tensor:
    from sharpening.models.stylegan.mixing import seeded_codes

    return seeded_codes(seeds, gan.synthesis.n_latent).to(gan.synthesis.torgb.weight)


def _code_file(out: Path) -> Path:
    """Where the code goes; a file that is no code, as the generator itself, is never overwritten."""
    from sharpening.errors import InputError
    from sharpening.weights.store import load_state

    path = out.with_suffix(".safetensors")
    if path.exists() and "w_plus" not in load_state(path):
        raise InputError(path, "is there already, and is no code of a face.", "Give the picture another name (-o).")
    return path


def _dice(gan: StyleGan, seed: int) -> Generator | None:
    """The noise that belongs to the generator, or the same dice for every picture."""
    import torch

    return None if gan.noise is not None else torch.Generator(gan.synthesis.torgb.weight.device).manual_seed(seed)


def _painted(gan: StyleGan, code: Tensor, seed: int) -> Tensor:
    """One picture `[3, R, R]` of a code `[n_layers, n_latent]`."""
    import torch

    with torch.no_grad():
        return gan.pictures(code[None], generator=_dice(gan, seed))[0].cpu()


def _write(out: Path, rows: Any) -> None:
    """Write rows of pictures `[3, R, R]` as one."""
    import torch

    from sharpening.imaging.convert import to_uint8
    from sharpening.imaging.files import write_picture

    whole = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1).cpu()
    write_picture(out, to_uint8(whole))
    console.out.print(f"{out}: {whole.shape[2]}×{whole.shape[1]} px", markup=False)
