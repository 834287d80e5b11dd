"""Every network of the zoo keeps the contract of this file; a new line in the zoo without a tiny build fails here."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sharpening.errors import ShapeError
from sharpening.models.zoo import create_model, list_models, models
from sharpening.weights.store import load_into, load_state, save_state


def _step(net: nn.Module, optimiser: torch.optim.Optimizer, frames: torch.Tensor, target: torch.Tensor) -> float:
    loss = (net(frames) - target).abs().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return float(loss.detach())


def test_output_has_scaled_shape_and_is_finite(tiny) -> None:
    net = tiny.build().eval()
    with torch.no_grad():
        pred = net(tiny.frames(2))
    side = tiny.size * net.scale
    assert pred.shape == (2, 3, side, side)
    assert pred.dtype == torch.float32
    assert type(pred) is torch.Tensor
    assert pred.isfinite().all()


def test_every_parameter_gets_a_gradient(tiny) -> None:
    net = tiny.build().train()
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-3)
    target = torch.rand(2, 3, tiny.size * net.scale, tiny.size * net.scale, generator=torch.Generator().manual_seed(1))
    noise = tiny.frames(2)
    n = -(-noise.shape[1] // 3)
    # Frames that show one scene: fusion_net leaves out, and learns nothing from, those that agree nowhere.
    frames = 0.9 * noise[:, :3].repeat(1, n, 1, 1)[:, : noise.shape[1]] + 0.1 * noise
    # Layers that start at zero block the gradient of what lies before them; after one step none does.
    for _ in range(2):
        _step(net, optimiser, frames, target)
    without = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not without
    silent = [name for name, p in net.named_parameters() if p.grad.abs().max() == 0]
    assert not silent


def test_batch_of_two_equals_two_batches_of_one(tiny) -> None:
    net, frames = tiny.build().eval(), tiny.frames(2)
    with torch.no_grad():
        torch.testing.assert_close(net(frames), torch.cat([net(frames[:1]), net(frames[1:])]), rtol=1e-4, atol=1e-5)


def test_saved_and_loaded_network_is_the_same(tiny, tmp_path) -> None:
    net, other = tiny.build(seed=0).eval(), tiny.build(seed=1).eval()
    frames = tiny.frames(1)
    with torch.no_grad():
        assert not torch.equal(net(frames), other(frames))
        path = save_state(tmp_path / "net.safetensors", net.state_dict()) or tmp_path / "net.safetensors"
        load_into(other, load_state(path), source=path)
        assert torch.equal(net(frames), other(frames))


@pytest.mark.parametrize("channels", [8, 10])
def test_wrong_number_of_channels_is_told(tiny, channels: int) -> None:
    with pytest.raises(ShapeError, match="frames"):
        tiny.build()(torch.zeros(1, channels, tiny.size, tiny.size))


def test_too_small_frames_are_told(tiny) -> None:
    with pytest.raises(ShapeError):
        tiny.build()(torch.zeros(1, 3 * tiny.n_frames, 8, 8))


def test_a_few_steps_lower_the_loss(tiny) -> None:
    net = tiny.build().train()
    frames = tiny.frames(4)
    target = torch.full((4, 3, tiny.size * net.scale, tiny.size * net.scale), 0.25)
    optimiser = torch.optim.Adam(net.parameters(), lr=tiny.lr)
    losses = [_step(net, optimiser, frames, target) for _ in range(12)]
    assert losses[-1] < 0.8 * losses[0]


def _hidden_middle(tiny, bs: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A task that the middle alone cannot solve: it is grey, the colour to paint is that of the other frames."""
    colour = torch.rand(bs, 3, 1, 1, generator=torch.Generator().manual_seed(seed))
    plain = colour.expand(bs, 3, tiny.size, tiny.size)
    grey = torch.full_like(plain, 0.5)
    middle = tiny.n_frames // 2
    return torch.cat([grey if i == middle else plain for i in range(tiny.n_frames)], dim=1), colour


def test_the_other_frames_have_influence(tiny) -> None:
    net, side = tiny.build().train(), tiny.size * tiny.build().scale
    optimiser = torch.optim.Adam(net.parameters(), lr=max(tiny.lr, 2e-3))
    for step in range(40):
        frames, colour = _hidden_middle(tiny, 8, seed=step)
        loss = (net(frames) - colour.expand(8, 3, side, side)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.5)
        optimiser.step()
    frames, colour = _hidden_middle(tiny, 16, seed=1000)
    frames.requires_grad_(True)
    pred = net(frames)
    pred.sum().backward()
    by_frame = frames.grad.unflatten(1, (tiny.n_frames, 3)).abs().sum(dim=(0, 2, 3, 4))
    assert (by_frame > 0).all()
    # Nobody who sees the grey middle alone can do better than to paint the mean colour.
    blind = float((colour - 0.5).abs().mean())
    assert float((pred.detach() - colour).abs().mean()) < 0.85 * blind


def test_zoo_knows_how_to_build_again() -> None:
    net = create_model("fusion_net", preset="tiny")
    assert (net.model_name, net.settings) == ("fusion_net", {"preset": "tiny"})


def test_unknown_model_is_told_with_near_names() -> None:
    with pytest.raises(KeyError, match="fusion_net"):
        create_model("fusionnet")


def test_unknown_setting_is_refused() -> None:
    with pytest.raises(TypeError):
        create_model("unet", n_frame=7)


def test_every_line_of_the_zoo_resolves_and_has_a_tiny_build(tiny_models) -> None:
    assert all(issubclass(models.get(name), nn.Module) for name in list_models())
    assert set(tiny_models) == set(list_models())
