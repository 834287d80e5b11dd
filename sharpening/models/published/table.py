"""The table of published files: each room keeps its own entries; those of older rooms are here."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from typing import cast

import torch
from torch import nn

from sharpening.weights.published import PublishedFile

__all__ = ["ROOMS", "expected", "published_files", "vgg_face_dag_shapes", "vgg_face_t7_shapes"]

ROOMS = ("stylegan", "pulse", "interface_gan", "psfr_gan", "few_shot", "sr_gan")
"""Rooms of `models` that have a `published.py`."""

_RESEARCH = "for research and education, not for commerce"
_TORCHVISION = "download.pytorch.org/models"
_HERE = "sharpening.models.published.table"


def _torchvision(name: str, file: str, paper: str) -> PublishedFile:
    return PublishedFile(
        name=name,
        file=file,
        source=f"{_TORCHVISION}/{file}",
        licence="BSD-3-Clause for the code; trained on ImageNet, whose pictures are for non-commercial research",
        free_use=False,
        model=name,
        paper=paper,
        build=f"torchvision.models:{name}",
        sha256=file.removesuffix(".pth").partition("-")[2],  # torchvision puts the first digits into the name
    )


def _vgg_face(name: str, file: str, source: str, build: str) -> PublishedFile:
    return PublishedFile(
        name=name,
        file=file,
        source=source,
        licence=_RESEARCH,
        free_use=False,
        model="vgg_face",
        paper="Parkhi et al., Deep face recognition, BMVC 2015",
        build=f"{_HERE}:{build}",
        note="For the feature loss of the thesis, and as a face net.",
    )


_VGG = "Simonyan and Zisserman, Very deep convolutional networks, 2014, arXiv:1409.1556"
_RESNET = "He et al., Deep residual learning, CVPR 2016, arXiv:1512.03385"

OLDER: tuple[PublishedFile, ...] = (
    PublishedFile(
        name="celebamaskhq_unet",
        file="model.pth",
        source="switchablenorms/CelebAMask-HQ, face_parsing/models/parsenet, Google Drive id 1o1m-eT38zNCIFldcRaoWcLvvBtY8S4W3",
        licence=_RESEARCH,
        free_use=False,
        model="celebamaskhq_unet",
        paper="Lee et al., MaskGAN, CVPR 2020, arXiv:1907.11922",
        build="sharpening.models.face_seg.celebamaskhq_unet:CelebAMaskHQUNet",
        note="A face parser, for masks: sharpening reconstruct --masks celebamaskhq_unet.",
    ),
    PublishedFile(
        name="bisenet_face",
        file="79999_iter.pth",
        source="zllrunning/face-parsing.PyTorch, Google Drive id 154JgKpzCPW82qINcVieuPH3fZ2e0P812",
        licence=f"MIT for the code; its training data (CelebAMask-HQ) is {_RESEARCH}",
        free_use=False,
        model="bisenet_face",
        paper="Yu et al., BiSeNet, ECCV 2018, arXiv:1808.00897",
        build="sharpening.models.face_seg.bisenet:BiSeNet",
        note="A face parser, for masks: sharpening reconstruct --masks bisenet_face.",
    ),
    PublishedFile(
        name="ir_se50",
        file="model_ir_se50.pth",
        source="TreB1eN/InsightFace_Pytorch, OneDrive and Baidu links in its README",
        licence="MIT for the code; the terms of its training data apply",
        free_use=False,
        model="ir_se50",
        paper="Deng et al., ArcFace, CVPR 2019, arXiv:1801.07698",
        build="sharpening.models.face_id.ir_se50:IrSe50",
        note="A face net, for SER-FIQ and identity.",
    ),
    _vgg_face("vgg-face-dag", "vgg_face_dag.pth", "robots.ox.ac.uk/~albanie/models/pytorch-mcn", "vgg_face_dag_shapes"),
    _vgg_face(
        "vgg-face-t7", "VGG_FACE.pth", "VGG_FACE.t7 of robots.ox.ac.uk, converted by prlz77/vgg-face.pytorch", "vgg_face_t7_shapes"
    ),
    _torchvision("vgg16", "vgg16-397923af.pth", _VGG),
    _torchvision("vgg16_bn", "vgg16_bn-6c64b313.pth", _VGG),
    _torchvision("vgg19", "vgg19-dcbb9e9d.pth", _VGG),
    _torchvision("resnet34", "resnet34-b627a593.pth", _RESNET),
    _torchvision("resnet18", "resnet18-f37072fd.pth", _RESNET),
)


@functools.cache
def published_files() -> Mapping[str, PublishedFile]:
    """All known published files by the names that they have here."""
    rooms = [importlib.import_module(f"sharpening.models.{room}.published").PUBLISHED for room in ROOMS]
    entries = [entry for room in rooms for entry in room] + list(OLDER)
    return {entry.name: entry for entry in entries}


def load_target(target: str) -> object:
    """What a "package.module:attribute" names."""
    module, attribute = target.split(":")
    return getattr(importlib.import_module(module), attribute)


@functools.cache
def expected(entry: PublishedFile) -> Mapping[str, tuple[int, ...]]:
    """Names and shapes of the tensors of a published file, after its conversion."""
    build = load_target(entry.build)
    with torch.device("meta"):
        made = build() if callable(build) else build
    if isinstance(made, nn.Module):
        return {key: tuple(value.shape) for key, value in made.state_dict().items()}
    return dict(cast("Mapping[str, tuple[int, ...]]", made))


def vgg_face_dag_shapes() -> dict[str, tuple[int, ...]]:
    """Of `vgg_face_dag.pth`: conv1_1 … fc8."""
    return _vgg_face_shapes("conv{}_{}")


def vgg_face_t7_shapes() -> dict[str, tuple[int, ...]]:
    """Of the converted Torch7 file: conv_1_1 … fc8."""
    return _vgg_face_shapes("conv_{}_{}")


def _vgg_face_shapes(pattern: str) -> dict[str, tuple[int, ...]]:
    from sharpening.models.face_id.vgg import VGG_GROUPS

    shapes: dict[str, tuple[int, ...]] = {}
    n_in = 3
    for group, widths in enumerate(VGG_GROUPS, start=1):
        for number, n_out in enumerate(widths, start=1):
            shapes |= {
                f"{pattern.format(group, number)}.weight": (n_out, n_in, 3, 3),
                f"{pattern.format(group, number)}.bias": (n_out,),
            }
            n_in = n_out
    for name, n_out, n_in in (("fc6", 4096, 25088), ("fc7", 4096, 4096), ("fc8", 2622, 4096)):
        shapes |= {f"{name}.weight": (n_out, n_in), f"{name}.bias": (n_out,)}
    return shapes
