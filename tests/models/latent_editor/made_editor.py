"""A tiny StyleGAN and a tiny VGG-16 with weights of dice, and pictures that the generator can paint."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpening.models.face_id.vgg import Vgg16Extractor
from sharpening.models.latent_editor import Code
from sharpening.models.latent_editor.optimise import noise_of, paint
from sharpening.models.stylegan import StyleGan, Synthesis

GROUPS = ((4, 4), (4, 4), (6, 6, 6), (6, 6))  # so far the layers lie where torchvision has them


def tiny_gan(resolution: int = 32, seed: int = 0) -> StyleGan:
    """32 px, styles of 32; pictures within about [0, 1], so that limiting them takes nothing."""
    dice = torch.Generator().manual_seed(seed)
    synthesis = Synthesis(resolution, n_latent=32, most_channels=32, base_channels=256)
    for name, value in synthesis.named_parameters():
        size = 0.1 if name.endswith("bias") or "noise" in name else 1.0
        value.data = size * torch.randn(value.shape, generator=dice)
    synthesis.torgb.weight.data *= 0.15
    mean = 0.3 * torch.randn(32, generator=dice)
    return StyleGan(synthesis.requires_grad_(False).eval(), None, mean)


def tiny_vgg() -> Vgg16Extractor:
    dice = torch.Generator().manual_seed(5)
    network = Vgg16Extractor(groups=GROUPS)
    for value in network.parameters():
        fan = value[0].numel() if value.ndim == 4 else 100
        value.data = torch.randn(value.shape, generator=dice) * (2 / fan) ** 0.5
    return network.requires_grad_(False)


def code_of(gan: StyleGan, seed: int, spread: float = 0.5) -> Code:
    """A code near the mean, with the noise that the editor takes when none is given."""
    shape = (1, gan.synthesis.n_layers, gan.synthesis.n_latent)
    w_plus = gan.mean_w + spread * torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return Code(w_plus, noise_of(gan))


def picture_of(gan: StyleGan, seed: int) -> Tensor:
    """`[3, R, R]`, a picture that the generator painted."""
    with torch.no_grad():
        return paint(gan, code_of(gan, seed))[0].clamp(0, 1)
