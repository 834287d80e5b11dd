"""Files of the published names and shapes, filled by the recipe of the parity folder: taken in, and used from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from sharpening.cli import app
from sharpening.imaging.files import read_picture, write_picture
from sharpening.models.face_id.ir_se50 import load_ir_se50
from sharpening.models.sr_gan import load_esrgan
from sharpening.weights.store import find

pytestmark = pytest.mark.parity

BLUR = torch.tensor([1.0, 2.0, 1.0])[:, None] * torch.tensor([1.0, 2.0, 1.0]) / 16
STYLE: dict[str, Any] = {"mode": "unit", "skip": ("kernel",)}
# Names of the key lists, options of the recipe, and the name that the file gets here.
FILES = {
    "pulse-synthesis": ("pulse_synthesis", STYLE),
    "pulse-mapping": ("pulse_mapping", {"mode": "unit"}),
    "stylegan-ffhq-port": ("lernapparat_g_all", STYLE),
    "psfrgan-parsenet": ("psfrgan_parsenet", {"gain": 0.5}),
    "psfrgan-generator": ("psfrgan_generator", {}),
    "celebamaskhq_unet": ("celebamaskhq_unet", {}),
    "bisenet_face": ("bisenet_face", {"gain": 1.0}),
    "ir_se50": ("arcface_ir_se50", {"gain": 0.5}),
    "esrgan-rrdb": ("esrgan_rrdb", {"gain": 0.5}),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("taken-in")


def told(*arguments: object, folder: Path) -> str:
    done = CliRunner().invoke(app, list(map(str, arguments)), env={"SHARPENING_PRETRAINED": str(folder), "COLUMNS": "400"})
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return done.output


def filled(parity, name: str) -> dict[str, Tensor]:
    keys, options = FILES[name]
    blurs = {key: BLUR.expand(shape).clone() for key, shape in parity.keys(keys).items() if key.endswith("kernel")}
    state = {**parity.weights(keys, **options), **blurs}
    for key in [key for key in state if key.endswith("weight_orig")]:
        # As the recipe says: the stored vectors are five steps on, or the norm would be of no matrix.
        matrix = state[key].flatten(1).double()
        u = state[key.replace("orig", "u")].double()
        for _ in range(5):
            v = torch.nn.functional.normalize(matrix.T @ u, dim=0)
            u = torch.nn.functional.normalize(matrix @ v, dim=0)
        state |= {key.replace("orig", "u"): u.float(), key.replace("orig", "v"): v.float()}
    return state


@pytest.fixture(scope="module")
def taken(place, tmp_path_factory):
    """`taken(parity, name)`: the file of that name, saved as published and taken in once."""
    raw = tmp_path_factory.mktemp("published")

    def of(parity, name: str) -> Path:
        if not (place / f"{name}.safetensors").exists():
            torch.save(filled(parity, name), raw / f"{name}.pth")
            said = told("weights", "import", raw / f"{name}.pth", "--as", name, folder=place)
            assert f"{name}: {place / name}.safetensors" in said
            (raw / f"{name}.pth").unlink()
        return find(name, place)

    return of


@pytest.fixture
def picture(tmp_path, astronaut_face) -> Path:
    write_picture(tmp_path / "face.png", astronaut_face)
    return tmp_path / "face.png"


@pytest.fixture
def frames(tmp_path, astronaut_face) -> Path:
    import cv2

    for i in range(3):
        turned = cv2.warpAffine(
            astronaut_face, cv2.getRotationMatrix2D((80, 80), 2.0 * i, 1), (160, 160), borderMode=cv2.BORDER_REFLECT
        )
        write_picture(tmp_path / "frames" / f"{i}.png", np.ascontiguousarray(turned))
    return tmp_path / "frames"


def test_generators_paint(parity, taken, place, tmp_path) -> None:
    for name in ("pulse-mapping", "pulse-synthesis", "stylegan-ffhq-port"):
        taken(parity, name)
    for name in ("pulse-synthesis", "stylegan-ffhq-port"):
        said = told("stylegan", "sample", "-w", name, "-o", tmp_path / f"{name}.png", "--n", 1, folder=place)
        assert "CC BY-NC 4.0" in said  # the terms are said when it is used
    one, other = (read_picture(tmp_path / f"{name}.png") for name in ("pulse-synthesis", "stylegan-ffhq-port"))
    assert one.shape == other.shape == (1024, 1024, 3)
    assert one.std() > 10


@pytest.mark.parametrize("steps", [1])
def test_pulse_searches(parity, taken, place, picture, tmp_path, steps) -> None:
    for name in ("pulse-mapping", "pulse-synthesis"):
        taken(parity, name)
    torch.save({"mean": torch.zeros(512), "std": torch.ones(512)}, place / "gaussian_fit.pt")
    out = tmp_path / "found.png"
    said = told(
        "finetune",
        picture,
        "-o",
        out,
        "--how",
        "pulse",
        "--weights",
        "pulse-synthesis",
        "--steps",
        steps,
        "--any-person",
        folder=place,
    )
    (place / "gaussian_fit.pt").unlink()
    assert "pulse-synthesis" in said
    assert read_picture(out).std() > 10


def test_psfr_gan_restores(parity, taken, place, picture, tmp_path) -> None:
    for name in ("psfrgan-parsenet", "psfrgan-generator"):
        taken(parity, name)
    said = told("finetune", picture, "-o", tmp_path / "x.png", "--how", "psfr-gan", "--any-person", folder=place)
    assert "psfrgan-generator: CC BY-NC-SA 4.0" in said
    assert read_picture(tmp_path / "x.png").shape == (512, 512, 3)


@pytest.mark.parametrize("name", ["celebamaskhq_unet", "bisenet_face"])
def test_parsers_find_parts(parity, taken, place, frames, tmp_path, name) -> None:
    taken(parity, name)
    said = told(
        "reconstruct", frames, "-o", tmp_path / "x.png", "--clean", "bicubic", "--masks", name, "--any-person", folder=place
    )
    assert f"note: {name}:" in said


def test_face_nets_and_enlargers_load(parity, taken, place) -> None:
    chips = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert load_ir_se50(taken(parity, "ir_se50"))(chips).norm() == pytest.approx(1, abs=1e-4)
        taken(parity, "esrgan-rrdb")
        assert load_esrgan("esrgan-rrdb", pretrained=place)(chips[..., :16, :16]).shape == (1, 3, 64, 64)


def test_boundaries_are_known_by_their_hashes(parity, place, tmp_path) -> None:
    boundary = parity.folder.parent / "weights" / "interfacegan_boundaries" / "stylegan_ffhq_smile_w_boundary.npy"
    if not boundary.is_file():
        pytest.skip(f"no {boundary}")
    renamed = tmp_path / "whatever.npy"
    renamed.write_bytes(boundary.read_bytes())
    assert "stylegan_ffhq_smile_w_boundary:" in told("weights", "import", renamed, folder=place)
    assert "stylegan_ffhq_smile_w_boundary" in told("weights", "list", folder=place)
