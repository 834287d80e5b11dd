"""`sharpening stylegan …` and `sharpening weights import` on a tiny generator in the published form."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from sharpening import cli
from sharpening.imaging.files import read_picture
from sharpening.models.stylegan import Mapping, Synthesis
from sharpening.weights.store import load_state, save_state

SIDE, N = 32, 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A generator with a mapping, and a boundary of it."""
    place = tmp_path_factory.mktemp("weights")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        synthesis, mapping = Synthesis(SIDE, n_latent=N, most_channels=16, base_channels=256), Mapping(N, 2)
    state = {f"synthesis.{key}": value for key, value in synthesis.state_dict().items()}
    state |= {f"mapping.{key}": value for key, value in mapping.state_dict().items()}
    save_state(place / "tiny.safetensors", state)
    normal = np.random.default_rng(0).standard_normal((1, N))
    np.save(place / "turn_w_boundary.npy", normal / np.linalg.norm(normal))
    return place


@pytest.fixture
def run(monkeypatch, capsys, folder):
    """Call the entry point as the shell does: exit code, and both outputs in one."""

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["sharpening", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), " ".join((captured.out + captured.err).split())

    monkeypatch.setenv("SHARPENING_PRETRAINED", str(folder))
    return call


def test_faces_are_drawn_and_mixed(run, tmp_path) -> None:
    code, said = run("stylegan", "sample", "-w", "tiny", "-o", tmp_path / "faces.png", "--n", 3, "--seed", 5)
    assert code == 0, said
    assert read_picture(tmp_path / "faces.png").shape == (SIDE, 3 * SIDE, 3)
    run("stylegan", "sample", "-w", "tiny", "-o", tmp_path / "again.png", "--n", 3, "--seed", 5)
    assert np.array_equal(read_picture(tmp_path / "again.png"), read_picture(tmp_path / "faces.png"))
    code, said = run("stylegan", "mix", "-w", "tiny", "-o", tmp_path / "mixed.png")
    assert code == 0, said
    grid = read_picture(tmp_path / "mixed.png")
    assert grid.shape == (7 * SIDE, 6 * SIDE, 3)
    assert (grid[:SIDE, :SIDE] == 255).all()


def test_a_face_is_edited(run, folder, tmp_path) -> None:
    out = tmp_path / "edited.png"
    code, said = run("stylegan", "edit", "-w", "tiny", "--boundary", folder / "turn_w_boundary.npy", "-o", out, "--n", 3)
    assert code == 0, said
    strip = read_picture(out)
    assert strip.shape == (SIDE, 3 * SIDE, 3)
    assert not np.array_equal(strip[:, :SIDE], strip[:, 2 * SIDE :])


def test_a_face_is_found_again_and_morphed(run, tmp_path) -> None:
    run("stylegan", "sample", "-w", "tiny", "-o", tmp_path / "face.png", "--n", 1)
    errors = {}
    for steps in (1, 200):
        out = tmp_path / f"{steps}.png"
        code, said = run(
            "stylegan", "embed", tmp_path / "face.png", "-w", "tiny", "-o", out, "--pixels", "--aligned", "--steps", steps
        )
        assert code == 0, said
        assert load_state(out.with_suffix(".safetensors"))["w_plus"].shape == (1, 8, N)
        pair = read_picture(out).astype(float)
        errors[steps] = np.square(pair[:, :SIDE] - pair[:, SIDE:]).mean()
    assert errors[200] < 0.9 * errors[1]
    ends = tmp_path / "1.safetensors", tmp_path / "200.safetensors"
    code, said = run("stylegan", "morph", *ends, "-w", "tiny", "-o", tmp_path / "m.png", "--n", 4)
    assert code == 0, said
    assert read_picture(tmp_path / "m.png").shape == (SIDE, 4 * SIDE, 3)
    code, said = run(
        "stylegan", "edit", "-w", "tiny", "--code", ends[1], "--boundary", tmp_path / "no.npy", "-o", tmp_path / "x.png"
    )
    assert code == 2


def test_what_is_missing_is_told(run, tmp_path) -> None:
    code, said = run("stylegan", "sample", "-o", tmp_path / "x.png")
    assert code == 2
    assert "stylegan-ffhq" in said
    code, said = run("weights", "where", "stylegan-ffhq")
    assert code == 2
    assert "karras2019stylegan-ffhq-1024x1024.pkl" in said
    assert "CC BY-NC 4.0" in said
    assert "weights import FILE --as stylegan-ffhq" in said


def test_published_files_are_listed_and_taken_in(run, folder, tmp_path) -> None:
    code, said = run("weights", "list")
    assert "psfrgan-generator: needs psfrgan_epoch15_net_G.pth" in said
    real = tmp_path / "model.pth"
    from sharpening.models.published import published_files
    from sharpening.models.published.table import expected

    shapes = expected(published_files()["celebamaskhq_unet"])
    torch.save(
        {key: torch.zeros(shape, dtype=torch.int64 if key.endswith("tracked") else None) for key, shape in shapes.items()}, real
    )
    code, said = run("weights", "check", real)
    assert code == 0, said
    assert "is celebamaskhq_unet: " in said
    code, said = run("weights", "import", real, "--pretrained", tmp_path / "mine")
    assert code == 0, said
    assert "not for commercial use" in said
    assert json.loads((tmp_path / "mine" / "celebamaskhq_unet.json").read_text())["model"] == "celebamaskhq_unet"
    code, said = run("weights", "convert", real, "-o", tmp_path / "bare.safetensors")
    assert code == 0, said
    assert not (tmp_path / "bare.json").exists()
    (tmp_path / "page.pth").write_text("<html>Sign in</html>")
    code, said = run("weights", "import", tmp_path / "page.pth", "--pretrained", tmp_path / "mine")
    assert code == 2
    assert "web page" in said


def test_nobodys_file_is_overwritten(run, folder, tmp_path) -> None:
    before = (folder / "tiny.safetensors").read_bytes()
    run("stylegan", "sample", "-w", "tiny", "-o", tmp_path / "face.png", "--n", 1)
    code, said = run(
        "stylegan", "embed", tmp_path / "face.png", "-w", "tiny", "-o", folder / "tiny.png", "--pixels", "--aligned", "--steps", 1
    )
    assert code == 2
    assert "no code of a face" in said
    assert (folder / "tiny.safetensors").read_bytes() == before
    code, said = run("stylegan", "embed", tmp_path / "face.png", "-w", "tiny", "-o", tmp_path / "e.gif", "--pixels", "--aligned")
    assert code == 2
    assert not (tmp_path / "e.safetensors").exists()


def test_oblong_pictures_and_odd_seeds_are_told(run, tmp_path) -> None:
    run("stylegan", "sample", "-w", "tiny", "-o", tmp_path / "pair.png", "--n", 2)
    code, said = run("stylegan", "embed", tmp_path / "pair.png", "-w", "tiny", "-o", tmp_path / "e.png", "--pixels", "--aligned")
    assert code == 2
    assert "64×32 px" in said
    code, said = run("stylegan", "sample", "-w", "tiny", "-o", tmp_path / "x.png", "--seed", -1)
    assert code == 2
    assert "seed" in said


def test_a_boundary_of_another_generator_is_not_taken(run, tmp_path) -> None:
    code, said = run("stylegan", "edit", "-w", "tiny", "-o", tmp_path / "x.png")
    assert code == 2
    assert "tiny_pose_w_boundary" in said
