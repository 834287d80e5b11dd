"""Masks on disk are the other way round: 0 = take from the source."""

import numpy as np
import pytest
import torch
from PIL import Image

from sharpening.errors import InputError, RangeError, ShapeError
from sharpening.imaging.mask_files import read_mask, write_mask


def test_the_turned_form(tmp_path):
    mask = torch.zeros(1, 5, 7)
    mask[0, 1:3, 2:4] = 1
    stored = np.asarray(Image.open(write_mask(tmp_path / "new/mouth.png", mask)))
    assert stored.dtype == np.uint8
    assert stored.shape == (5, 7)
    assert (stored == np.where(mask[0].numpy() == 1, 0, 255)).all()
    back = read_mask(tmp_path / "new/mouth.png")
    assert back.dtype == torch.float32
    assert torch.equal(back, mask)


def test_greys_come_back_to_half_a_level(tmp_path):
    mask = torch.linspace(0, 1, 1000).view(1, 20, 50)
    write_mask(tmp_path / "soft.png", mask[0])
    assert (read_mask(tmp_path / "soft.png") - mask).abs().max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("form", ["L", "RGB", "1"])
def test_forms_of_the_picture(tmp_path, form):
    greys = np.full((4, 6), 255, np.uint8)
    greys[:2] = 0
    Image.fromarray(greys).convert(form).save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png")[0, :, 0].tolist() == [1, 1, 0, 0]


def test_what_is_no_mask(tmp_path):
    coloured = np.zeros((4, 4, 3), np.uint8)
    coloured[0, 0] = (255, 0, 0)
    Image.fromarray(coloured).save(tmp_path / "coloured.png")
    with pytest.raises(InputError, match="colours"):
        read_mask(tmp_path / "coloured.png")
    with pytest.raises(InputError):
        read_mask(tmp_path / "absent.png")
    with pytest.raises(InputError, match=r"\.png"):
        write_mask(tmp_path / "mask.jpg", torch.zeros(1, 4, 4))
    with pytest.raises(ShapeError, match="1, H, W"):
        write_mask(tmp_path / "mask.png", torch.zeros(3, 4, 4))
    with pytest.raises(RangeError, match="divided by 255"):
        write_mask(tmp_path / "mask.png", torch.full((1, 4, 4), 255.0))
    assert not (tmp_path / "mask.png").exists()
