"""The StyleGAN files that others have published, and their terms. None comes with the project."""

from __future__ import annotations

import torch

from sharpening.models.stylegan.model import Mapping, Synthesis
from sharpening.weights.published import PublishedFile

__all__ = ["PUBLISHED", "full_shapes", "ported_shapes", "pulse_mapping_shapes", "pulse_synthesis_shapes", "terms"]

_PAPER = "Karras et al., A style-based generator architecture for generative adversarial networks, CVPR 2019, arXiv:1812.04948"
_PULSE = "Menon et al., PULSE, CVPR 2020, arXiv:2003.03808"
_TERMS = "CC BY-NC 4.0: with attribution, not for commercial use"
_PULSE_TERMS = f"none is stated with the files; the weights derive from StyleGAN ({_TERMS})"
_TO_HOUSE = "sharpening.models.stylegan.convert:to_house"
_HERE = "sharpening.models.stylegan.published"


def pulse_synthesis_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of PULSE's synthesis, in the house's form."""
    with torch.device("meta"):
        synthesis = Synthesis()
    return {f"synthesis.{key}": tuple(value.shape) for key, value in synthesis.state_dict().items()}


def pulse_mapping_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of PULSE's mapping, in the house's form."""
    with torch.device("meta"):
        mapping = Mapping()
    return {f"mapping.{key}": tuple(value.shape) for key, value in mapping.state_dict().items()}


def ported_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of lernapparat's file, in the house's form: both networks and nothing else."""
    return {**pulse_synthesis_shapes(), **pulse_mapping_shapes()}


def full_shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of NVIDIA's pickle or InterFaceGAN's file, in the house's form: with the mean style and the fixed noise."""
    noise = {f"noise.{i}": (1, 1, 2 ** (i // 2 + 2), 2 ** (i // 2 + 2)) for i in range(18)}
    return {**ported_shapes(), **noise, "mean_w": (512,), "eps": ()}


def _nvidia(name: str, file: str, source: str, faces: str) -> PublishedFile:
    return PublishedFile(
        name=name,
        file=file,
        source=source,
        licence=_TERMS,
        free_use=False,
        model="stylegan",
        paper=_PAPER,
        build=f"{_HERE}:full_shapes",
        convert=_TO_HOUSE,
        note=f"Three networks, of which the averaged generator is taken. {faces} Nothing in the pickle is run.",
    )


def _ported(name: str, file: str, source: str, licence: str, build: str, paper: str, note: str) -> PublishedFile:
    return PublishedFile(
        name=name,
        file=file,
        source=source,
        licence=licence,
        free_use=False,
        model="stylegan",
        paper=paper,
        build=f"{_HERE}:{build}",
        convert=_TO_HOUSE,
        note=note,
    )


PUBLISHED: tuple[PublishedFile, ...] = (
    _ported(
        "pulse-synthesis",
        "synthesis.pt",
        "adamian98/pulse, Google Drive id 1TCViX1YpQyRsklTVYEJwdbmK91vklCo8",
        _PULSE_TERMS,
        "pulse_synthesis_shapes",
        _PULSE,
        "The generator of 1024 px alone; styles from Gaussian codes need pulse-mapping too.",
    ),
    _ported(
        "pulse-mapping",
        "mapping.pt",
        "adamian98/pulse, Google Drive id 14R6iHGf5iuVx3DMNsACAl7eBr7Vdpd0k",
        _PULSE_TERMS,
        "pulse_mapping_shapes",
        _PULSE,
        "From Gaussian codes to styles, for pulse-synthesis.",
    ),
    _nvidia(
        "stylegan-ffhq",
        "karras2019stylegan-ffhq-1024x1024.pkl",
        "NVlabs/stylegan, Google Drive id 1MEGjdvVpUsu1jB4zrXZN7Y4kBBOzizDQ",
        "Faces of FFHQ.",
    ),
    _ported(
        "stylegan-ffhq-port",
        "karras2019stylegan-ffhq-1024x1024.for_g_all.pt",
        "lernapparat/lernapparat, GitHub release v2019-02-01",
        f"{_TERMS} (said in the notebook beside it)",
        "ported_shapes",
        _PAPER,
        "The same networks as stylegan-ffhq, without mean style and fixed noise.",
    ),
    _nvidia(
        "stylegan-celebahq",
        "karras2019stylegan-celebahq-1024x1024.pkl",
        "NVlabs/stylegan, Google Drive id 1MGqJl28pN4t7SAtSrPdSRJSQJqahkzUf",
        "Faces of CelebA-HQ.",
    ),
)
"""One entry a file. What InterFaceGAN's tool makes of a pickle is imported under the pickle's name."""


def terms(weights: str, file: str) -> tuple[str, str]:
    """Name and licence of weights, where the name or the file's name is a published one; else the name alone.

    Args:
        weights: what the user named.
        file: name of the file, without folders.
    """
    for each in PUBLISHED:
        if weights == each.name or file == each.file:
            return each.name, each.licence
    return file.rsplit(".", 1)[0], ""
