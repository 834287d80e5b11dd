"""PSFR-GAN as a finetuner, with small nets: aligned and put back, or as the thesis did it."""

from __future__ import annotations

import pytest
import torch

from sharpening.errors import NoFaceFound, RangeError, ShapeError, WeightsMissing
from sharpening.imaging.convert import to_tensor
from sharpening.models.psfr_gan import ParseNet, PsfrGenerator, load_psfr_gan
from sharpening.reconstruct.finetune import create_finetuner


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("psfr-gan")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(PsfrGenerator(width=2, n_levels=4, side=8, n_hidden=4).state_dict(), folder / "psfrgan-generator.pth")  # 128 px
        torch.save(ParseNet(width=4, n_body=1).state_dict(), folder / "psfrgan-parsenet.pth")
    return folder


@pytest.fixture
def face(astronaut_face) -> torch.Tensor:
    return to_tensor(astronaut_face)


def test_a_face_is_restored_in_its_place(weights, face) -> None:
    finetune = create_finetuner("psfr-gan", pretrained=weights)
    made = finetune(face)
    assert made.shape == face.shape  # larger than the small net's 128 px, so it stays as it is
    assert not torch.equal(made, face)
    assert torch.equal(finetune(face), made)
    net = load_psfr_gan(weights / "psfrgan-generator.pth")
    assert torch.equal(net.enhance_whole(face).picture, made)


def test_small_pictures_are_enlarged_to_the_nets_size(weights, face) -> None:
    small = torch.nn.functional.interpolate(face[None], 96, mode="area")[0]
    assert create_finetuner("psfr-gan", weights=weights / "psfrgan-generator.pth")(small).shape == (3, 128, 128)


def test_the_thesis_way_takes_the_square_as_it_is(weights, face) -> None:
    made = create_finetuner("psfr-gan-square", pretrained=weights)(face)
    assert made.shape == (3, 128, 128)
    assert torch.equal(made, load_psfr_gan(pretrained=weights).enhance(face[None])[0])
    with pytest.raises(ShapeError, match="square"):
        create_finetuner("psfr-gan-square", pretrained=weights)(face[:, :100])


def test_what_it_does_not_take(weights, tmp_path) -> None:
    finetune = create_finetuner("psfr-gan", pretrained=weights)
    with pytest.raises(NoFaceFound, match="another finetuner"):
        finetune(torch.full((3, 140, 140), 0.5))
    with pytest.raises(RangeError, match="at most 1024"):
        finetune(torch.zeros(3, 8, 1100))
    for name in ("psfr-gan", "psfr-gan-square"):
        with pytest.raises(WeightsMissing, match="psfrgan_epoch15_net_G.pth"):
            create_finetuner(name, pretrained=tmp_path)
