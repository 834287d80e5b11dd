"""Likeness of persons: how near the descriptors of two faces are.

Descriptors come from outside (`models.face_id.FaceJudge`); a face that was not found has NaN there, and NaN comes out.
With dlib's descriptors a distance under 0.6 counts as the same person. They point all roughly one way, so cosines of strangers are
high too (40 training stills: mean 0.84, nine in ten 0.78 to 0.91): compare cosines with those of other methods, not with 0.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from sharpening.imaging.pairs import as_pair
from sharpening.metrics.metric import Metric

__all__ = ["IDENTITY_COSINE", "IDENTITY_DISTANCE", "identity_cosine", "identity_distance"]


def identity_cosine(pred: Tensor, target: Tensor) -> Tensor:
    """Cosine `[bs]` of the angle between descriptors `[bs, d]`; NaN where either face was not found."""
    pred, target = as_pair(pred, target, what="descriptors")
    return F.cosine_similarity(pred, target, dim=1)


def identity_distance(pred: Tensor, target: Tensor) -> Tensor:
    """Euclidean distance `[bs]` between descriptors `[bs, d]`; NaN where either face was not found."""
    pred, target = as_pair(pred, target, what="descriptors")
    return torch.linalg.vector_norm(pred - target, dim=1)


IDENTITY_COSINE = Metric(
    "identity cosine", "-", "higher", (-1.0, 1.0), needs_target=True, fn=identity_cosine, inputs="descriptors", decimals=4
)
IDENTITY_DISTANCE = Metric(
    "identity distance", "-", "lower", (0.0, float("inf")), needs_target=True, fn=identity_distance, inputs="descriptors"
)
