"""The published files of ESRGAN."""

from __future__ import annotations

from sharpening.weights.published import PublishedFile

__all__ = ["PUBLISHED"]

_LICENCE = "Apache-2.0"
_PAPER = "Wang et al., ESRGAN: enhanced super-resolution generative adversarial networks, ECCV workshops 2018, arXiv:1809.00219"
_SIZE = "16 697 987 numbers, 67 MB."


def _published(name: str, file: str, note: str) -> PublishedFile:
    return PublishedFile(
        name=name,
        file=file,
        source=f"github.com/xinntao/ESRGAN, {file}, Google Drive link in its README",
        licence=_LICENCE,
        free_use=True,
        paper=_PAPER,
        model="esrgan",
        build="sharpening.models.sr_gan.esrgan:RRDBNet",
        note=f"{note} {_SIZE}",
    )


PUBLISHED: tuple[PublishedFile, ...] = (
    _published("esrgan-rrdb", "RRDB_ESRGAN_x4.pth", "Trained with the adversary: sharp, and free in what it invents."),
    _published("esrgan-rrdb-psnr", "RRDB_PSNR_x4.pth", "Trained for PSNR alone: smooth, and the start of the adversarial one."),
)
"""Their cards; neither is shipped."""
