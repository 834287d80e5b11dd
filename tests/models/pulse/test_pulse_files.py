"""PULSE from files, and on faces as they come: found, aligned, searched for, put back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpening.errors import NoFaceFound, RangeError, ShapeError, WeightsMismatch, WeightsMissing
from sharpening.imaging.convert import to_tensor
from sharpening.models.face_align.forms import align
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.pulse import Pulse, PulseSettings, artifact_free, load_pulse, pulse_transfer
from sharpening.models.pulse.downscale import downscale
from sharpening.models.stylegan import Mapping, Synthesis
from tests.reconstruct.transfer.conftest import POINTS

N = 16
QUICK = PulseSettings(steps=4)


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def states() -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Synthesis of 64 px and mapping."""
    networks, shake = (Synthesis(64, n_latent=N, most_channels=16, base_channels=256), Mapping(N, 2)), dice()
    for value in (each for network in networks for each in network.parameters()):
        value.data = torch.randn(value.shape, generator=shake)
    return dict(networks[0].state_dict()), dict(networks[1].state_dict())


@pytest.fixture
def folder(tmp_path, states):
    torch.save(states[0], tmp_path / "synthesis.pt")
    return tmp_path


def save_fit(path, mean: float = 0.25) -> None:
    torch.save({"mean": torch.full((N,), mean), "std": torch.ones(N)}, path)


# --- files


def test_without_fit_and_mapping_it_says_what_to_get(folder) -> None:
    with pytest.raises(WeightsMissing, match=r"gaussian_fit\.pt.*beside.*mapping\.pt --as pulse-mapping"):
        load_pulse(folder / "synthesis.pt", pretrained=folder)
    with pytest.raises(WeightsMissing, match="weights import synthesis.pt --as pulse-synthesis"):
        load_pulse(pretrained=folder / "nowhere")


def test_the_published_fit_goes_before_the_mapping(folder, states) -> None:
    torch.save(states[1], folder / "mapping.pt")
    measured = load_pulse(folder / "synthesis.pt", pretrained=folder, settings=QUICK)
    assert measured.settings == QUICK
    assert not measured.fit.mean.eq(0.25).any()
    save_fit(folder / "pulse-gaussian-fit.pt")
    assert load_pulse(folder / "synthesis.pt", pretrained=folder).fit.mean.eq(0.25).all()
    save_fit(folder / "gaussian_fit.pt", 0.5)  # what lies beside it is nearer
    assert load_pulse(folder / "synthesis.pt", pretrained=folder).fit.mean.eq(0.5).all()


def test_the_fit_of_ffhq_is_not_taken_for_other_generators(folder, states) -> None:
    torch.save(states[0], folder / "my-synthesis.pt")
    save_fit(folder / "pulse-gaussian-fit.pt")
    with pytest.raises(WeightsMissing, match="its own mapping"):
        load_pulse(folder / "my-synthesis.pt", pretrained=folder)
    save_fit(folder / "gaussian_fit.pt", 0.5)
    assert load_pulse(folder / "my-synthesis.pt", pretrained=folder).fit.mean.eq(0.5).all()
    torch.save(states[1], folder / "my-mapping.pt")
    own = load_pulse(folder / "my-synthesis.pt", pretrained=folder).fit
    assert not own.mean.eq(0.5).any()
    assert torch.equal(load_pulse(folder / "my-synthesis.pt", pretrained=folder).fit.std, own.std)


def test_names_are_searched(folder, states) -> None:
    torch.save(states[0], folder / "pulse-synthesis.pt")
    save_fit(folder / "pulse-gaussian-fit.pt")
    assert load_pulse(pretrained=folder).fit.mean.eq(0.25).all()


def test_files_of_something_else(folder) -> None:
    torch.save({"mean": torch.zeros(N)}, folder / "gaussian_fit.pt")
    with pytest.raises(WeightsMismatch, match="mean and std"):
        load_pulse(folder / "synthesis.pt")
    torch.save({"mean": torch.zeros(N + 1), "std": torch.ones(N + 1)}, folder / "gaussian_fit.pt")
    with pytest.raises(ShapeError, match="another generator"):
        load_pulse(folder / "synthesis.pt")
    (folder / "page.pt").write_text("<!DOCTYPE html><html>Sign in</html>")
    with pytest.raises(WeightsMismatch, match=r"page\.pt"):
        load_pulse(folder / "page.pt")


# --- faces


@pytest.fixture
def pulse(folder) -> Pulse:
    save_fit(folder / "gaussian_fit.pt")
    return load_pulse(folder / "synthesis.pt", settings=QUICK)


@pytest.fixture
def picture(astronaut_face) -> torch.Tensor:
    return to_tensor(astronaut_face)


def test_a_copy_fits_the_small_picture_of_the_face(pulse, picture) -> None:
    face = align(picture, Landmarks(POINTS), "ffhq", 64).picture[None]
    found = artifact_free(pulse, face)
    small = downscale(face, 2).clamp(0, 1)
    assert found.lr.shape == small.shape == (1, 3, 32, 32)
    assert torch.equal(found.hr, pulse(small, dice()).hr)
    assert torch.equal(artifact_free(pulse, face).hr, found.hr)
    assert not torch.equal(artifact_free(pulse, face, generator=dice(1)).hr, found.hr)
    assert artifact_free(pulse, face, small=8).lr.shape == (1, 3, 8, 8)
    longer = Pulse(pulse.gan, pulse.fit, PulseSettings(steps=40))
    assert float((artifact_free(longer, face).lr - small).square().mean()) < float((found.lr - small).square().mean())


def test_faces_of_another_side_are_resized(pulse) -> None:
    found = artifact_free(pulse, torch.rand(2, 3, 50, 50, generator=dice()))
    assert found.hr.shape == (2, 3, 64, 64)


def test_only_the_aligned_place_changes_and_the_mask_says_how_much(pulse, picture) -> None:
    wide = torch.nn.functional.pad(picture, (60, 60, 60, 60), value=0.5)
    done = pulse_transfer(pulse, wide, Landmarks(POINTS + 60))
    assert done.picture.shape == wide.shape
    assert done.mask.shape == (1, *wide.shape[1:])
    untouched = (done.mask[0] == 0).expand(3, -1, -1)
    assert 0.1 < float(untouched.float().mean()) < 0.9
    assert torch.equal(done.picture[untouched], wide[untouched])
    full = (done.mask[0] > 0.999).expand(3, -1, -1)
    alone = done.way.back(done.found.hr[0], torch.zeros_like(wide))
    assert float((done.picture - alone)[full].abs().max()) < 1e-2
    assert float(pulse_transfer(pulse, wide, Landmarks(POINTS + 60), fade=0).mask.mean()) > float(done.mask.mean())


def test_the_largest_face_is_found(pulse, picture) -> None:
    done = pulse_transfer(pulse, picture)
    given = pulse_transfer(pulse, picture, Landmarks(POINTS))
    assert np.abs(done.way.matrix - given.way.matrix)[:, :2].max() < 0.1 * np.abs(given.way.matrix[:, :2]).max()


def test_what_it_does_not_take(pulse, picture) -> None:
    with pytest.raises(NoFaceFound, match="landmarks"):
        pulse_transfer(pulse, torch.full((3, 80, 80), 0.5))
    for wrong in (picture[None], picture.byte(), picture[:2]):
        with pytest.raises(ShapeError, match="picture"):
            pulse_transfer(pulse, wrong)
    with pytest.raises(RangeError, match="share"):
        pulse_transfer(pulse, picture, Landmarks(POINTS), fade=0.7)
    for shape in ((3, 64, 64), (1, 3, 64, 60), (1, 1, 64, 64), (0, 3, 64, 64)):
        with pytest.raises(ShapeError, match="squares"):
            artifact_free(pulse, torch.zeros(shape))
    for small in (0, 1, 24, -3):
        with pytest.raises(RangeError, match="small"):
            artifact_free(pulse, torch.zeros(1, 3, 64, 64), small=small)
