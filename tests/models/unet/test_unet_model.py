"""The U-Net: size, first layer, odd sizes, export."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from sharpening.errors import RangeError, ShapeError, WeightsMismatch
from sharpening.models.unet import UNet
from sharpening.models.unet.encoder import ResNetEncoder, spread_first_layer
from sharpening.models.unet.port import from_fastai, to_fastai
from sharpening.weights.store import save_state


def tiny(**settings) -> UNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return UNet(**{"n_frames": 3, "encoder": "resnet18", "width": 8, **settings})


def test_published_form_has_the_known_number_of_parameters() -> None:
    with torch.device("meta"):
        net = UNet()
    assert sum(p.numel() for p in net.parameters()) == 41_347_790


def test_names_of_fastai_go_there_and_back() -> None:
    state = tiny().state_dict()
    assert list(from_fastai(to_fastai(state))) == list(state)


def test_a_foreign_state_is_told() -> None:
    with pytest.raises(WeightsMismatch, match=r"layers\.6\.conv2\.1\.gamma"):
        from_fastai({"layers.6.conv2.1.gamma": torch.zeros(1)} | {"layers.99.weight": torch.zeros(1)})


@pytest.mark.parametrize("size", [(32, 32), (48, 80), (37, 53)])
def test_output_has_the_size_of_the_input(size: tuple[int, int]) -> None:
    with torch.no_grad():
        assert tiny().eval()(torch.zeros(1, 9, *size)).shape == (1, 3, *size)


@pytest.mark.parametrize(("how", "channels"), [("first", [0, 1, 2]), ("middle", [6, 7, 8])])
def test_first_layer_gives_the_kernels_to_one_frame(how: str, channels: list[int]) -> None:
    kernels = torch.rand(4, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    wide = spread_first_layer(kernels, 5, how)
    assert wide.shape == (4, 15, 7, 7)
    assert torch.equal(wide[:, channels], kernels)
    others = [c for c in range(15) if c not in channels]
    assert wide[:, others].abs().max() == 0


def test_spread_first_layer_answers_equal_frames_as_rgb_kernels_do() -> None:
    generator = torch.Generator().manual_seed(0)
    kernels, picture = torch.rand(4, 3, 7, 7, generator=generator), torch.rand(1, 3, 16, 16, generator=generator)
    wide = spread_first_layer(kernels, 7, "spread")
    torch.testing.assert_close(F.conv2d(picture.repeat(1, 7, 1, 1), wide), F.conv2d(picture, kernels), rtol=1e-4, atol=1e-4)


def test_unknown_first_layer_is_told() -> None:
    with pytest.raises(RangeError, match="middle"):
        spread_first_layer(torch.zeros(4, 3, 7, 7), 7, "last")
    with pytest.raises(ShapeError):
        spread_first_layer(torch.zeros(4, 1, 7, 7), 7, "first")


def test_pretrained_file_fills_the_encoder(tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        rgb = ResNetEncoder("resnet18", 3, width=8)
    state = {key: value for key, value in rgb.state_dict().items() if not key.endswith("num_batches_tracked")}
    save_state(tmp_path / "resnet18.safetensors", {**state, "fc.weight": torch.zeros(1000, 64), "fc.bias": torch.zeros(1000)})
    net = tiny(pretrained=tmp_path / "resnet18.safetensors", first_layer="middle")
    assert torch.equal(net.encoder.conv1.weight[:, 3:6], rgb.conv1.weight)
    assert torch.equal(net.encoder.layer4[1].conv2.weight, rgb.layer4[1].conv2.weight)


def test_pretrained_file_of_another_network_is_told(tmp_path: Path) -> None:
    save_state(tmp_path / "other.safetensors", {"conv1.weight": torch.zeros(8, 3, 7, 7)})
    with pytest.raises(WeightsMismatch, match=r"layer1\.0\.conv1\.weight"):
        tiny(pretrained=tmp_path / "other.safetensors")


def test_unknown_encoder_and_no_frames_are_told() -> None:
    with pytest.raises(RangeError, match="resnet34"):
        UNet(encoder="resnet50")
    with pytest.raises(RangeError):
        UNet(n_frames=0)


def test_blur_smooths_what_the_pixel_shuffle_made() -> None:
    sharp, blurred = tiny(blur=False).eval(), tiny(blur=True).eval()
    blurred.load_state_dict(sharp.state_dict())
    frames = torch.rand(1, 9, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert not torch.allclose(sharp(frames), blurred(frames))


def test_exports_with_any_batch_size() -> None:
    net, frames = tiny().eval(), torch.rand(2, 9, 64, 64, generator=torch.Generator().manual_seed(0))
    program = torch.export.export(net, (frames,), dynamic_shapes={"frames": {0: torch.export.Dim("bs", min=1, max=64)}})
    with torch.no_grad():
        torch.testing.assert_close(program.module()(frames[:1].repeat(3, 1, 1, 1)), net(frames[:1].repeat(3, 1, 1, 1)))


def test_finetuner_enlarges_before_the_net() -> None:
    torch.manual_seed(0)
    plain = UNet(n_frames=1, encoder="resnet18", width=8).eval()
    finetuner = UNet(n_frames=1, encoder="resnet18", width=8, enlarge=2.4).eval()
    finetuner.load_state_dict(plain.state_dict())
    frames = torch.rand(1, 3, 60, 60)
    with torch.no_grad():
        pred = finetuner(frames)
        enlarged = torch.nn.functional.interpolate(frames, size=144, mode="bicubic", align_corners=False)
        torch.testing.assert_close(pred, plain(enlarged))
    assert pred.shape == (1, 3, 144, 144)
    assert finetuner.scale == 2.4


def test_shrinking_before_the_net_is_refused() -> None:
    with pytest.raises(RangeError, match="enlarge"):
        UNet(enlarge=0.5)
