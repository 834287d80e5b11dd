"""InterFaceGAN: changing one attribute of a generated face along the normal of a boundary in the generator's latent space."""

from __future__ import annotations

from sharpening.models.interface_gan.boundary import Boundary, load_boundary
from sharpening.models.interface_gan.edit import conditional, distances_of, edit, edited_pictures
from sharpening.models.interface_gan.scores import pose_score, smile_score
from sharpening.models.interface_gan.train import TrainedBoundary, train_boundary

__all__ = [
    "Boundary",
    "TrainedBoundary",
    "conditional",
    "distances_of",
    "edit",
    "edited_pictures",
    "load_boundary",
    "pose_score",
    "smile_score",
    "train_boundary",
]
