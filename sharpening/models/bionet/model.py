"""The thesis's BiO-Net: the U-Net run more than once, what its decoder found summed onto its encoder the next time.

Not the published BiO-Net (that is `published`): the encoder is a ResNet, and backward skips are summed instead of concatenated.

Sources: the thesis, chapter 3 (BiO-Net); Xiang et al., "BiO-Net: Learning recurrent bi-directional connections for encoder-decoder
architecture", MICCAI 2020, doi:10.1007/978-3-030-59710-8_8, arXiv:2007.00243.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from sharpening.errors import RangeError
from sharpening.models.unet.encoder import FirstLayer
from sharpening.models.unet.model import UNet

__all__ = ["BioNet"]


class BioNet(UNet):
    """U-Net with backward skips, over a stack of frames.

    Each iteration reads the same stack. After each but the last, the output of the four decoder levels (1/2, 1/4, 1/8 and 1/16 of
    the size) goes through two units of convolution, batch norm and ReLU, and is summed onto the encoder's activation of the same
    size in the next iteration; there both the next stage of the encoder and the forward skip read the sum. The last iteration
    paints the picture.

    The thesis fixes the encoder, the sum, the two units and two iterations. Ours are: one set of backward units for all iterations,
    no bias in front of their norms, a picture painted once, at the end, and batch norms of each iteration's own, as in the published
    net: running means of one set for all would mix sums with what was not summed yet, and be right for neither.

    Args:
        n_frames: Frames in a stack.
        encoder: "resnet34" (the thesis's) or "resnet18".
        n_iterations: Runs of the U-Net, 2 in the thesis. With 1 there are no backward skips, and it is a `UNet`.
        first_layer: See `UNet`.
        pretrained: See `UNet`.
        blur: See `UNet`.
        width: See `UNet`.

    Raises:
        RangeError: for fewer than one iteration, and as `UNet`.

    With 7 frames and "resnet34" it has 44,004,686 parameters, 2,656,896 more than the U-Net.

    >>> import torch
    >>> net = BioNet(n_frames=3, encoder="resnet18", width=8)
    >>> net(torch.zeros(2, 9, 64, 64)).shape
    torch.Size([2, 3, 64, 64])
    """

    def __init__(
        self,
        n_frames: int = 7,
        encoder: str = "resnet34",
        *,
        n_iterations: int = 2,
        first_layer: FirstLayer = "first",
        pretrained: str | Path | None = None,
        blur: bool = True,
        width: int = 64,
    ) -> None:
        super().__init__(n_frames, encoder, first_layer=first_layer, pretrained=pretrained, blur=blur, width=width)
        if n_iterations < 1:
            raise RangeError("n_iterations", n_iterations, "at least 1")
        self.n_iterations = n_iterations
        w1, w2, w3, _ = self.encoder.widths
        levels: list[tuple[Any, int]] = [(block.n_out, n_skip) for block, n_skip in zip(self.blocks, (w3, w2, w1, w1), strict=True)]
        # Without a second iteration nobody would read them, and weights without a gradient only get in the way.
        self.back = nn.ModuleList(_backward_skip(*level) for level in levels if n_iterations > 1)
        self._norms: tuple[_IterationNorm, ...] = ()
        if n_iterations > 1:
            own = _own_norms((self.encoder, self.neck, self.blocks), n_iterations)
            # What leads back is used once less than there are iterations.
            self._norms = (*own, *_own_norms((self.back,), n_iterations - 1))

    def forward(self, frames: Tensor) -> Tensor:
        """Restore the middle frame.

        Args:
            frames: `[bs, 3·n_frames, H, W]`, RGB, ImageNet-normalised, already enlarged (bicubic) to the output's size;
                sides of at least 32 px.

        Returns:
            `[bs, 3, H, W]`, RGB, trained towards `[0, 1]` and not clamped.

        Raises:
            ShapeError: if the stack does not fit the network.
        """
        self._check(frames)
        self._begin(0)
        maps = self._decode(*self.encoder(frames))
        for iteration in range(1, self.n_iterations):
            additions = [unit(x) for unit, x in zip(self.back, maps, strict=True)]
            self._begin(iteration)
            maps = self._decode(*self.encoder(frames, additions[::-1]))  # the encoder wants the shallowest first
        return self._paint(maps[-1], frames)

    def _begin(self, iteration: int) -> None:
        for norm in self._norms:
            norm.iteration = iteration


class _IterationNorm(nn.BatchNorm2d):
    """A batch norm for the first iteration, under the U-Net's names, and one for each later."""

    def __init__(self, width: int, n_iterations: int) -> None:
        super().__init__(width)
        self.later = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(n_iterations - 1))
        self.iteration = 0

    def forward(self, x: Tensor) -> Tensor:
        return self.later[self.iteration - 1](x) if self.iteration else super().forward(x)


def _own_norms(parts: Iterable[nn.Module], n_iterations: int) -> list[_IterationNorm]:
    """Give the parts a batch norm an iteration in the place of each, all starting as the one that was there."""
    found = []
    owners = [owner for part in parts for owner in part.modules()]
    for owner in owners:
        for name, norm in list(owner.named_children()):
            if isinstance(norm, nn.BatchNorm2d):
                own = _IterationNorm(norm.num_features, n_iterations)
                for each in (own, *own.later):
                    each.load_state_dict(norm.state_dict(), strict=False)
                setattr(owner, name, own)
                found.append(own)
    return found


def _backward_skip(n_in: int, n_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (n_in, n_out):
        conv = nn.Conv2d(width, n_out, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(conv.weight)
        layers += [conv, nn.BatchNorm2d(n_out), nn.ReLU()]
    return nn.Sequential(*layers)
