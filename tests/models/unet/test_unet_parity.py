"""Our U-Net is fastai's: the stored outputs of its network, and a network that fastai builds here."""

import pytest
import torch
from numpy.testing import assert_allclose
from torch.nn import functional as F

from sharpening.models.unet import UNet
from sharpening.models.unet.port import from_fastai, to_fastai


@pytest.fixture(scope="module")
def published(parity):
    state = parity.weights("fastai_unet_resnet34_21in_blur")
    net = UNet(n_frames=7).eval()
    net.load_state_dict(from_fastai(state))
    assert to_fastai(net.state_dict()).keys() == state.keys()
    return net


@pytest.mark.parity
@pytest.mark.parametrize(("prefix", "size"), [("out", 128), ("out112", 112)])
def test_equals_the_stored_outputs(parity, published, prefix, size):
    stored, seeds = parity.npz("fastai_unet_blur"), parity.seed_state
    frames = torch.cat([2 * seeds.smooth_image(f"fu{i}", (3, 128, 128)) - 1 for i in range(7)])[None]
    if size != 128:
        frames = F.interpolate(frames, size=size, mode="bilinear", align_corners=True)
    with torch.no_grad():
        found = seeds.stats(published(frames))
    spread = float(stored[f"{prefix}.std"].max())
    for name, value in found.items():
        assert_allclose(value, stored[f"{prefix}.{name}"], rtol=1e-3, atol=1e-4 * spread, err_msg=name)


def test_equals_a_network_that_fastai_builds():
    from fastai.vision.learner import create_body
    from fastai.vision.models.unet import DynamicUnet
    from torchvision.models import resnet18

    with torch.random.fork_rng():
        torch.manual_seed(0)
        theirs = DynamicUnet(create_body(resnet18(weights=None), n_in=9, pretrained=False), 3, (64, 64), blur=True).eval()
        for module in theirs.modules():  # statistics that a mistaken norm would show
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.1, 0.1)
                module.running_var.uniform_(0.5, 1.5)
    ours = UNet(n_frames=3, encoder="resnet18").eval()
    ours.load_state_dict(from_fastai(theirs.state_dict()))
    frames = torch.randn((2, 9, 80, 64), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted = theirs(frames).as_subclass(torch.Tensor)
        assert_allclose(ours(frames).numpy(), wanted.numpy(), rtol=1e-3, atol=1e-4 * float(wanted.std()))
