"""Whose face it is: dlib's face net as a torch module, a VGG-16 for the user's own weights, and a judge of likeness."""

from __future__ import annotations

from sharpening.models.face_id.judge import FaceJudge, Likeness
from sharpening.models.face_id.resnet29 import DlibResNet29, load_resnet29
from sharpening.models.face_id.vgg import Vgg16Extractor, vgg16_extractor

__all__ = ["DlibResNet29", "FaceJudge", "Likeness", "Vgg16Extractor", "load_resnet29", "vgg16_extractor"]
