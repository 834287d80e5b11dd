"""Made folders in the forms that `mframe_dls` takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sharpening.frames.sequence import FrameSequence
from sharpening.imaging.files import write_picture


@pytest.fixture(scope="session")
def stills_folder(tmp_path_factory, made_face) -> Path:
    folder, rng = tmp_path_factory.mktemp("stills"), np.random.default_rng(0)
    for i in range(5):
        write_picture(folder / f"person_{i}.png", made_face(96, rng))
    return folder


@pytest.fixture(scope="session")
def sequences(made_face) -> list[FrameSequence]:
    rng = np.random.default_rng(1)
    made = []
    for i in range(5):
        label = made_face(64, rng)
        small = label.reshape(16, 4, 16, 4, 3).mean(axis=(1, 3)).astype(np.uint8)
        frames = np.stack([np.clip(small + 10 * k, 0, 255).astype(np.uint8) for k in range(5)])
        made.append(FrameSequence(frames, f"person_{i}", label))
    return made


@pytest.fixture(scope="session")
def sequences_folder(tmp_path_factory, sequences) -> Path:
    root = tmp_path_factory.mktemp("sequences")
    for sequence in sequences:
        for k, frame in enumerate(sequence.frames):
            write_picture(root / sequence.name / f"{k}.png", frame)
        write_picture(root / sequence.name / "label.png", sequence.label)
    return root
