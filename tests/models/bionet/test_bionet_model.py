"""The thesis's BiO-Net: a U-Net that runs again, with what its decoder found added to its encoder."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sharpening.errors import RangeError, ShapeError, WeightsMismatch
from sharpening.models import bionet
from sharpening.models.bionet import BioNet
from sharpening.models.unet import UNet
from sharpening.weights.store import load_into, load_state, save_state

SMALL = {"n_frames": 3, "encoder": "resnet18", "width": 8}


def tiny(**settings) -> BioNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BioNet(**{**SMALL, **settings}).eval()


def stack(*size: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 9, *(size or (64, 64)), generator=torch.Generator().manual_seed(seed))


def test_one_iteration_is_a_unet() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        unet = UNet(**SMALL).eval()
    once = load_into(tiny(n_iterations=1), unet.state_dict(), source="the U-Net")
    with torch.no_grad():
        assert torch.equal(once(stack()), unet(stack()))


def test_backward_skips_and_norms_are_all_it_has_more_than_a_unet() -> None:
    known = UNet(**SMALL).state_dict()
    more = {key: value for key, value in tiny().state_dict().items() if key not in known and ".later.0." not in key}
    assert {key.split(".")[0] for key in more} == {"back"}
    assert known.keys() <= tiny().state_dict().keys()
    convs = [list(value.shape) for key, value in more.items() if value.ndim == 4]
    # From the decoder's widths at 1/16, 1/8, 1/4 and 1/2 of the size to those of the encoder, in two units each.
    levels = [(64, 32), (48, 16), (32, 8), (12, 8)]
    assert convs == [[n_out, n, 3, 3] for n_in, n_out in levels for n in (n_in, n_out)]


def test_thesis_form_has_the_parameters_of_the_unet_and_of_its_backward_skips() -> None:
    with torch.device("meta"):
        net, unet = BioNet(), UNet()
    units = sum(9 * (n_in + n) * n + 4 * n for n_in, n in ((512, 256), (384, 128), (256, 64), (96, 64)))
    norms = sum(2 * norm.num_features for norm in unet.modules() if isinstance(norm, torch.nn.BatchNorm2d))
    assert sum(p.numel() for p in net.parameters()) == sum(p.numel() for p in unet.parameters()) + units + norms == 44_004_686


def _unit(x: torch.Tensor, state: dict[str, torch.Tensor], level: int, place: int) -> torch.Tensor:
    norm = {name: state[f"back.{level}.{place + 1}.{name}"] for name in ("running_mean", "running_var", "weight", "bias")}
    return F.relu(F.batch_norm(F.conv2d(x, state[f"back.{level}.{place}.weight"], padding=1), **norm))


def _second_pass(net: BioNet, frames: torch.Tensor, backs: list[torch.Tensor]) -> torch.Tensor:
    """The U-Net stage by stage with the sums written out; `backs` deepest first."""
    e, maps = net.encoder, []
    maps.append(e.relu(e.bn1(e.conv1(frames))) + backs[3])
    maps.append(e.layer1(e.maxpool(maps[0])) + backs[2])
    maps.append(e.layer2(maps[1]) + backs[1])
    maps.append(e.layer3(maps[2]) + backs[0])
    x = net.neck(e.layer4(maps[3]))
    for block, skip in zip(net.blocks, maps[::-1], strict=True):
        x = block(x, skip)
    return net.head(net.residual(torch.cat([net.enlarge(x), frames], dim=1)))


def test_two_iterations_equal_the_sums_written_out() -> None:
    net, frames, outputs = tiny(), stack(), []
    for i, norm in enumerate(m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)):
        norm.running_var += 0.1 * (i % 5)  # so that no two norms are alike
    hooks = [block.register_forward_hook(lambda _m, _i, output: outputs.append(output)) for block in net.blocks]
    with torch.no_grad():
        pred = net(frames)
        for hook in hooks:
            hook.remove()
        state = net.state_dict()
        net._begin(1)
        backs = [_unit(_unit(x, state, i, 0), state, i, 3) for i, x in enumerate(outputs[:4])]
        torch.testing.assert_close(pred, _second_pass(net, frames, backs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("level", range(4))
def test_each_backward_skip_changes_the_result(level: int) -> None:
    net = tiny()
    with torch.no_grad():
        before = net(stack())
        net.back[level][4].weight.zero_()
        assert (net(stack()) - before).abs().max() > 1e-4


@pytest.mark.parametrize("n_iterations", [2, 3])
def test_backward_skips_get_gradients(n_iterations: int) -> None:
    net = tiny(n_iterations=n_iterations)
    net(stack()).square().mean().backward()
    assert all(p.grad.abs().max() > 0 for p in net.back.parameters())


def test_weights_of_another_number_of_iterations_are_refused(tmp_path) -> None:
    path = save_state(tmp_path / "net.safetensors", tiny().state_dict())
    with pytest.raises(WeightsMismatch, match=r"missing: .*later\.1"):
        load_into(tiny(n_iterations=3), load_state(path), source=path)


def test_weights_of_a_unet_are_refused_with_what_is_missing() -> None:
    with pytest.raises(WeightsMismatch, match=r"missing: .*later"):
        load_into(tiny(), UNet(**SMALL).state_dict(), source="the U-Net")


def test_each_iteration_has_batch_norms_of_its_own() -> None:
    net = tiny(n_iterations=3).train()
    net(stack())
    norms = [net.encoder.bn1, *net.encoder.bn1.later]
    assert [int(norm.num_batches_tracked) for norm in norms] == [1, 1, 1]
    back = net.back[0][1]
    assert [int(norm.num_batches_tracked) for norm in (back, *back.later)] == [1, 1]


def test_norms_of_their_own_bring_evaluation_near_training() -> None:
    def far(*, shared: bool) -> float:
        net, frames = tiny(n_iterations=3).train(), stack(128, 128)
        net._norms = () if shared else net._norms  # all iterations go through the first one's norms then
        with torch.no_grad():
            for _ in range(60):
                trained = net(frames)
            return float((net.eval()(frames) - trained).square().mean().sqrt())

    assert far(shared=False) < 0.6 * far(shared=True)


@pytest.mark.parametrize("size", [(32, 32), (37, 53)])
def test_output_has_the_size_of_the_frames(size: tuple[int, int]) -> None:
    with torch.no_grad():
        assert tiny()(stack(*size)).shape == (2, 3, *size)


def test_wrong_frames_and_settings_are_told() -> None:
    with pytest.raises(ShapeError, match=r"BioNet\(n_frames"):
        tiny()(torch.zeros(1, 12, 64, 64))
    with pytest.raises(ShapeError, match="H ≥ 32"):
        tiny()(torch.zeros(1, 9, 16, 64))
    with pytest.raises(RangeError, match="n_iterations"):
        tiny(n_iterations=0)


def test_exports() -> None:
    net, frames = tiny(), stack(32, 32)
    with torch.no_grad():
        torch.testing.assert_close(torch.export.export(net, (frames,)).module()(frames), net(frames))


def test_the_room_offers_its_names_and_no_others() -> None:
    assert all(callable(getattr(bionet, name)) for name in bionet.__all__)
    with pytest.raises(AttributeError, match="PublishedBioNet"):
        _ = bionet.BiONet
