"""The learned-aggregation U-Net: mixtures by the formula, choices that go where the task pulls them, and learning."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sharpening.errors import RangeError, ShapeError
from sharpening.imaging.files import write_picture
from sharpening.mframe_dl import mframe_dls
from sharpening.models.loading import load_trained
from sharpening.models.ux_net import UXNet, get_learner
from sharpening.models.ux_net.learner import parameter_groups
from sharpening.models.ux_net.model import OPERATORS, _Join, _Mixture
from sharpening.training.export import export

SMALL = {"widths": (8, 16), "n_blocks": 1}


def seeded(build, *sizes, **settings):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(*sizes, **settings)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_a_block_is_the_softmax_mixture_of_its_operators() -> None:
    block, x = seeded(_Mixture, 4).double(), noise(2, 4, 7, 6).double()
    with torch.no_grad():
        block.logits.copy_(torch.tensor([0.3, -1.0, 2.0, 0.5]))
        shares = block.logits.exp() / block.logits.exp().sum()
        plain = F.conv2d(x, block.plain.weight, block.plain.bias, padding=1)
        dilated = F.conv2d(x, block.dilated.weight, block.dilated.bias, padding=2, dilation=2)
        single = [
            F.conv2d(x[:, c : c + 1], block.depthwise.weight[c : c + 1], block.depthwise.bias[c : c + 1], padding=1)
            for c in range(4)
        ]
        y = sum(share * made for share, made in zip(shares, (plain, dilated, torch.cat(single, dim=1), x), strict=True))
        torch.testing.assert_close(block(x), torch.where(y > 0, y, 0.1 * y))


def test_a_join_is_the_weighted_sum_of_all_scales_resized() -> None:
    join, maps = seeded(_Join, (3, 4, 5), 4).double(), [noise(1, c, s, s, seed=s).double() for c, s in ((3, 16), (4, 8), (5, 4))]
    with torch.no_grad():
        join.logits.copy_(torch.tensor([0.0, 1.0, -1.0]))
        shares = join.logits.softmax(0)
        # The fine map by the mean of 2×2 blocks, the coarse one bilinearly; the 1×1 convolution after both.
        sized = [
            maps[0].unfold(2, 2, 2).unfold(3, 2, 2).mean((-1, -2)),
            maps[1],
            F.interpolate(maps[2], size=(8, 8), mode="bilinear"),
        ]
        wanted = sum(share * bring(x) for share, bring, x in zip(shares, join.bring, sized, strict=True))
        torch.testing.assert_close(join(maps, (8, 8)), wanted)


def _learn_choice(module, loss) -> torch.Tensor:
    optimiser = torch.optim.Adam([module.logits], lr=0.1)
    for _ in range(80):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
    return module.logits.detach().softmax(dim=0)


@pytest.mark.parametrize("wanted", range(len(OPERATORS)))
def test_a_block_chooses_the_operator_that_the_task_needs(wanted: int) -> None:
    block, x = seeded(_Mixture, 4), noise(4, 4, 12, 12)
    with torch.no_grad():
        made = (block.plain(x), block.dilated(x), block.depthwise(x), x)
        target = F.leaky_relu(made[wanted], 0.1)
    shares = _learn_choice(block, lambda: (block(x) - target).square().mean())
    assert int(shares.argmax()) == wanted
    assert float(shares[wanted]) > 0.8


@pytest.mark.parametrize("wanted", [0, 1, 2])
def test_a_scale_takes_from_the_scale_that_the_task_needs(wanted: int) -> None:
    join, maps = seeded(_Join, (4, 4, 4), 4), [noise(2, 4, s, s, seed=s) for s in (16, 8, 4)]
    with torch.no_grad():
        join.logits.copy_(torch.full((3,), -20.0).index_fill(0, torch.tensor(wanted), 20.0))
        target = join(maps, (8, 8))
        join.logits.zero_()
    shares = _learn_choice(join, lambda: (join(maps, (8, 8)) - target).square().mean())
    assert int(shares.argmax()) == wanted
    assert float(shares[wanted]) > 0.8


def test_the_choice_is_told_in_numbers_and_words() -> None:
    net = seeded(UXNet, n_frames=1, **SMALL)
    with torch.no_grad():
        net.encoder[1][0].logits.copy_(torch.tensor([0.0, 0.0, 1.0, 3.0]))
        net.joins[0].logits.copy_(torch.tensor([0.0, 2.0]))
    choice = net.learned_choice()
    places = [f"{side} 1/{k}, block 1" for side in ("encoder", "decoder") for k in (1, 2)]
    assert list(choice) == ["decoder 1/1, scales", "decoder 1/2, scales", *places]
    assert all(sum(shares.values()) == pytest.approx(1) for shares in choice.values())
    assert list(choice["encoder 1/1, block 1"].values()) == pytest.approx([0.25] * 4)
    lines = net.choice_in_words().splitlines()
    assert lines[0] == "decoder 1/1, scales: 1/2 (88 %), then 1/1 (12 %)"
    assert lines[3] == "encoder 1/2, block 1: identity (81 %), then depthwise 3x3 (11 %)"


def test_groups_part_choosing_from_computing() -> None:
    net = seeded(UXNet, n_frames=1, **SMALL)
    choosing, computing = parameter_groups(net)
    assert len(choosing) == 2 + 4
    assert {p.ndim for p in choosing} == {1}
    assert len(choosing) + len(computing) == len(list(net.parameters()))


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 22), (30, 19)])
def test_no_side_need_be_even(height: int, width: int) -> None:
    net = seeded(UXNet, n_frames=3, widths=(4, 4, 8), n_blocks=1)
    with torch.no_grad():
        assert net(noise(2, 9, height, width)).shape == (2, 3, 4 * height, 4 * width)


@pytest.mark.parametrize("wrong", [{"n_frames": 0}, {"widths": (4,)}, {"widths": (4, 0)}, {"n_blocks": 0}])
def test_sizes_that_leave_no_network_are_told(wrong) -> None:
    with pytest.raises(RangeError, match=next(iter(wrong))):
        UXNet(**wrong)


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
        learn = get_learner(dls, critic="pixel", widths=(16, 24), n_blocks=1)
    equal = learn.model.learned_choice()
    # Training pictures, which are few: bicubic, as which the net starts, is no measure of itself, but to know them by heart is.
    frames, label = (x.as_subclass(torch.Tensor) for x in dls.train.one_batch()[:2])
    bicubic = float(F.mse_loss(F.interpolate(frames[:, 3:6], scale_factor=4, mode="bicubic"), label))
    assert _error(learn, frames, label) == pytest.approx(bicubic, rel=0.1)
    learn.fit_one_cycle(6, 1e-2)
    assert _error(learn, frames, label) < 0.8 * bicubic
    assert learn.model.learned_choice() != equal
    path = export(learn, "tiny-ux-net", tmp_path)
    net, card = load_trained(UXNet, "ux_net", path)
    assert (card.n_frames, card.size_in, card.size_out, card.normalisation) == (3, 16, 64, "none")
    assert net.learned_choice() == learn.model.learned_choice()
    again = get_learner(dls, critic="pixel", weights=path)
    assert again.model.learned_choice() == net.learned_choice()


@pytest.mark.parametrize(("sizes", "error"), [({"size_in": 32}, ShapeError), ({"size_in": 16, "normalize": True}, RangeError)])
def test_loaders_of_another_form_are_told(sizes, error, tmp_path, made_face) -> None:
    for i in range(3):
        write_picture(tmp_path / f"{i}.png", made_face(64, np.random.default_rng(i)))
    with pytest.raises(error):
        get_learner(mframe_dls(tmp_path, n_frames=3, size_out=64, bs=1, device="cpu", **sizes), critic="pixel", **SMALL)
