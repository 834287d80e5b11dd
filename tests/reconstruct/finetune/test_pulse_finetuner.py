"""PULSE as a finetuner and as the copy that masks are made on, with a tiny generator."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from sharpening.errors import NoFaceFound, RangeError, ShapeError, WeightsMissing
from sharpening.imaging.convert import to_tensor
from sharpening.models.face_align.landmarks import Landmarks
from sharpening.models.face_seg.celebamaskhq_unet import CelebAMaskHQUNet
from sharpening.models.face_seg.parser import FaceParser
from sharpening.models.pulse import PulseSettings, artifact_free, load_pulse, pulse_transfer
from sharpening.models.stylegan import Mapping, Synthesis
from sharpening.reconstruct.finetune import create_finetuner
from sharpening.reconstruct.mask import find_masks
from sharpening.reconstruct.view import View
from tests.reconstruct.transfer.conftest import POINTS


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pulse")
    dice = torch.Generator().manual_seed(0)
    synthesis, mapping = Synthesis(64, n_latent=32, most_channels=16, base_channels=256), Mapping(32, 2)
    for value in synthesis.parameters():
        value.data = torch.randn(value.shape, generator=dice)
    torch.save(synthesis.state_dict(), folder / "pulse-synthesis.pt")
    torch.save(mapping.state_dict(), folder / "pulse-mapping.pt")
    torch.save({"mean": torch.zeros(32), "std": torch.ones(32)}, folder / "gaussian_fit.pt")
    return folder


@pytest.fixture
def face(astronaut_face) -> torch.Tensor:
    return to_tensor(astronaut_face)


def test_a_face_is_exchanged_in_its_place(weights, face) -> None:
    finetune = create_finetuner("pulse", pretrained=weights, steps=3)
    made = finetune(face)
    assert made.shape == face.shape  # larger than the tiny generator's 64 px, so it stays as it is
    assert torch.equal(finetune(face), made)
    pulse = load_pulse(pretrained=weights, settings=PulseSettings(steps=3))
    done = pulse_transfer(pulse, face)
    assert torch.equal(done.picture, made)
    untouched = (done.mask[0] == 0).expand(3, -1, -1)
    assert torch.equal(made[untouched], face[untouched])
    assert float((made - face)[:, done.mask[0] > 0.9].abs().mean()) > 0.05
    assert done.mask.max() <= 1
    assert done.found.step == 3
    assert not done.found.converged.any()  # the copy is there all the same


def test_small_pictures_are_enlarged_to_the_generators_side(weights, face) -> None:
    small = torch.nn.functional.interpolate(face[None], 56, mode="area")[0]
    assert create_finetuner("pulse", weights=weights / "pulse-synthesis.pt", steps=1)(small).shape == (3, 64, 64)


def test_more_steps_fit_better(weights, face) -> None:
    errors = []
    for steps in (1, 40):
        pulse = load_pulse(pretrained=weights, settings=PulseSettings(steps=steps))
        errors.append(float(pulse_transfer(pulse, face).found.log["L2"].min()))
    assert errors[1] < 0.8 * errors[0]


def test_a_square_in_ffhqs_form_is_exchanged_as_it_is(weights, face) -> None:
    made = create_finetuner("pulse-square", pretrained=weights, steps=3)(face)
    pulse = load_pulse(pretrained=weights, settings=PulseSettings(steps=3))
    assert torch.equal(made, artifact_free(pulse, face[None]).hr[0])
    grey = create_finetuner("pulse-square", pretrained=weights, steps=1)(torch.full((3, 64, 64), 0.5))
    assert grey.shape == (3, 64, 64)  # nobody asks whether there is a face


@pytest.mark.parametrize("name", ["pulse", "pulse-square"])
def test_masks_are_made_on_its_copy(weights, face, name: str, tmp_path) -> None:
    save_file(CelebAMaskHQUNet().state_dict(), tmp_path / "model.safetensors")
    parser, seen = FaceParser(tmp_path / "model.safetensors"), []

    def look(pictures):
        seen.append(pictures)
        return pictures.new_zeros(len(pictures), 19, *pictures.shape[2:])

    parser.network.forward = look
    view = View(face, Landmarks(POINTS))
    find_masks(view, how=parser)
    find_masks(view, how=parser, clean=create_finetuner(name, pretrained=weights, steps=2))
    plain, copied = seen
    assert copied.shape == plain.shape
    assert float((copied - plain).abs().mean()) > 0.05


def test_what_it_does_not_take(weights, tmp_path) -> None:
    finetune = create_finetuner("pulse", pretrained=weights, steps=1)
    with pytest.raises(NoFaceFound, match="another finetuner"):
        finetune(torch.full((3, 140, 140), 0.5))
    with pytest.raises(RangeError, match="at most 1024"):
        finetune(torch.zeros(3, 8, 1100))
    with pytest.raises(ShapeError, match="square"):
        create_finetuner("pulse-square", pretrained=weights, steps=1)(torch.zeros(3, 64, 60))
    with pytest.raises(RangeError, match="steps"):
        create_finetuner("pulse", pretrained=weights, steps=0)
    with pytest.raises(RangeError, match="some of steps"):
        create_finetuner("pulse", pretrained=weights, speed=3)
    with pytest.raises(WeightsMissing, match="--as pulse-synthesis"):
        create_finetuner("pulse", pretrained=tmp_path)
