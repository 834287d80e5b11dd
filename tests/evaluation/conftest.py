"""A small data set in the form of the workplace's, made on the fly."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def small_data(tmp_path_factory, made_face, astronaut_face) -> Path:
    """Six stills (one of them a real, detectable face), one sparse and one dense clip, all in the split "valid"; one still in "train"."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    splits, stills, clips = [], [], []
    for i in range(7):
        picture = astronaut_face if i == 0 else made_face(160, rng)
        _save(root / f"train_faces/made/{i}.webp", picture)
        stills.append({"file": f"made/{i}.webp"})
        splits.append({"path": f"train_faces/made/{i}.webp", "split": "train" if i == 6 else "valid"})
    for kind in ("sparse", "dense"):
        face = made_face(200, rng)
        for i in range(8):
            _save(root / f"clips/one_{kind}/{i:03d}.webp", np.roll(face, i, axis=1))
        clips.append({"clip": f"one_{kind}", "kind": kind, "identity": "one"})
        splits.append({"path": f"clips/one_{kind}", "split": "valid"})
    for file, rows in (("splits.csv", splits), ("train_faces/index.csv", stills), ("clips/index.csv", clips)):
        with (root / file).open("w", newline="") as out:
            table = csv.DictWriter(out, rows[0])
            table.writeheader()
            table.writerows(rows)
    return root


def _save(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(picture)).save(path, lossless=True)
