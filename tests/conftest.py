"""Shared by all tests: seeded dice, faces made or cut on the fly, the workplace's data where there is some."""

from __future__ import annotations

import os

os.environ["MPLBACKEND"] = "Agg"  # before anything loads matplotlib

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import hypothesis
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.parity import Parity

# The same examples on every run and machine, and no folder of found ones: a test that passes here passes there.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True, scope="session")
def _few_threads() -> None:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or 2))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="session")
def astronaut_face() -> NDArray[np.uint8]:
    """A real face that comes with scikit-image: uint8 [160, 160, 3], about in the standard square. Copy it before changing it."""
    from skimage.data import astronaut

    face = np.ascontiguousarray(astronaut()[30:190, 140:300])
    face.setflags(write=False)
    return face


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `shared` beside the project; only the workplace has it."""
    place = ROOT.parent / "shared"
    if not (place / "data").is_dir():
        pytest.skip(f"needs {place} (the project's workplace)")
    return place


@pytest.fixture(scope="session")
def parity() -> Parity:
    """The outputs of the official programs (folder SHARPENING_PARITY, ../shared/parity when not set)."""
    place = Path(os.environ.get("SHARPENING_PARITY") or ROOT.parent / "shared/parity")
    if not (place / "seed_state.py").is_file():
        pytest.skip(f"needs the parity vectors: no {place}/seed_state.py; SHARPENING_PARITY names another folder")
    return Parity(place)


@pytest.fixture(scope="session")
def made_face() -> Callable[..., NDArray[np.uint8]]:
    """`made_face(size, rng)`: a drawn face-like picture, uint8 [size, size, 3], for tests that need no detectable face."""
    return draw_face


def draw_face(size: int = 128, rng: np.random.Generator | None = None) -> NDArray[np.uint8]:
    """Draw a shaded face of ellipses with eyes, brows, nose and mouth; the dice vary colours, proportions and tilt."""
    rng = np.random.default_rng(0) if rng is None else rng
    big = 4 * size
    skin = rng.uniform(0.55, 1) * np.array((240, 195, 170)) + rng.uniform(-10, 10, 3)
    hair = rng.uniform(0.1, 1) * np.array((150, 110, 70))
    canvas = np.empty((big, big, 3), np.uint8)
    canvas[:] = rng.uniform(70, 200, 3).astype(np.uint8)
    tilt, wide, tall = rng.uniform(-8, 8), rng.uniform(0.24, 0.29), rng.uniform(0.34, 0.39)

    def oval(x: float, y: float, width: float, height: float, colour: object, *, arc: tuple = (0, 360), line: int = -1) -> None:
        turn = np.deg2rad(tilt)
        x, y = x - 0.5, y - 0.52
        centre = (0.5 + x * np.cos(turn) - y * np.sin(turn), 0.52 + x * np.sin(turn) + y * np.cos(turn))
        at, axes = tuple(int(c * big) for c in centre), (int(width * big), int(height * big))
        cv2.ellipse(canvas, at, axes, tilt, arc[0], arc[1], np.asarray(colour, float).tolist(), line, cv2.LINE_AA)

    oval(0.5, 0.45, wide * 1.18, tall * 1.15, hair)
    oval(0.5, 0.54, wide, tall * 0.96, skin)
    thin = max(1, big // 60)
    for side in (-1, 1):
        x = 0.5 + side * 0.11
        oval(x, 0.46, 0.052, 0.028, (245, 245, 242))
        oval(x, 0.46, 0.022, 0.024, rng.uniform(20, 120, 3))
        oval(x, 0.46, 0.010, 0.011, (12, 12, 12))
        oval(x, 0.41, 0.07, 0.03, hair * 0.8, arc=(200, 340), line=thin)
    oval(0.5, 0.60, 0.035, 0.05, skin * 0.82, arc=(20, 160), line=thin)
    oval(0.5, 0.70, 0.09, rng.uniform(0.02, 0.045), (170, 70, 75))
    oval(0.5, 0.69, 0.075, 0.010, (238, 232, 225))
    return _light(np.asarray(cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA), np.uint8), rng)


def _light(face: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Light from one side, and a fine grain, so that no part of the picture is flat."""
    size = len(face)
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    shade = 1 + 0.45 * (x * np.cos(angle) + y * np.sin(angle)) - 0.5 * (x**2 + y**2)
    lit = face * shade[..., None] + rng.normal(0, 2, (size, size, 1))
    return np.clip(np.rint(lit), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory, astronaut_face: NDArray[np.uint8]) -> Path:
    """A data set in the form of the workplace's: six stills (one with a face) and two clips to validate on, some to train on."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    splits, stills, clips = [], [], []
    for i in range(8):
        _save(root / f"train_faces/made/{i}.webp", astronaut_face if i == 0 else draw_face(160, rng))
        stills.append({"file": f"made/{i}.webp"})
        splits.append({"path": f"train_faces/made/{i}.webp", "split": "train" if i >= 6 else "valid"})
    for identity, split in (("one", "valid"), ("two", "train")):
        for kind in ("sparse", "dense"):
            face = draw_face(200, rng)
            for i in range(8):
                _save(root / f"clips/{identity}_{kind}/{i:03d}.webp", np.roll(face, i, axis=1))
            clips.append({"clip": f"{identity}_{kind}", "kind": kind, "identity": identity})
            splits.append({"path": f"clips/{identity}_{kind}", "split": split})
    for file, rows in (("splits.csv", splits), ("train_faces/index.csv", stills), ("clips/index.csv", clips)):
        with (root / file).open("w", newline="") as out:
            table = csv.DictWriter(out, rows[0])
            table.writeheader()
            table.writerows(rows)
    return root


def _save(path: Path, picture: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(picture)).save(path, lossless=True)


@pytest.fixture
def plant(tmp_path):
    """Makes files of these names in a new folder, and returns it; nothing is in them that could be read."""

    def files(*names: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"from before")
        return tmp_path

    return files
