"""Restorers with tiny random weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from sharpening.restore import Restorer
from tests.restore_helpers import face_frames, write_weights


@pytest.fixture(scope="session")
def weights_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pretrained")
    write_weights(folder, nudge=0.02)
    return folder


@pytest.fixture(scope="session")
def quiet(weights_folder) -> Restorer:
    """Without the judge of identity: fast."""
    return Restorer.from_weights(pretrained=weights_folder, device="cpu", judge=False)


@pytest.fixture(scope="session")
def restorer(weights_folder) -> Restorer:
    return Restorer.from_weights(pretrained=weights_folder, device="cpu")


@pytest.fixture(scope="session")
def film_frames(astronaut_face) -> list:
    return face_frames(astronaut_face)
