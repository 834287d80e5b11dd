"""Restorers with tiny random weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sharpening.restore import Restorer
from sharpening.restore.same_person import same_person
from tests.restore_helpers import FakeJudge, face_frames, write_weights


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


@pytest.fixture
def restore(quiet):
    """A restorer that sees people by their brightness."""

    def build(**options: object) -> Restorer:
        # As if the table had been measured with the results of these weights.
        trained = replace(quiet.trained, card=replace(quiet.trained.card, sha256=same_person().weights))
        return Restorer(trained, judge=FakeJudge(), **options)

    return build
