"""Muon: its steps are orthogonal, it learns, and biases go Adam's way."""

import torch
from torch import nn

from sharpening.training.muon import Muon, orthogonalised


def test_singular_values_come_near_one(generator):
    for shape in ((32, 288), (288, 32), (16, 16)):
        values = torch.linalg.svdvals(orthogonalised(torch.randn(shape, generator=generator)))
        assert 0.4 < values.min() < values.max() < 1.3


def test_steps_have_the_size_that_adam_s_have(generator):
    layer = nn.Linear(64, 32, bias=False)
    before = layer.weight.detach().clone()
    layer.weight.grad = torch.randn(32, 64, generator=generator)
    Muon([layer.weight], lr=0.01, wd=0.0).step()
    size = (layer.weight.detach() - before).square().mean().sqrt()
    assert 0.1 * 0.01 < size < 0.4 * 0.01


def test_it_fits_a_known_map(generator):
    torch.manual_seed(0)
    truth, net = nn.Conv2d(8, 16, 3), nn.Conv2d(8, 16, 3)
    optimiser = Muon(list(net.parameters()), lr=0.05)
    losses = []
    for _ in range(120):
        x = torch.randn(4, 8, 6, 6, generator=generator)
        loss = (net(x) - truth(x).detach()).square().mean()
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]


def test_bfloat16_is_enough_for_the_products(generator):
    steps = []
    for dtype in (torch.float32, torch.bfloat16):
        layer = nn.Linear(64, 32, bias=False)
        with torch.no_grad():
            layer.weight.zero_()
        layer.weight.grad = torch.randn(32, 64, generator=torch.Generator().manual_seed(0))
        Muon([layer.weight], lr=0.01, wd=0.0, dtype=dtype).step()
        steps.append(layer.weight.detach())
    assert steps[1].dtype == torch.float32
    assert torch.cosine_similarity(steps[0].flatten(), steps[1].flatten(), dim=0) > 0.999


def test_small_and_flat_tensors_go_adam_s_way(generator):
    bias = nn.Parameter(torch.zeros(16))
    bias.grad = torch.tensor([1.0, -100.0] * 8)
    Muon([bias], lr=0.01, wd=0.0).step()
    assert torch.allclose(bias.detach(), torch.tensor([-0.01, 0.01] * 8), atol=1e-4)
