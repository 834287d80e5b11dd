"""The thesis's U-Net for the SER-FIQ critic: the same network, at the side that face recognition nets read.

Source: the thesis, section 3.3 (U-Net with SER-FIQ); Terhörst et al., "SER-FIQ", CVPR 2020, arXiv:2003.09373.
"""

from __future__ import annotations

from typing import ClassVar

from sharpening.models.unet.model import UNet

__all__ = ["SerFiqNet"]


class SerFiqNet(UNet):
    """A `UNet` over pictures of 112×112; arguments, input and result as there. A name of its own, so that cards can tell them apart.

    Attributes:
        size: Side of frames and result in training [px], that of IR-SE-50's input; other sides work, but are not what it was
            trained on.

    >>> import torch
    >>> net = SerFiqNet(n_frames=3, encoder="resnet18", width=8)
    >>> net(torch.zeros(1, 9, net.size, net.size)).shape
    torch.Size([1, 3, 112, 112])
    """

    size: ClassVar[int] = 112
