"""Masks of the parts of a base: from landmarks or a parser, checked, joined."""

import pytest
import torch
from safetensors.torch import save_file

from sharpening.errors import RangeError, ShapeError, WeightsMissing
from sharpening.models.face_seg import PARTS, landmark_masks
from sharpening.models.face_seg.celebamaskhq_unet import CelebAMaskHQUNet
from sharpening.models.face_seg.classes import CELEBAMASKHQ_CLASSES
from sharpening.models.face_seg.parser import FaceParser
from sharpening.reconstruct.mask import check_part_masks, find_masks, union
from sharpening.reconstruct.view import View
from tests.models.face_seg.made_points import made_landmarks
from tests.models.face_seg.test_label_parts import drawn
from tests.models.face_seg.test_parser import Seer, painted, plain


@pytest.fixture
def view():
    landmarks = made_landmarks(128)
    return View(painted(drawn(CELEBAMASKHQ_CLASSES, landmarks, persons=True)), landmarks)


@pytest.fixture(scope="module")
def unet_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("parser") / "model.safetensors"
    save_file(CelebAMaskHQUNet().state_dict(), path)
    return path


@pytest.fixture
def parser(unet_file):
    parser = FaceParser(unet_file)
    parser.network = Seer()
    return parser


def test_from_landmarks(view):
    found = find_masks(view, margin=0.1)
    wanted = landmark_masks(view.landmarks, 128, margin=0.1)
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[part], wanted[part]) for part in PARTS)
    check_part_masks(found, (128, 128))


def test_from_a_parser_with_a_margin(view, parser):
    bare, default, wide = (find_masks(view, how=parser, margin=margin) for margin in (0, None, 0.4))
    assert set(bare) == set(PARTS)
    check_part_masks(default, (128, 128))
    for part in ("left_eye", "nose", "mouth"):
        assert bare[part].sum() < default[part].sum() < wide[part].sum()
        assert (bare[part] <= default[part]).all()
        assert (default["left_cheek"] * default[part]).max() == 0
    with pytest.raises(RangeError, match="margin"):
        find_masks(view, how=parser, margin=-1)


def test_the_cleaner_is_asked_for_a_parser_only(view, parser):
    asked = []

    def clean(picture):
        asked.append(picture.shape)
        return plain(CELEBAMASKHQ_CLASSES.index("hair"), 512)

    find_masks(view, clean=clean)
    assert not asked
    masks = find_masks(view, how=parser, clean=clean)
    assert asked == [(3, 512, 512)]
    assert masks["hair"].mean() > 0.9
    assert masks["nose"].sum() == 0


def test_a_file_is_read_once(view, unet_file, monkeypatch):
    from sharpening.models.face_seg import parser as module

    opened = []
    monkeypatch.setattr(module, "load_state", lambda path, **more: opened.append(path) or CelebAMaskHQUNet().state_dict())
    first, second = (find_masks(view, how=how) for how in (str(unet_file), unet_file))
    assert set(first) == set(second) == set(PARTS)
    assert len(opened) == 1
    with pytest.raises(WeightsMissing, match="Masks from landmarks need no file"):
        find_masks(view, how="no_such_parser", pretrained=unet_file.parent)


def test_masks_that_do_not_fit():
    good = torch.zeros(1, 20, 30)
    check_part_masks({"nose": good, "left_eye": good}, (20, 30))
    for bad in (good[0], torch.zeros(1, 30, 20), torch.zeros(3, 20, 30)):
        with pytest.raises(ShapeError, match="mask of nose.*enlarged picture"):
            check_part_masks({"nose": bad}, (20, 30))
    with pytest.raises(RangeError, match="0 … 1"):
        check_part_masks({"nose": good + 255}, (20, 30))
    with pytest.raises(RangeError, match="dtype torch.uint8"):
        check_part_masks({"nose": good.byte()}, (20, 30))
    with pytest.raises(RangeError, match="single parts: left_eye, right_eye"):
        check_part_masks({"eyes": good}, (20, 30))
    with pytest.raises(RangeError, match="Did you mean nose"):
        check_part_masks({"noes": good}, (20, 30))


def test_union():
    masks = {part: torch.zeros(1, 4, 4) for part in ("left_eye", "right_eye", "nose")}
    masks["left_eye"][0, 0], masks["right_eye"][0, 1], masks["nose"][0, 1:3] = 1, 0.5, 0.25
    assert union(masks, ["eyes", "nose"])[0, :, 0].tolist() == [1, 0.5, 0.25, 0]
    assert torch.equal(union(masks, ["nose"]), masks["nose"])
    with pytest.raises(RangeError, match="at least one part"):
        union(masks, [])
    with pytest.raises(RangeError, match="mouth.*There is no mask"):
        union(masks, ["nose", "mouth"])
