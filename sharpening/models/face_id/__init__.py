"""Whose face it is, and how usable: three face nets with one protocol, a judge of likeness, and SER-FIQ."""

from __future__ import annotations

from sharpening.models.face_id.arc_chip import extract_arc_chip
from sharpening.models.face_id.ir_se50 import IrSe50, load_ir_se50
from sharpening.models.face_id.judge import FaceJudge, Likeness
from sharpening.models.face_id.protocol import FaceNet
from sharpening.models.face_id.quality import load_serfiq, serfiq_through
from sharpening.models.face_id.resnet29 import DlibResNet29, load_resnet29
from sharpening.models.face_id.vgg import Vgg16Extractor, vgg16_extractor
from sharpening.models.face_id.vgg_face import VggFace, load_vgg_face

__all__ = [
    "DlibResNet29",
    "FaceJudge",
    "FaceNet",
    "IrSe50",
    "Likeness",
    "Vgg16Extractor",
    "VggFace",
    "extract_arc_chip",
    "load_ir_se50",
    "load_resnet29",
    "load_serfiq",
    "load_vgg_face",
    "serfiq_through",
    "vgg16_extractor",
]
