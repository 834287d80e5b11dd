"""The thesis's cross-over U-Net: base, source and mask in, the base with the source's parts out.

It is no network over frames, so it is not in the zoo; `loading.load_trained(InpaintNet, "inpaint_net", weights)` loads one.

Source: the thesis, sections 2.3 and 3.4.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from sharpening.errors import ShapeError
from sharpening.imaging.mask import check_mask, pack_pair, unpack_pair
from sharpening.imaging.ranges import to_imagenet
from sharpening.models.unet.encoder import ResNetEncoder, load_rgb_weights
from sharpening.models.unet.model import UNet

__all__ = ["InpaintNet"]


class InpaintNet(nn.Module):
    """A `UNet` over two pictures and a mask.

    Args:
        n_in: Channels of the packed input: 9 with the mask on three channels (the thesis's), 7 with it on one.
        encoder: "resnet34" or "resnet18".
        blur: See `UNet`.
        width: See `UNet`.
        pretrained: State file of torchvision's ResNet for the encoder: base and source get half its first kernels each, so that at
            the start it sees their mean. None for fresh weights.

    Raises:
        RangeError: for another `n_in`.

    >>> net = InpaintNet(n_in=7, encoder="resnet18", width=8)
    >>> base, source, mask = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64), torch.ones(2, 1, 64, 64)
    >>> net(base, source, mask).shape
    torch.Size([2, 3, 64, 64])
    """

    def __init__(
        self,
        n_in: int = 9,
        encoder: str = "resnet34",
        *,
        blur: bool = True,
        width: int = 64,
        pretrained: str | Path | None = None,
    ) -> None:
        super().__init__()
        nothing = torch.zeros(1, 3, 1, 1)
        self.n_in = pack_pair(nothing, nothing, nothing, n_in=n_in).shape[1]  # refuses what cannot be packed
        self.unet = UNet(1, encoder, blur=blur, width=width, n_in=n_in)
        if pretrained is not None:
            rgb = ResNetEncoder(encoder, 3, width)
            load_rgb_weights(rgb, pretrained, "first")
            kernels = rgb.conv1.weight.detach()
            mask = torch.zeros(len(kernels), n_in - 6, *kernels.shape[2:])
            first = torch.cat([kernels / 2, kernels / 2, mask], dim=1)
            self.unet.encoder.load_state_dict({**rgb.state_dict(), "conv1.weight": first})

    def forward(self, base: Tensor, source: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        """Put the source's parts into the base.

        Args:
            base: `[bs, 3, H, W]`, RGB in [0, 1], sides of at least 32 px; or all three packed, `[bs, n_in, H, W]`, as the Learner
                does (see `imaging.mask.pack_pair`).
            source: The same shape as the base.
            mask: `[bs, 1, H, W]` or `[bs, 3, H, W]` in [0, 1], 1 where the source is to be taken.

        Returns:
            `[bs, 3, H, W]`, RGB, trained towards [0, 1] and not clamped.

        Raises:
            ShapeError: if the three do not fit together or the network, or only two came.
            RangeError: if the mask is not in [0, 1].
        """
        if (source is None) != (mask is None):
            raise ShapeError("inputs", "two of three", "base, source and mask, or all three packed into one")
        packed = base
        if source is not None and mask is not None:
            if not torch.compiler.is_compiling():  # a look at values cannot be compiled or exported
                check_mask(mask)
            packed = pack_pair(base, source, mask, n_in=self.n_in)
        wanted = f"[bs, {self.n_in}, H ≥ 32, W ≥ 32]"
        if packed.ndim != 4 or packed.shape[1] != self.n_in or min(packed.shape[-2:]) < 32:
            raise ShapeError("packed pair", tuple(packed.shape), wanted, f"The network was built with n_in={self.n_in}.")
        base, source, _ = unpack_pair(packed)
        return self.unet(torch.cat([to_imagenet(base), to_imagenet(source), packed[:, 6:]], dim=1))
