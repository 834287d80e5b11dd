"""Loading published parsers, the way of a picture through one, and what is said of wrong files."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError, WeightsMismatch, WeightsMissing
from sharpening.imaging.convert import to_tensor
from sharpening.models.face_seg import PARTS
from sharpening.models.face_seg.bisenet import BiSeNet
from sharpening.models.face_seg.celebamaskhq_unet import CelebAMaskHQUNet
from sharpening.models.face_seg.classes import CELEBAMASKHQ_CLASSES
from sharpening.models.face_seg.parser import FaceParser, load_parser
from sharpening.weights.store import PRETRAINED_VARIABLE
from tests.models.face_seg.made_points import made_landmarks
from tests.models.face_seg.test_label_parts import drawn


def random_state(build):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build().state_dict()


@pytest.fixture(scope="module")
def unet_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("unet") / "celebamaskhq_unet.safetensors"
    save_file(random_state(CelebAMaskHQUNet), path)
    return path


COLOURS = torch.rand((19, 3), generator=torch.Generator().manual_seed(4))


class Seer(torch.nn.Module):
    """Stands in for a trained net: every class has a colour, and the nearest is what it sees."""

    name = "seer"

    def __init__(self, size=512):
        super().__init__()
        self.anything = torch.nn.Parameter(torch.zeros(1))
        self.seen, self.size = [], size

    def prepare(self, picture):
        self.seen.append(picture)
        return F.interpolate(picture, (self.size, self.size), mode="nearest-exact")

    def forward(self, x):
        return -(x[:, None] - COLOURS.view(1, 19, 3, 1, 1)).square().sum(dim=2)


@pytest.fixture
def seer(unet_file):
    parser = FaceParser(unet_file)
    parser.network = Seer()
    return parser


def painted(labels):
    return COLOURS[torch.from_numpy(labels).long()].movedim(-1, 0).contiguous()


def plain(number, side):
    return COLOURS[number].view(3, 1, 1).expand(3, side, side)


def test_by_path_by_name_and_from_wrapped_files(unet_file, tmp_path, monkeypatch):
    network, kind = load_parser(unet_file)
    assert isinstance(network, CelebAMaskHQUNet)
    assert kind.classes == CELEBAMASKHQ_CLASSES
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    state = random_state(BiSeNet)
    torch.save({"state_dict": {f"module.{key}": value for key, value in state.items()}}, tmp_path / "bisenet_face.pth")
    monkeypatch.setenv(PRETRAINED_VARIABLE, str(tmp_path))
    network, kind = load_parser("bisenet_face")
    assert isinstance(network, BiSeNet)
    assert kind.classes.index("hair") == 17
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


def test_missing_files_say_where_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv(PRETRAINED_VARIABLE, str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(WeightsMissing, match=r"79999_iter\.pth of zllrunning"):
        FaceParser("bisenet_face")
    with pytest.raises(WeightsMissing, match="Names: celebamaskhq_unet, bisenet_face"):
        FaceParser("other_parser")


def test_files_that_do_not_fit(tmp_path, unet_file):
    save_file({"encoder.weight": torch.zeros(3), "encoder.bias": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsMismatch, match=r"neither of the known face parsers: its first tensors are encoder\."):
        FaceParser(tmp_path / "other.safetensors")
    state = random_state(CelebAMaskHQUNet)
    state["conv1.conv1.0.weight"] = torch.zeros(8, 3, 3, 3)
    state["more.weight"] = torch.zeros(1)
    del state["final.bias"]
    save_file(state, tmp_path / "damaged.safetensors")
    with pytest.raises(WeightsMismatch) as caught:
        FaceParser(tmp_path / "damaged.safetensors")
    for told in ("CelebAMaskHQUNet", "1 missing: final.bias", "1 extra: more.weight", "conv1.conv1.0.weight (got [8, 3, 3, 3]"):
        assert told in str(caught.value)
    with pytest.raises(WeightsMismatch, match="sha256"):
        FaceParser(unet_file, sha256="0" * 64)
    with pytest.raises(RangeError, match="sides"):
        FaceParser(unet_file, sides="left")


def test_parsing_with_the_real_network(unet_file, generator):
    parser = FaceParser(unet_file)
    picture = torch.rand((3, 64, 48), generator=generator)
    labels = parser.parse(picture)
    assert labels.shape == (64, 48)
    assert labels.dtype == torch.uint8
    with torch.no_grad():
        large = parser.network(2 * F.interpolate(picture[None], (512, 512), mode="nearest-exact") - 1).argmax(1)[0]
    rows = ((torch.arange(64) + 0.5) * 512 / 64).long()
    columns = ((torch.arange(48) + 0.5) * 512 / 48).long()
    assert torch.equal(labels.long(), large[rows][:, columns])
    with pytest.raises(ShapeError, match="RGB"):
        parser.parse(picture[None])


def test_a_cleaned_copy_is_parsed_instead(seer):
    picture = plain(2, 40)
    assert seer.parse(picture).unique().tolist() == [2]

    def cleaned(given):
        assert given.shape == (3, 40, 40)
        return plain(5, 80)

    assert seer.parse(picture, clean=cleaned).unique().tolist() == [5]
    assert seer.network.seen[-1].shape == (1, 3, 80, 80)
    seer.clean = cleaned
    assert seer.parse(picture).shape == (40, 40)
    assert seer.parse(picture).unique().tolist() == [5]
    with pytest.raises(ShapeError, match="clean"):
        seer.parse(picture, clean=lambda given: given[0])


@pytest.mark.parametrize("turn", [0, 25])
def test_parts_go_through_the_alignment_and_back(seer, turn):
    """The face is aligned, parsed upright, and the masks lie on the picture as it was given."""
    landmarks = made_landmarks(256, turn=turn, scale=40.0)
    labels = drawn(CELEBAMASKHQ_CLASSES, landmarks, persons=False, size=256)
    picture = painted(labels)
    masks = seer.part_masks(picture, landmarks)
    assert tuple(sorted(masks)) == tuple(sorted(PARTS))
    for part, names in (("nose", ["nose"]), ("hair", ["hair"]), ("mouth", ["mouth", "u_lip", "l_lip"])):
        true = np.isin(labels, [CELEBAMASKHQ_CLASSES.index(name) for name in names])
        seen = masks[part][0].numpy() > 0.5
        assert masks[part].shape == (1, 256, 256)
        # The colours between two classes may be read as a third, so borders are not exact.
        assert (seen & true).sum() / (seen | true).sum() > 0.8, part
    left, right = (at.round().astype(int) for at in landmarks.eye_centres)
    assert masks["left_eye"][0, left[1], left[0]] == 1
    assert masks["right_eye"][0, right[1], right[0]] == 1
    assert seer.sides_seen(picture, landmarks) == "viewer"


def test_a_real_face_through_a_random_net(unet_file, astronaut_face):
    landmarks = made_landmarks(160)
    masks = FaceParser(unet_file).part_masks(to_tensor(astronaut_face), landmarks)
    assert all(mask.shape == (1, 160, 160) for mask in masks.values())
    assert sum(masks.values()).max() <= 1
