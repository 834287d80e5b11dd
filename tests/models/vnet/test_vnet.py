"""V-Net over frames: the paper's shape, the head's short way, sizes of every kind, and learning."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.files import write_picture
from sharpening.mframe_dl import mframe_dls
from sharpening.models.loading import load_trained
from sharpening.models.vnet import VNet, get_learner
from sharpening.models.vnet.model import _Down, _Head, _Stage
from sharpening.training.export import export

SMALL = {"widths": (4, 8), "n_convs_down": (1, 2), "n_convs_up": (1,)}


def seeded(build, *sizes, **settings):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(*sizes, **settings).eval()


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_default_is_the_paper_s_shape() -> None:
    with torch.device("meta"):
        net = VNet()
    assert [len(stage.convs) for stage in net.encoder] == [1, 2, 3, 3, 3]
    assert [len(stage.convs) for stage in net.decoder] == [3, 3, 2, 1]
    assert [stage.convs[-1].out_channels for stage in net.encoder] == [16, 32, 64, 128, 256]
    assert [stage.convs[0].in_channels for stage in net.decoder] == [256, 128, 64, 32]
    assert {layer.kernel_size for stage in [*net.encoder, *net.decoder] for layer in stage.convs} == {(5, 5, 5)}
    assert {(m.kernel_size, m.stride) for m in net.modules() if isinstance(m, torch.nn.ConvTranspose3d)} == {((2,) * 3, (2,) * 3)}
    assert round(sum(p.numel() for p in net.parameters()) / 1e6) == 65


def test_frames_are_halved_as_long_as_there_are_several() -> None:
    down, x, counts = seeded(_Down, 3, 3), noise(1, 3, 7, 16, 16), []
    for _ in range(4):
        x = down(x)
        counts.append((x.shape[2], x.shape[3]))
    assert counts == [(4, 8), (2, 4), (1, 2), (1, 1)]


def test_a_stage_adds_what_came_in() -> None:
    stage, x = seeded(_Stage, 4, 4, 2).double(), noise(1, 4, 3, 5, 5).double()
    with torch.no_grad():
        stage.acts[1].weight.fill_(0.5)
        y = stage.convs[1](stage.acts[0](stage.convs[0](x))) + x
        torch.testing.assert_close(stage(x, x), torch.where(y > 0, y, 0.5 * y))


@pytest.mark.parametrize("n_frames", [1, 2, 3, 7])
def test_the_head_is_the_whole_convolution_at_the_middle(n_frames: int) -> None:
    head, x = seeded(_Head, 4, 2).double(), noise(2, 4, n_frames, 6, 6).double()
    whole = F.conv3d(x, head.conv.weight, head.conv.bias, padding=2)[:, :, n_frames // 2]
    wanted = F.pixel_shuffle(head.paint(F.prelu(whole, head.act.weight)), 2)
    torch.testing.assert_close(head(x), wanted)


@pytest.mark.parametrize(("n_frames", "height", "width"), [(1, 16, 16), (2, 17, 16), (3, 18, 21), (7, 16, 19)])
def test_no_axis_need_be_even(n_frames: int, height: int, width: int) -> None:
    net = seeded(VNet, n_frames=n_frames, widths=(3, 4, 4), n_convs_down=(1, 1, 1), n_convs_up=(1, 1))
    with torch.no_grad():
        assert net(noise(2, 3 * n_frames, height, width)).shape == (2, 3, 4 * height, 4 * width)


def test_the_frames_order_counts() -> None:
    net, frames = seeded(VNet, n_frames=3, **SMALL), noise(1, 9, 16, 16)
    swapped = torch.cat([frames[:, 6:], frames[:, 3:6], frames[:, :3]], dim=1)
    with torch.no_grad():
        assert not torch.allclose(net(frames), net(swapped), atol=1e-4)


@pytest.mark.parametrize(
    "wrong", [{"n_frames": 0}, {"widths": (4,)}, {"widths": (0, 8)}, {"n_convs_down": (1,)}, {"n_convs_up": (1, 1)}]
)
def test_sizes_that_do_not_fit_are_told(wrong) -> None:
    with pytest.raises(RangeError, match=next(iter(wrong))):
        VNet(**{**SMALL, **wrong})


def _error(learn, frames: torch.Tensor, label: torch.Tensor) -> float:
    with torch.no_grad():
        return float(F.mse_loss(learn.model.eval()(frames), label))


def test_it_learns_and_its_weights_load(tmp_path, made_face) -> None:
    rng = np.random.default_rng(0)
    for i in range(8):
        write_picture(tmp_path / f"stills/{i}.png", made_face(64, rng))
    sizes = {"n_frames": 3, "size_in": 16, "size_out": 64, "bs": 4, "samples_per_epoch": 64, "flip": False, "zoom": 0}
    dls = mframe_dls(tmp_path / "stills", **sizes, device="cpu", degrade="thesis", seed=0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        learn = get_learner(dls, critic="pixel", **SMALL)
    # Training pictures, which are few: bicubic, as which the net starts, is no measure of itself, but to know them by heart is.
    frames, label = (x.as_subclass(torch.Tensor) for x in dls.train.one_batch()[:2])
    bicubic = float(F.mse_loss(F.interpolate(frames[:, 3:6], scale_factor=4, mode="bicubic"), label))
    assert _error(learn, frames, label) == pytest.approx(bicubic, rel=0.1)
    learn.fit(6, 3e-3)
    assert _error(learn, frames, label) < 0.8 * bicubic
    path = export(learn, "tiny-vnet", tmp_path)
    net, card = load_trained(VNet, "vnet", path)
    assert (card.n_frames, card.size_in, card.size_out, card.normalisation) == (3, 16, 64, "none")
    with torch.no_grad():
        assert torch.equal(net(frames), learn.model.eval()(frames))
    again = get_learner(dls, critic="pixel", weights=path)
    assert torch.equal(again.model.head.paint.weight, net.head.paint.weight)


@pytest.mark.parametrize(("sizes", "error"), [({"size_in": 32}, ShapeError), ({"size_in": 16, "normalize": True}, RangeError)])
def test_loaders_of_another_form_are_told(sizes, error, tmp_path, made_face) -> None:
    for i in range(3):
        write_picture(tmp_path / f"{i}.png", made_face(64, np.random.default_rng(i)))
    with pytest.raises(error):
        get_learner(mframe_dls(tmp_path, n_frames=3, size_out=64, bs=1, device="cpu", **sizes), critic="pixel", **SMALL)
