"""Which weights fill which row."""

import pytest
import torch

from sharpening.errors import InputError
from sharpening.evaluation.methods import build_methods, fitted, network_method
from sharpening.evaluation.thesis_rows import DEFAULT, entries, row_names
from sharpening.imaging.ranges import to_imagenet
from sharpening.imaging.resize import resize_tensor
from sharpening.models.zoo import create_model
from sharpening.weights.store import load_into, load_state
from tests.restore_helpers import write_weights

TINY = {"encoder": "resnet18", "width": 8}
MULTI = {"settings": {"n_frames": 7, **TINY}, "n_frames": 7, "size_in": 64, "size_out": 64, "normalisation": "imagenet"}
SINGLE = {"settings": {"n_frames": 1, "enlarge": 2.4, **TINY}, "n_frames": 1, "size_in": 60, "size_out": 144}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A folder of weights to search, and one of runs with a U-Net and a finetuner."""
    root = tmp_path_factory.mktemp("places")
    write_weights(root / "pretrained")
    for name, facts in (("thesis-unet-small", MULTI), ("finetune-144", {**SINGLE, "normalisation": "imagenet"})):
        write_weights(root / "runs" / name, name, "unet", **facts)
    return {"pretrained": root / "pretrained", "runs": root / "runs"}


def needs(found) -> dict[str, str]:
    return {entry.label: entry.needs for entry in found}


def test_rows_are_the_thesis_s_then_the_baselines_then_ours(places):
    for table in ("3.1", "3.2"):
        labels = [entry.label for entry in entries(table, **places)]
        assert labels == [*row_names()[table], "bicubic", "back-projection", "twin: our net, one frame", DEFAULT]
    labels = [entry.label for entry in entries("3.3", **places)]
    assert labels == ["before", "U-Net 60→144", "PULSE", "PSFR-GAN", "bicubic", "back-projection"]


def test_missing_weights_leave_a_row_that_says_so(places):
    found = needs(entries("3.1", **places))
    assert found["U-Net"] == found["U-Net+"] == found[DEFAULT] == ""
    assert found["BiO-Net"] == found["BiO-Net+"] == f"needs {places['runs']}/thesis-bionet/thesis-bionet.safetensors"
    given = needs(entries("3.1", "BiO-Net=there/is/none.safetensors", **places))
    assert given["BiO-Net"] == "needs there/is/none.safetensors"
    assert needs(entries("3.3", **places))["PULSE"] == "needs synthesis.pt (sharpening weights where pulse-synthesis)"
    assert needs(entries("3.3", "PULSE=none/at/all.pt", **places))["PULSE"] == "needs none/at/all.pt"


def test_plus_rows_need_the_finetuner(places, tmp_path):
    found = needs(entries("3.1", "finetune=none/at/all.pt", **places))
    assert found["U-Net"] == ""
    assert found["U-Net+"] == "needs none/at/all.pt"


def test_names_find_their_rows(places, tmp_path):
    mine = write_weights(tmp_path, "mine", "unet", **MULTI)
    found = {e.label: e for e in entries("3.1", f"bio-net={mine},thesis-unet-small, bilinear,own net={mine},twin={mine}", **places)}
    assert found["BiO-Net"].cards[0].name == "mine"
    assert found["U-Net"].cards[0].name == "thesis-unet-small"
    assert [card.name for card in found["BiO-Net+"].cards] == ["mine", "finetune-144"]
    assert found["bilinear"].build is not None
    assert found["own net"].cards[0].name == "mine"
    assert "twin: our net, one frame" in found


@pytest.mark.parametrize("methods", ["U-Net=", "=x.pt", "U-Net=a.pt,u-net=b.pt", "U-Net+=a.pt", "before=a.pt"])
def test_lists_that_mean_nothing_are_refused(places, methods: str):
    with pytest.raises(InputError):
        entries("3.1", methods, **places)


def test_unknown_tables_are_refused():
    with pytest.raises(InputError, match="3.1, 3.2, 3.3"):
        entries("3.9")


def test_network_sees_frames_as_in_training(places):
    """Enlarged bicubically, kept within 0 … 1, ImageNet-normalised; as in `mframe_dl` with size_in and normalize."""
    path = places["runs"] / "thesis-unet-small" / "thesis-unet-small.safetensors"
    network = load_into(create_model("unet", **MULTI["settings"]), load_state(path), source=path).eval()
    frames = torch.rand(2, 21, 32, 32, generator=torch.Generator().manual_seed(0)).round()  # hard edges: bicubic overshoots
    large = resize_tensor(frames, 64)
    assert large.max() > 1.01
    with torch.no_grad():
        wanted = network(to_imagenet(large.clamp(0, 1).unflatten(1, (7, 3))).flatten(1, 2)).clamp(0, 1)
    torch.testing.assert_close(network_method(path)(frames), wanted, rtol=1e-4, atol=1e-5)


def test_networks_of_other_numbers_of_frames_get_those_round_the_middle(tmp_path):
    frames = torch.rand(1, 21, 32, 32, generator=torch.Generator().manual_seed(0))
    for n, places in ((1, [3]), (3, [2, 3, 4]), (9, [0, 0, 1, 2, 3, 4, 5, 6, 6])):
        facts = {"settings": {"n_frames": n, **TINY}, "n_frames": n, "size_in": 32, "size_out": 32}
        method = network_method(write_weights(tmp_path, f"of{n}", "unet", **facts))
        with torch.no_grad():
            wanted = method.trained.network(frames.unflatten(1, (7, 3))[:, places].flatten(1, 2)).clamp(0, 1)
        torch.testing.assert_close(method(frames), wanted, rtol=1e-4, atol=1e-5)


def test_results_are_brought_to_the_label():
    label = torch.zeros(1, 3, 128, 128)
    same = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    assert fitted(same, label) is same
    for side in (112, 144):
        made = fitted(same[..., :side, :side] if side < 128 else resize_tensor(same, side).clamp(0, 1), label)
        assert made.shape == label.shape
        assert 0 <= made.min() <= made.max() <= 1


def test_plus_row_is_the_net_and_then_the_finetuner(places):
    found = {entry.label: entry for entry in entries("3.1", **places)}
    frames = torch.rand(1, 21, 32, 32, generator=torch.Generator().manual_seed(0))
    alone, plus = found["U-Net"].build()(frames), found["U-Net+"].build()(frames)
    assert alone.shape[-1] == 64
    assert plus.shape[-1] == 144
    finetuner = network_method(places["runs"] / "finetune-144" / "finetune-144.safetensors")
    torch.testing.assert_close(plus, finetuner(alone), rtol=1e-4, atol=1e-5)


def test_weights_called_one_frame_go_before_a_net_that_is_given_one_frame(tmp_path):
    write_weights(tmp_path, "mine")
    given_one = build_methods(["mine-one-frame"], pretrained=tmp_path)["mine-one-frame"]
    assert (given_one.trained.path.stem, given_one.one_frame) == ("mine", True)
    write_weights(tmp_path, "mine-one-frame")
    own = build_methods(["mine-one-frame"], pretrained=tmp_path)["mine-one-frame"]
    assert (own.trained.path.stem, own.one_frame) == ("mine-one-frame", False)
