"""The published files of PSFR-GAN."""

from __future__ import annotations

from sharpening.weights.published import PublishedFile

__all__ = ["PUBLISHED"]

_SOURCE = "github.com/chaofengc/PSFRGAN/releases/download/v0.1.0"
_LICENCE = "CC BY-NC-SA 4.0: not for commerce, and what is made of it under the same terms"
_PAPER = "Chen et al., Progressive semantic-aware style transformation for blind face restoration, CVPR 2021, arXiv:2009.08709"

PUBLISHED: tuple[PublishedFile, ...] = (
    PublishedFile(
        name="psfrgan-parsenet",
        file="parse_multi_iter_90000.pth",
        source=f"{_SOURCE}/parse_multi_iter_90000.pth",
        licence=_LICENCE,
        free_use=False,
        paper=_PAPER,
        model="psfrgan_parsenet",
        build="sharpening.models.psfr_gan.parse_net:ParseNet",
        convert="sharpening.models.psfr_gan.load:to_house",
        note="21 319 930 numbers, 85 MB. The generator needs it; it must lie beside it or be found by this name.",
    ),
    PublishedFile(
        name="psfrgan-generator",
        file="psfrgan_epoch15_net_G.pth",
        source=f"{_SOURCE}/psfrgan_epoch15_net_G.pth",
        licence=_LICENCE,
        free_use=False,
        paper=_PAPER,
        model="psfrgan_generator",
        build="sharpening.models.psfr_gan.generator:PsfrGenerator",
        convert="sharpening.models.psfr_gan.load:to_house",
        note="46 051 726 numbers, 184 MB, with spectral norm, which is folded away. An older file is psfrgan_latest_net_G.pth.",
    ),
)
"""Their cards; neither is shipped."""
