"""Made data for training tests: stills in a folder, and sequences as a user would have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sharpening.imaging.files import write_picture


@pytest.fixture(scope="session")
def stills_folder(tmp_path_factory, made_face) -> Path:
    folder, rng = tmp_path_factory.mktemp("training_stills"), np.random.default_rng(0)
    for i in range(6):
        write_picture(folder / f"person_{i}.png", made_face(96, rng))
    return folder


@pytest.fixture(scope="session")
def own_sequences(tmp_path_factory, made_face) -> Path:
    """A folder of sequence folders: three frames of 32×32 and a label of 128×128 in each."""
    root, rng = tmp_path_factory.mktemp("own"), np.random.default_rng(1)
    for i in range(4):
        label = made_face(128, rng)
        for k in range(3):
            moved = np.roll(label, k - 1, axis=1)
            write_picture(root / f"take_{i}" / f"{k}.png", moved.reshape(32, 4, 32, 4, 3).mean(axis=(1, 3)).astype(np.uint8))
        write_picture(root / f"take_{i}" / "label.png", label)
    return root
