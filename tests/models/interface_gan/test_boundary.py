"""Boundaries from files: the published ones, one's own, and everything that is none."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from sharpening.errors import InputError, WeightsMismatch, WeightsMissing
from sharpening.models.interface_gan.boundary import find_boundary, load_boundary, read_npy, space_of
from sharpening.models.interface_gan.published import PUBLISHED, SHA256, boundary_shapes
from sharpening.weights.store import save_state


def unit(n: int = 16, seed: int = 0) -> np.ndarray:
    normal = np.random.default_rng(seed).standard_normal((1, n))
    return normal / np.linalg.norm(normal)


def saved(path: Path, array: object) -> Path:
    np.save(path, array, allow_pickle=True)
    return path


@pytest.mark.shared
def test_every_published_boundary_loads_and_is_the_listed_one(shared: Path) -> None:
    folder = shared / "weights/interfacegan_boundaries"
    if not folder.is_dir():
        pytest.skip(f"needs {folder}")
    files = {path.stem: path for path in folder.glob("*.npy")}
    assert files.keys() == SHA256.keys()
    for name, path in files.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[name]
        boundary = load_boundary(path)
        assert boundary.normal.shape == (512,)
        assert boundary.space == ("w" if "_w_" in name else "z")
        np.testing.assert_allclose(boundary.normal.numpy(), np.load(path)[0], atol=1e-7)


@pytest.mark.parity
def test_the_hashes_are_those_of_the_list(parity) -> None:
    rows = [line.split() for line in (parity.folder / "keys/interfacegan_boundaries.txt").read_text().splitlines() if "\t" in line]
    assert {row[0].removesuffix(".npy"): row[2] for row in rows if not row[0].startswith("#")} == SHA256


def test_the_table_of_published_files() -> None:
    assert len(PUBLISHED) == 39
    pose = next(each for each in PUBLISHED if each.name == "stylegan_ffhq_pose_w_boundary")
    assert pose.file == "stylegan_ffhq_pose_w_boundary.npy"
    assert pose.note == "For codes of W and W+ of stylegan-ffhq."
    assert "MIT" in pose.licence
    assert boundary_shapes() == {"boundary": (1, 512)}


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", "<f2"])
def test_an_npy_of_any_precision(tmp_path: Path, dtype: str) -> None:
    made = load_boundary(saved(tmp_path / "face_pose_w_boundary.npy", unit().astype(dtype)))
    assert (made.space, made.name, made.normal.dtype) == ("w", "face_pose_w_boundary", torch.float64)
    assert float(made.normal.norm()) == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(made.normal.numpy(), unit()[0], atol=1e-3)


def test_safetensors_and_search_by_name(tmp_path: Path) -> None:
    save_state(tmp_path / "smile_boundary.safetensors", {"boundary": torch.from_numpy(unit())})
    saved(tmp_path / "age_w_boundary.npy", unit(seed=1))
    assert load_boundary("smile_boundary", pretrained=tmp_path).space == "z"
    assert load_boundary("age_w_boundary", pretrained=tmp_path).space == "w"
    assert find_boundary("age_w_boundary.npy", tmp_path) == tmp_path / "age_w_boundary.npy"
    with pytest.raises(WeightsMissing, match=r"Get stylegan_ffhq_pose_w_boundary.npy of genforce/interfacegan"):
        load_boundary("stylegan_ffhq_pose_w_boundary", pretrained=tmp_path)
    assert space_of("mine") == ""


def test_a_pickle_in_an_npy_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(WeightsMismatch, match="is damaged, or no array .*[Pp]ickle"):
        read_npy(saved(tmp_path / "bad.npy", np.array([{"a": 1}], dtype=object)))


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (unit() * 2, "length 2"),
        (np.zeros((1, 8)), "length 0"),
        (np.full((1, 8), np.nan), "length nan"),
        (np.ones((2, 8)), r"shape \[2, 8\]"),
        (np.ones((1, 1, 8)), r"shape \[1, 1, 8\]"),
        (np.float64(1.0), r"shape \[\]"),
        (np.arange(4), "int64, not floats"),
        (np.ones(4, complex), "complex128, not floats"),
    ],
)
def test_arrays_that_are_no_boundary(tmp_path: Path, array: np.ndarray, problem: str) -> None:
    with pytest.raises(WeightsMismatch, match=problem):
        load_boundary(saved(tmp_path / "a.npy", array))


def test_files_that_are_none(tmp_path: Path) -> None:
    page, cut, large, archive = (tmp_path / f"{name}.npy" for name in ("page", "cut", "large", "archive"))
    page.write_bytes(b"<!DOCTYPE html><html>404</html>")
    with pytest.raises(WeightsMismatch, match="web page"):
        read_npy(page)
    cut.write_bytes(saved(tmp_path / "whole.npy", unit()).read_bytes()[:150])
    with pytest.raises(WeightsMismatch, match="damaged"):
        read_npy(cut)
    saved(large, np.zeros(200_000))
    with pytest.raises(WeightsMismatch, match="larger than 1 MiB"):
        read_npy(large)
    with archive.open("wb") as file:
        np.savez(file, a=unit())
    with pytest.raises(WeightsMismatch, match="not floats"):
        read_npy(archive)
    with pytest.raises(InputError, match="cannot be read"):
        read_npy(tmp_path / "absent.npy")
    save_state(tmp_path / "other.safetensors", {"weight": torch.ones(1)})
    with pytest.raises(WeightsMismatch, match="holds weight, not one tensor 'boundary'"):
        load_boundary(tmp_path / "other.safetensors")
