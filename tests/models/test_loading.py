"""A network is built again from its file and card alone."""

import pytest
import torch

from sharpening.errors import RangeError, WeightsMismatch, WeightsMissing
from sharpening.mframe_dl.types import BatchForm
from sharpening.models.fusion_net import FusionNet
from sharpening.models.loading import load_trained
from sharpening.models.unet import UNet
from sharpening.models.zoo import load_model
from sharpening.training.export import export
from sharpening.weights.card import load_card

FORM = BatchForm(3, 32, 128)


def test_exported_network_comes_back_from_its_card(tiny, tmp_path) -> None:
    net = tiny.build().eval()
    path = export(
        net, "mine", tmp_path / "new", form=FORM, data="made pictures", licence="MIT", free_use=True, metrics={"psnr": 30.0}
    )
    again, card = load_model(path)
    frames = tiny.frames(1)
    with torch.no_grad():
        assert torch.equal(again(frames), net(frames))
    assert not again.training
    assert (card.name, card.model, card.licence, card.free_use, card.metrics) == ("mine", tiny.name, "MIT", True, {"psnr": 30.0})
    assert card.n_parameters == sum(p.numel() for p in net.parameters()) + getattr(net, "n_frozen", 0)
    assert (card.n_frames, card.size_in, card.size_out, card.normalisation) == (3, 32, 128, "none")
    assert load_model("mine", pretrained=tmp_path / "new")[1] == card


def test_pretrained_path_is_no_setting_of_the_card(tiny_models, tmp_path) -> None:
    net = tiny_models["unet"].build()
    net.settings = {**net.settings, "pretrained": "somewhere.pth"}
    assert "pretrained" not in load_card(export(net, "mine", tmp_path, form=FORM)).settings


def test_numbers_stored_in_16_bits_come_back_as_the_network_s_own(tiny_models, tmp_path) -> None:
    net, sizes = tiny_models["fusion_net"].build(), []
    for dtype in (None, torch.float16):
        path = export(net, "mine", tmp_path, form=FORM, dtype=dtype)
        sizes.append(path.stat().st_size)
        found, _ = load_trained(FusionNet, "fusion_net", path)
        assert {p.dtype for p in found.parameters()} == {torch.float32}
        assert all(torch.allclose(a, b, atol=1e-3) for a, b in zip(net.parameters(), found.parameters(), strict=True))
    assert sizes[1] < 0.7 * sizes[0]


def test_weights_of_another_network_are_told(tiny_models, tmp_path) -> None:
    path = export(tiny_models["fusion_net"].build(), "mine", tmp_path, form=FORM)
    with pytest.raises(WeightsMismatch, match="fusion_net"):
        load_trained(UNet, "unet", path)


def test_tampered_and_missing_weights_are_told(tiny_models, tmp_path) -> None:
    path = export(tiny_models["fusion_net"].build(), "mine", tmp_path, form=FORM)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsMismatch, match="sha256"):
        load_model(path)
    with pytest.raises(WeightsMissing, match="nobody"):
        load_model("nobody", pretrained=tmp_path)


def test_export_wants_to_know_what_and_how(tiny_models, tmp_path) -> None:
    with pytest.raises(RangeError, match="form"):
        export(tiny_models["unet"].build(), "mine", tmp_path)
    with pytest.raises(RangeError, match="create_model"):
        export(UNet(n_frames=1, encoder="resnet18", width=8), "mine", tmp_path, form=FORM)
    assert not list(tmp_path.iterdir())
