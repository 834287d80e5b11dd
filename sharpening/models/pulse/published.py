"""The file that PULSE has beside its networks."""

from __future__ import annotations

from sharpening.weights.published import PublishedFile

__all__ = ["FIT_NAME", "PUBLISHED", "fit_shapes"]

FIT_NAME = "pulse-gaussian-fit"
"""What the fit is called here."""


def fit_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors."""
    return {"mean": (512,), "std": (512,)}


PUBLISHED: tuple[PublishedFile, ...] = (
    PublishedFile(
        name=FIT_NAME,
        file="gaussian_fit.pt",
        source="github.com/adamian98/pulse, in the repository itself (4566 bytes)",
        licence="none is stated with the code; it was measured on StyleGAN's weights (CC BY-NC 4.0: not for commercial use)",
        free_use=False,
        model="pulse_gaussian_fit",
        paper="Menon et al., PULSE, CVPR 2020, arXiv:2003.03808",
        build="sharpening.models.pulse.published:fit_shapes",
        note="With it PULSE needs no mapping network. It belongs to StyleGAN's faces of FFHQ; for others it is measured on their mapping.",
        sha256="6c638855d24ea56d40512cc6d8e7a6cac4c3db6fec232a0bf58e0f78d6336d16",
    ),
)
"""Its card."""
